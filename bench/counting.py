"""A daemon whose bytecodes are counted: `python bench/counting.py FILE PYTHON -c CODE WORDS`, its own command last.

Imports nothing of meshd, which may be another tree's.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

BEGIN, END = signal.SIGRTMIN + 3, signal.SIGRTMIN + 4


class Counting:
    """Counts from one signal to another, and writes a file then."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._bytecodes: Counter[CodeType] = Counter()
        self._calls: Counter[CodeType] = Counter()
        signal.signal(BEGIN, lambda *_: sys.settrace(self._called))
        signal.signal(END, lambda *_: self._write())

    def _called(self, frame: FrameType, event: str, given: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self._calls[frame.f_code] += 1
        return self._counted

    def _counted(self, frame: FrameType, event: str, given: Any) -> Any:
        if event == "opcode":
            self._bytecodes[frame.f_code] += 1
        return self._counted

    def _write(self) -> None:
        sys.settrace(None)
        found = [(named(code), count, self._calls[code]) for code, count in self._bytecodes.items()]
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps(found))
        written.rename(self._path)


def named(code: CodeType) -> str:
    """The function, and the last two parts of its file's path."""
    return f"{code.co_qualname} ({'/'.join(Path(code.co_filename).parts[-2:])})"


if __name__ == "__main__":
    counting = Counting(sys.argv[1])
    command = sys.argv[4]
    sys.argv = ["twistd", *sys.argv[5:]]
    sys.path[0] = ""  # as with -c
    exec(command)
