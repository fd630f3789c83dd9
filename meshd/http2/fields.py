"""Compressed fields (RFC 7541), by the `hpack` library's tables, in fewer steps where a field is nothing new.

Most fields of a session were said before: such a one is a byte each way, which is read and found at once.  All others
are the library's.  What is written is not Huffman-coded: in Python that takes longer than all else of an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hpack import Decoder, Encoder, HPACKDecodingError, OversizedHeaderListError
from hpack.table import HeaderTable

Field = tuple[bytes, bytes]

_STATIC, _NAMES = HeaderTable.STATIC_TABLE, HeaderTable.STATIC_TABLE_MAPPING

FIRST_OWN = len(_STATIC) + 1
"""The index of the newest entry of a session's own."""

AN_ENTRY = 32
"""Bytes that a field counts besides its own (RFC 7541, 4.1)."""

ONE_BYTE = 0x7F
"""Indexes below this one are a byte, with INDEXED set."""

INDEXED, ADDED, RESIZED = 0x80, 0x40, 0x20
"""The bit that says what a field's first byte begins, the highest that is set."""

LARGEST = 4096
"""Bytes of the table for what is written, unless the client wants fewer; it has as many before it says anything."""

SPARE = 16
"""Names and fields that are remembered besides four for each entry of the table, which has two: it drops some."""


class FieldDecoder(Decoder):
    """Decodes in one pass."""

    def decode(self, data: bytes, raw: bool = False) -> Any:
        """The fields of a block, raw whatever is asked for.  Raises: HPACKError."""
        fields: list[Field] = []
        at, size, left = 0, len(data), self.max_header_list_size
        own = self.header_table.dynamic_entries
        while at < size:
            kind = data[at]
            if INDEXED < kind < INDEXED + ONE_BYTE:
                index = kind - INDEXED
                if index < FIRST_OWN:
                    field = _STATIC[index - 1]
                elif index - FIRST_OWN < len(own):
                    field = own[index - FIRST_OWN]
                else:
                    field = self.header_table.get_by_index(index)  # which says that there is none
                at += 1
            elif kind & (INDEXED | ADDED) or not kind & RESIZED:
                field, consumed = self._literal(kind, data[at:])
                at += consumed
            elif fields:
                raise HPACKDecodingError("a size of the table behind a field")
            else:
                at += self._update_encoding_context(data[at:])
                continue
            fields.append(field)
            left -= AN_ENTRY + len(field[0]) + len(field[1])
            if left < 0:
                raise OversizedHeaderListError("more fields than may be sent")
        self._assert_valid_table_size()
        return fields

    def _literal(self, kind: int, data: bytes) -> tuple[Field, int]:
        """A field that is not an index of a byte, and how many bytes it was."""
        if kind & INDEXED:
            return self._decode_indexed(data)
        return self._decode_literal_index(data) if kind & ADDED else self._decode_literal_no_index(data)


class _FoundTable(HeaderTable):
    """A table that finds an entry without looking at all others."""

    def __init__(self) -> None:
        super().__init__()
        self.added = 0
        """Entries that were ever added, those that were too large for the table too."""
        self._places: dict[bytes | Field, int] = {}
        """Which one in order of all that were added an entry is, and the newest one of a name."""

    def add(self, name: bytes, value: bytes) -> None:
        super().add(name, value)
        self.added += 1
        if not self.dynamic_entries:  # it was larger than the table
            self._places.clear()
            return
        self._places[name] = self._places[name, value] = self.added
        if len(self._places) > SPARE + 4 * len(self.dynamic_entries):
            oldest = self.added - len(self.dynamic_entries)
            self._places = {key: place for key, place in self._places.items() if place > oldest}

    def search(self, name: bytes, value: bytes) -> tuple[int, bytes, bytes | None] | None:
        """Where a field is, by its index and with its value, or a field of that name, without a value."""
        static = _NAMES.get(name)
        index = static[1].get(value) if static is not None else None
        if index is None:
            index = self._index((name, value))
        if index is not None:
            return index, name, value
        index = static[0] if static is not None else self._index(name)
        return (index, name, None) if index is not None else None

    def _index(self, key: bytes | Field) -> int | None:
        place = self._places.get(key)
        age = self.added - place if place is not None else len(self.dynamic_entries)
        return FIRST_OWN + age if age < len(self.dynamic_entries) else None


class FieldEncoder(Encoder):
    """Encodes what the table holds at once."""

    def __init__(self) -> None:
        super().__init__()
        self._table = self.header_table = _FoundTable()
        self._last: tuple[int, list[Field], bytes] = 0, [], b""
        """A block that has changed nothing in the table: what had been added to that before, and its fields."""

    @property
    def header_table_size(self) -> int:
        """The bytes of the table; however many a client offers, no more than LARGEST are used.

        Of several that are set before a block, that says the smallest and the last (RFC 7541, 4.2).
        """
        return int(self._table.maxsize)

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        size = min(value, LARGEST)
        if size == self._table.maxsize:
            return  # and what was set before is still to be said
        self._table.maxsize = size
        smallest = min([size, *self.table_size_changes])
        self.table_size_changes = [smallest, size] if smallest < size else [size]

    def encode(self, headers: Iterable[Any], huffman: bool = False) -> bytes:
        """A block of fields, each a name and a value."""
        table, fields = self._table, list(headers)
        if table.resized:
            self._last = 0, [], b""
            return super().encode(fields, huffman=False)
        before = table.added
        if self._last[0] == before and self._last[1] == fields:
            return self._last[2]
        block = bytearray()
        for name, value in fields:
            found = table.search(name, value)
            if found is not None and found[2] is not None and found[0] < ONE_BYTE:
                block.append(INDEXED | found[0])
            else:
                block += self.add((name, value), False)
        if table.added == before and table.dynamic_entries:
            self._last = before, fields, bytes(block)
        return bytes(block)
