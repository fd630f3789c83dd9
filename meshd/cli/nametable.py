"""Names with a short text each, as many as a file has rows."""

from __future__ import annotations

BUCKETS = 65_536
"""With a million names each has some 15, which are found faster than an object for each would be made."""


class NameTable:
    """Names that hold no white space, each with a text of one line.

    Those of a bucket stand in one string: 30 bytes a name, where a dict takes 200.
    """

    def __init__(self) -> None:
        self._buckets = [""] * BUCKETS

    def get(self, name: str) -> str | None:
        """What stands beside the name; None for a name that is not there."""
        bucket, begin = self._buckets[hash(name) % BUCKETS], f"\n{name}\t"
        at = bucket.find(begin)
        return None if at < 0 or not _plain(name) else bucket[at + len(begin) : bucket.index("\n", at + 1)]

    def put(self, name: str, text: str) -> None:
        """Set what stands beside the name.  Raises: ValueError for a name with white space in it."""
        if not _plain(name):
            raise ValueError("a name with white space")
        number = hash(name) % BUCKETS
        bucket, begin = self._buckets[number] or "\n", f"\n{name}\t"
        at = bucket.find(begin)
        if at < 0:
            self._buckets[number] = f"{bucket}{begin[1:]}{text}\n"
        else:
            self._buckets[number] = f"{bucket[:at]}{begin}{text}{bucket[bucket.index(chr(10), at + 1) :]}"


def _plain(name: str) -> bool:
    return "\n" not in name and "\t" not in name
