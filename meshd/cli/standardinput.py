"""Whether a standard input that is no terminal holds anything."""

from __future__ import annotations

import fcntl
import select
import struct
import termios
from typing import TextIO


def may_hold(stdin: TextIO) -> bool:
    """Whether stdin has bytes, or may yet get some: not on `/dev/null`, nor at the end of a file or a pipe.

    The check reads nothing from a file or a pipe, and does not wait.
    """
    try:
        descriptor = stdin.fileno()
    except (OSError, ValueError):  # no file of the system's, or closed
        return not stdin.closed and stdin.read(1) != ""
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    if not ready.poll(0):  # open, and silent until now
        return True
    try:
        (size,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    except OSError:  # a device that counts nothing, as /dev/null
        return False
    return bool(size)
