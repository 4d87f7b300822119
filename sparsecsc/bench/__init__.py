"""Benchmarks: named problems, our solvers and the rivals that are installed, honest measuring.

``sparsecsc bench`` and the scripts of ``benchmarks/`` run on this. A rival that is not installed is
reported as absent.
"""
