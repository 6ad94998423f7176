// The overlay as one file for VTM's glob. `idse/` beside it has the sources.
#include "idse/frequency_sse.cpp"
#include "idse/level_weights.cpp"
#include "idse/map_file.cpp"
#include "idse/overlay.cpp"
#include "idse/picture_weights.cpp"
#include "idse/tools.cpp"
#include "idse/weighted_sse.cpp"
#if !(defined(__x86_64__) || defined(_M_X64))
#include "idse/frequency_sse_avx2.cpp"
#include "idse/weighted_sse_avx2.cpp"
#endif
