// VTM's glob compiles what lies in x86/avx2 with AVX2 switched on.
#if defined(__x86_64__) || defined(_M_X64)
#include "idse/frequency_sse_avx2.cpp"
#include "idse/weighted_sse_avx2.cpp"
#endif
