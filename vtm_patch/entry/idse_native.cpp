// What the overlay shares with the native encoder, as one file for VTM's glob.
#include "idse/vvc/weights/frequency_gains.cpp"
#include "idse/vvc/weights/plane_weights.cpp"
#include "idse/vvc/weights/shaping.cpp"
