"""The log of weights: its file, what reads it, and other places that its records can go to."""
