"""`python -m watchpost` is the command `watchpost`."""

from watchpost.fronts.cli import main

main()
