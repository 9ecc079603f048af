"""Rows of the sets of patterns, grids and structured matrices."""

ROWS = []
