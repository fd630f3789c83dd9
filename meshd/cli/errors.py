"""A command that cannot be carried out."""

from __future__ import annotations


class Refused(Exception):
    """The reason, one line for whoever typed the command."""
