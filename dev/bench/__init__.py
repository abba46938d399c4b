"""The benchmarks: each is a package of its own, run with `python -m bench.NAME`."""
