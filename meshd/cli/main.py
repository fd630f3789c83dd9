"""The `meshd` command: the same rules on the same store as the daemon, whether or not it runs.

Exit codes: 0 done, 1 refused with one line of reason on stderr, 2 wrong usage; as shells have it, 130 after Ctrl-C and
141 where whoever read the output went away.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper

from meshd.accounts.errors import AccountError
from meshd.cli import (
    account,
    allowlist,
    audit,
    backup,
    config,
    coupon,
    daemon,
    doctor,
    exchange,
    exits,
    explain,
    invite,
    move,
    node,
    notify,
    order,
    overview,
    proxy,
    ready,
    reports,
    run,
    token,
    usage,
)
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs, common
from meshd.config.errors import ConfigError, one_line
from meshd.fast import built
from meshd.store.interface import StoreError

DONE, REFUSED, INTERRUPTED, UNREAD = 0, 1, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command; argv without the program's name."""
    try:
        args = parser().parse_args(argv)
    except SystemExit as end:  # --help, --version and wrong usage
        return end.code if isinstance(end.code, int) else REFUSED
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a label need not be of this terminal's alphabet
            stream.reconfigure(errors="backslashreplace")
    try:
        return _carry_out(args)
    except BrokenPipeError:
        _drop_output()
        return UNREAD
    except OSError as error:  # of writing: the disk is full, the terminal is gone
        _drop_output()
        return _say(error.strerror or str(error), REFUSED)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)


def parser() -> ArgumentParser:
    """The whole command line."""
    shared = common()
    top = ArgumentParser(prog="meshd", description=__doc__, parents=[shared], allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"meshd {_version()} ({built()})")
    nouns = Verbs(top, shared, "COMMAND")
    for module in (
        account,
        token,
        run,
        allowlist,
        proxy,
        exits,
        node,
        notify,
        exchange,
        explain,
        invite,
        overview,
        usage,
        reports,
        order,
        coupon,
        audit,
        config,
        doctor,
        backup,
        move,
        daemon,
        ready,
    ):
        module.add_to(nouns)
    return top


def _carry_out(args: Namespace) -> int:
    context = Context(args)
    try:
        args.act(context, args)
        context.out.flush()
    except (AccountError, ConfigError, Refused, StoreError) as error:
        context.out.flush()
        return _say(str(error), REFUSED)
    except SystemExit as end:  # a command that finds its own usage wrong
        return end.code if isinstance(end.code, int) else REFUSED
    finally:
        context.close()
    return DONE


def _say(text: str, code: int) -> int:
    """Print an error in one line, whatever an argument or a file put into the text; the exit code is passed on."""
    print(f"meshd: {one_line(text)}", file=sys.stderr)
    return code


def _drop_output() -> None:
    """Point stdout at /dev/null: nobody reads it, and the interpreter would fail to write the rest at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version() -> str:
    try:
        return version("meshd")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
