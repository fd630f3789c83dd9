"""The field lines of a message, in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterator


class Fields:
    """An ordered list of (name, value), names as they were sent.

    Methods take a name in lower case.  The index is built by the first look-up, so that a head whose fields are only
    passed on needs none.
    """

    __slots__ = ("_index", "_names", "pairs")

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self.pairs = pairs
        self._names: list[bytes] | None = None
        self._index: dict[bytes, bytes] | None = None

    @property
    def names(self) -> list[bytes]:
        """The names in lower case, one for each line, in order."""
        if self._names is None:
            self._names = [name.lower() for name, _ in self.pairs]
        return self._names

    def get(self, name: bytes, /) -> bytes | None:
        """The first value of that name; None where there is none."""
        return (self._index or self._indexed()).get(name)

    def all(self, name: bytes, /) -> list[bytes]:
        """Every value of that name, in order."""
        index = self._index or self._indexed()
        first = index.get(name)
        if first is None:
            return []
        if len(index) == len(self.pairs):
            return [first]
        return [value for key, (_, value) in zip(self.names, self.pairs, strict=True) if key == name]

    def tokens(self, name: bytes) -> list[bytes]:
        """The members of a comma-separated field, over all its lines, in lower case, empty ones left out."""
        if name not in (self._index or self._indexed()):
            return []
        members = (member.strip(b" \t") for member in b",".join(self.all(name)).lower().split(b","))
        return [member for member in members if member]

    def _indexed(self) -> dict[bytes, bytes]:
        # Backwards, so that the first of a name is the one that stays.
        self._index = {name.lower(): value for name, value in reversed(self.pairs)}
        return self._index

    def __contains__(self, name: object, /) -> bool:
        return name in (self._index or self._indexed())

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        return self.pairs == other.pairs if isinstance(other, Fields) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Names only: values carry credentials, and a repr ends in logs."""
        return f"Fields({b', '.join(name for name, _ in self.pairs)!r})"
