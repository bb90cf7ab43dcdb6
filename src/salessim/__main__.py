"""`python -m salessim` is the command line."""

from salessim.cli import main

main()
