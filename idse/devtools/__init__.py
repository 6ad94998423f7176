"""Code that only scripts, benchmarks and tests use: conformance checks, teacher maps, tables."""
