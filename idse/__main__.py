"""`python -m idse`."""

from idse.cli import run

run()
