"""Benchmarks: programs that print a table, run by ``make bench*``. They measure; they never pass or fail."""
