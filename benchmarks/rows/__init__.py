"""The rows of the benchmark, each in a module of its own."""
