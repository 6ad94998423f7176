"""Sweeps: a plan (TOML) of data set, detectors and codecs, run on this machine or a Dask cluster, kept in SQLite."""
