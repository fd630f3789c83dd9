"""A program that asks for a password at its terminal is given one there; its input and output stay what they are.

python terminal.py PASSWORD COMMAND…
"""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import termios

PROMPT = b"password for"


def main(password: str, command: list[str]) -> int:
    """Its exit status; each time it asks it is told the same."""
    ours, theirs = os.openpty()

    def own() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    heard = b""
    with subprocess.Popen(command, start_new_session=True, preexec_fn=own, pass_fds=(theirs,)) as process:  # noqa: PLW1509
        os.close(0)
        os.close(1)  # who reads there waits for the program, not for this one
        while process.poll() is None:
            if select.select([ours], [], [], 0.05)[0]:
                heard += os.read(ours, 4096)
            if PROMPT in heard:
                heard = b""
                os.write(ours, f"{password}\n".encode())
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
