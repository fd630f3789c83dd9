"""Completion of the `meshd` command in shells, made from its parser by shtab, at no cost when the command runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

import shtab

from meshd.cli.main import parser as command_line

FILES: Mapping[str, str] = {"bash": "meshd.bash", "zsh": "_meshd", "fish": "meshd.fish"}

PATHS = {"FILE": shtab.FILE, "file": shtab.FILE, "DIR": shtab.DIRECTORY}
"""By the name that stands for a value: what the shell completes it with."""


def scripts() -> Iterator[tuple[str, str]]:
    """The name of each shell's file, and its text."""
    parser = command_line()
    _tell_paths(parser)
    for shell, file in FILES.items():
        yield file, shtab.complete(parser, shell)


def _tell_paths(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for nested in action.choices.values():
                _tell_paths(nested)
        elif complete := PATHS.get(str(action.metavar or action.dest)):
            action.complete = complete  # type: ignore[attr-defined]  # shtab looks for it there
