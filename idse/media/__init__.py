"""Pictures: `frame.Frame`, and reading and writing them as YUV, Y4M, PNG, JPEG or whatever PyAV decodes."""
