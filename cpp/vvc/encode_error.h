// The exception that the encoder throws if its arguments cannot be coded.
#pragma once

#include <stdexcept>

namespace idse::vvc {

// An argument cannot be coded; the message is for the user.
class EncodeError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

}  // namespace idse::vvc
