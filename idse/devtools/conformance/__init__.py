"""Bit-exact conformance checks of idse's streams with other decoders, and of a patched VTM."""
