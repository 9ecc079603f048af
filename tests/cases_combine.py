"""Rows of the sets of combinators."""

ROWS = []
