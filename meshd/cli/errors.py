"""The exception of a command that cannot be carried out."""

from __future__ import annotations


class Refused(Exception):
    """A command that cannot be carried out; the text is the reason, one line for whoever typed the command."""
