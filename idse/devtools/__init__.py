"""What only scripts, benchmarks and tests use: conformance checks, training of the embedded extractor, tables."""
