"""The report: tables, plots and pictures from what a sweep measured; it runs nothing itself."""
