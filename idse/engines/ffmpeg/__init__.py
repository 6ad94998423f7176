"""The anchors' encoders as engines, all intra: x265, SVT-AV1, x264 through PyAV's FFmpeg, JPEG through Pillow."""
