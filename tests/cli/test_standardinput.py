from __future__ import annotations

import io
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import TextIO

from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.standardinput import may_hold
from tests.accounts.support import named


def file_of(text: str) -> Callable[[ExitStack], TextIO]:
    def opened(stack: ExitStack) -> TextIO:
        file = stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 (the stack closes it)
        file.write(text)
        file.seek(0)
        return file  # type: ignore[return-value]

    return opened


def read_file(stack: ExitStack) -> TextIO:
    file = file_of("text")(stack)
    os.lseek(file.fileno(), 0, os.SEEK_END)
    return file


def pipe_of(data: bytes, *, ended: bool) -> Callable[[ExitStack], TextIO]:
    def opened(stack: ExitStack) -> TextIO:
        ours, theirs = os.pipe()
        os.write(theirs, data)
        stack.callback(os.close, theirs) if not ended else os.close(theirs)
        return stack.enter_context(os.fdopen(ours))

    return opened


def socket_of(data: bytes, *, ended: bool) -> Callable[[ExitStack], TextIO]:
    def opened(stack: ExitStack) -> TextIO:
        ours, theirs = map(stack.enter_context, socket.socketpair())
        theirs.sendall(data)
        if ended:
            theirs.close()
        return stack.enter_context(os.fdopen(ours.detach()))

    return opened


def closed(stack: ExitStack) -> TextIO:
    text = io.StringIO("text")
    text.close()
    return text


INPUTS: dict[str, tuple[Callable[[ExitStack], TextIO], bool]] = {
    "/dev/null": (lambda stack: stack.enter_context(open(os.devnull)), False),  # noqa: SIM115 (likewise)
    "an empty file": (file_of(""), False),
    "a file": (file_of("text"), True),
    "a file at its end": (read_file, False),
    "a pipe with something in it": (pipe_of(b"x", ended=False), True),
    "the same, its writer gone": (pipe_of(b"x", ended=True), True),
    "a pipe whose writer has gone without a word": (pipe_of(b"", ended=True), False),
    "a pipe whose writer may still write": (pipe_of(b"", ended=False), True),
    "a socket with something in it": (socket_of(b"x", ended=True), True),
    "a socket whose peer has gone": (socket_of(b"", ended=True), False),
    "a socket whose peer may still write": (socket_of(b"", ended=False), True),
    "text of this process": (lambda stack: io.StringIO("text"), True),
    "no text of this process": (lambda stack: io.StringIO(), False),
    "a closed one": (closed, False),
}


class StandardInputTests(SynchronousTestCase):
    def test_whether_it_may_hold_something(self) -> None:
        """Without waiting for it, and without taking it from whoever comes next."""
        for sentence, (opened, expected) in INPUTS.items():
            with named(sentence), ExitStack() as stack:
                stdin = opened(stack)
                self.assertIs(may_hold(stdin), expected)
                if expected and not isinstance(stdin, io.StringIO) and "may still" not in sentence:
                    self.assertTrue(os.read(stdin.fileno(), 1))
