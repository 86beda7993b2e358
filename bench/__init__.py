"""Is it fast? Faltung against its peers in one run; see docs/benchmarks.md."""
