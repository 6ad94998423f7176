"""The same figures for other programs: CSV, Markdown, LaTeX, CompressAI's JSON."""
