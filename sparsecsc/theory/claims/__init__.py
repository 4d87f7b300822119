"""The claims, a file per family; each file lists its own in a tuple `CLAIMS`."""
