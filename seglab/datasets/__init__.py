"""Data sets, all yielding the same `seglab.types.Sample`."""
