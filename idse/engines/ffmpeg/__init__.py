"""The all-intra anchors as engines: x265, SVT-AV1 and x264 through PyAV's FFmpeg, JPEG through Pillow."""
