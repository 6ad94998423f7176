// What the encoder throws when its arguments cannot be coded.
#pragma once

#include <stdexcept>

namespace idse::vvc {

// An argument that cannot be coded: message in the field's words, for the user.
class EncodeError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

}  // namespace idse::vvc
