"""`python -m idse`."""

from idse.cli.main import run

run()
