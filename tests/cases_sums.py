"""Rows of the sets of norms, sums and orders."""

ROWS = []
