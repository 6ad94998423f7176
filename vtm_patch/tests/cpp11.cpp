// Compiled as C++11, as VTM 8.2 and 10.0 are: what their files include of ours.
#include "hooks.h"

struct Statistics {
    std::int64_t diff[4];
    std::int64_t count[4];
};
template class idse::vtm::SaoWeight<Statistics>;

void use_all_of_it(Picture& picture, Quant& quant, const TransformUnit& unit);
void use_all_of_it(Picture& picture, Quant& quant, const TransformUnit& unit) {
    idse::vtm::start_picture_of(picture);
    const idse::vtm::QuantLambda lambda(quant, unit, COMPONENT_Y, true);
}
