"""The command line as a tree of nouns and verbs (`meshd account create`), and the options that may stand anywhere."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable

from meshd.cli.context import Context

Act = Callable[[Context, Namespace], None]


def common() -> ArgumentParser:
    """A parser of the options that are understood before and after the sub-command.

    These options have no default: the default of the later place would undo the value from the earlier.
    """
    options = ArgumentParser(add_help=False, argument_default=SUPPRESS)
    options.add_argument("--data-dir", metavar="DIR", help="the data folder, as for the daemon")
    options.add_argument("--config", metavar="FILE", help="the settings file, as for the daemon")
    options.add_argument("--json", action="store_true", help="print JSON")
    return options


def add_progress(parser: ArgumentParser) -> None:
    """Add `--progress`, the option of a command that can take long."""
    parser.add_argument("--progress", action="store_true", help="tell on stderr how far it is, without a terminal too")


class Verbs:
    """The sub-commands of one noun, or the top of all nouns."""

    def __init__(self, parser: ArgumentParser, shared: ArgumentParser, title: str) -> None:
        self._shared = shared
        self._parsers = parser.add_subparsers(metavar=title, required=True, title="commands")

    def verb(self, name: str, act: Act, doing: str) -> ArgumentParser:
        """Add a command that `act` carries out."""
        parser = self._add(name, doing)
        parser.set_defaults(act=act, parser=parser)
        return parser

    def noun(self, name: str, doing: str) -> Verbs:
        """Add a word that verbs follow, as `account` in `meshd account create`."""
        return Verbs(self._add(name, doing), self._shared, "COMMAND")

    def _add(self, name: str, doing: str) -> ArgumentParser:
        return self._parsers.add_parser(name, parents=[self._shared], help=doing, description=doing, allow_abbrev=False)
