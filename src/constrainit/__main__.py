"""`python -m constrainit`."""

from constrainit.cli import main

main()
