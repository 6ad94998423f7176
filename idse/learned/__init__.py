"""Learned codecs beside VVC: their networks, task losses, training, and real streams.

`models` contains the networks (built on CompressAI's layers, entropy models and rANS coder), `tasks` the task losses of
detectors on decoded pictures. `training` trains the networks and writes a codec file; `coding` codes pictures into
streams with such a file, and decodes them. Nothing here depends on VVC; `idse.learned.engine` makes a trained codec
available as an engine.
"""
