"""What matters in a picture: sketched Jacobians, weight maps and their file.

Importing this package imports no torch; only `api.estimate_map` does.
"""
