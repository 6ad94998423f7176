// log2 and exp2 from additions and multiplications alone, so that shaped weights do not depend on a C
// library.
#pragma once

#include <cmath>

namespace idse::vvc {

// log2(x) for finite x > 0, error below 1e-12: frexp, then the series of 2 atanh((m - 1) / (m + 1)) / ln 2.
inline double portable_log2(double x) {
    int exponent = 0;
    double m = std::frexp(x, &exponent);  // [0.5, 1)
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    const double t = (m - 1) / (m + 1);
    const double t2 = t * t;
    double term = t;
    double sum = 0;
    for (int k = 1; k < 40; k += 2) {
        sum += term / k;
        term *= t2;
    }
    return exponent + sum * 2.8853900817779268;  // 2 / ln 2
}

// 2^x for |x| < 1000, relative error below 1e-12.
inline double portable_exp2(double x) {
    const double whole = std::floor(x + 0.5);
    const double f = (x - whole) * 0.69314718055994531;
    double term = 1;
    double sum = 1;
    for (int k = 1; k < 20; k++) {
        term *= f / k;
        sum += term;
    }
    return std::ldexp(sum, int(whole));
}

}  // namespace idse::vvc
