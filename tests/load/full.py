"""All checks of load and faults in full size: `python -m tests.load.full [FILE]`; it adds figures to FILE."""

from __future__ import annotations

import os
import sys

COMMAND = (sys.executable, "-m", "pytest", "-n", "0", "-s", "-q", "tests/load", "tests/faults")

if __name__ == "__main__":
    figures = {"FIGURES": os.path.abspath(sys.argv[1])} if len(sys.argv) > 1 else {}
    os.execve(COMMAND[0], COMMAND, os.environ | {"FULL": "1"} | figures)
