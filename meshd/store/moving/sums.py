"""Checksums of rows that do not depend on the rows' order: databases sort texts in different ways.

A row's sum is 128 bits of BLAKE2b over its values; a table's is the sum of its rows' modulo 2**128.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from meshd.store.unit import Row

_ALL = 2**128 - 1


class Sum(NamedTuple):
    """How many rows there are, and their checksum."""

    rows: int = 0
    digest: int = 0

    def plus(self, other: Sum) -> Sum:
        return Sum(self.rows + other.rows, (self.digest + other.digest) & _ALL)

    def minus(self, other: Sum) -> Sum:
        return Sum(self.rows - other.rows, (self.digest - other.digest) & _ALL)

    @property
    def text(self) -> str:
        """The checksum in 32 hexadecimal digits."""
        return f"{self.digest:032x}"


def of(rows: Iterable[Row]) -> Sum:
    """The sum of rows of integers, texts, bytes and None, each with its columns in the same order."""
    count = total = 0
    for row in rows:
        # The repr of such a tuple is the same for the same values only.
        digest = blake2b(repr(row).encode("utf-8", "surrogateescape"), digest_size=16).digest()
        total += int.from_bytes(digest)
        count += 1
    return Sum(count, total & _ALL)
