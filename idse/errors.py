"""The one exception a user's mistake raises."""

from __future__ import annotations


class IdseError(ValueError):
    """A mistake of the user's that one line explains: what is wrong, and what to do about it.

    The command line prints the message as it is and exits with 2; no trace of the stack. Everything else that is
    raised is a defect of idse.
    """
