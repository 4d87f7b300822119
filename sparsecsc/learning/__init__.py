"""Convolutional dictionary learning: filters and codes, in turn."""
