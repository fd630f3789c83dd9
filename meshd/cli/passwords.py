"""Passwords for the command line: from a prompt, from standard input, or made and shown once.  Never from an argument,
which every user of the machine could read.
"""

from __future__ import annotations

import getpass
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from meshd.accounts import validate
from meshd.auth.passwords import hash_now
from meshd.auth.secrets import new_password
from meshd.cli.errors import Refused
from meshd.cli.standardinput import may_hold

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ChosenPassword:
    """The hash to store ("" for no password), and the clear text of a generated password, to be shown; else ""."""

    password_hash: str = field(repr=False)
    generated: str = field(default="", repr=False)


def add_to(parser: ArgumentParser) -> None:
    """Add the options of a command that takes a password."""
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    ways.add_argument("--generate", action="store_true", help="make a password and print it once")
    ways.add_argument("--no-password", action="store_true", help="no sign-in by password at all")


def choose(args: Namespace, stdin: TextIO, prompt: Callable[[str], str] = getpass.getpass) -> ChosenPassword:
    """The password by the way that args name, else from a prompt, else, where no input can hold one, a generated one.
    Raises: Refused where standard input may hold a password and no option says so.
    """
    if args.no_password:
        return ChosenPassword("")
    if args.password_stdin:
        return ChosenPassword(hashed(_first_line(stdin)))
    text = "" if args.generate else _typed(stdin, prompt)
    if text:
        return ChosenPassword(hashed(text))
    text = new_password()
    return ChosenPassword(hash_now(text), text)


def _typed(stdin: TextIO, prompt: Callable[[str], str]) -> str:
    """The password typed at a prompt; "" for one that is to be generated.  Raises: Refused."""
    if stdin.isatty():
        return _prompted(prompt)
    if may_hold(stdin):
        raise Refused(
            "standard input is no terminal and may hold a password: say --password-stdin to take its first line, "
            "--generate to have one made, or --no-password"
        )
    return ""


def hashed(text: str) -> str:
    """The hash of a password.  Raises: Refused for a password that is empty or too long."""
    problem = validate.password(text)
    if problem is not None:
        raise Refused(f"password: {problem}")
    return hash_now(text)


def _first_line(stdin: TextIO) -> str:
    try:
        return stdin.readline().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Refused("password: it is not UTF-8") from None


def _prompted(prompt: Callable[[str], str]) -> str:
    """Ask for a password twice; "" for one that is to be generated.  Raises: Refused."""
    for _ in range(ATTEMPTS):
        try:
            text = prompt("Password (empty: make one): ")
            if not text or text == prompt("Again: "):
                return text
        except EOFError:
            raise Refused("no password was typed") from None
    raise Refused(f"the two passwords differed {ATTEMPTS} times")
