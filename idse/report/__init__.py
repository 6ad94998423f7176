"""The report: tables, plots and pictures made from a sweep's measurements; it codes and measures nothing itself."""
