"""Learned codecs beside VVC: their networks, task losses, training, and real streams.

`models` are the networks (on CompressAI's layers, entropy models and rANS coder), `tasks` what a detector says of a
decoded picture, `training` turns both into a trained codec's file, `coding` turns that file and a picture into a stream
and back. Nothing here knows of VVC; `idse.learned.engine` makes a trained codec an engine as any other.
"""
