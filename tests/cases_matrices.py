"""Rows of the sets of matrices."""

ROWS = []
