"""Pictures: `frame.Frame`, and reading and writing YUV, Y4M, PNG, JPEG and other formats that PyAV decodes."""
