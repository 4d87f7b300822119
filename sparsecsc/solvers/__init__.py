"""Algorithms, one a file: frozen records of their own numbers."""
