"""The command line: one small module a command; `main.run` is the entry point."""
