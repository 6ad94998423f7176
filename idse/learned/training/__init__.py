"""Training codecs."""
