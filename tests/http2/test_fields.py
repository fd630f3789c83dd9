"""Compressed fields: what is written is read alike by the library, and the other way round."""

from __future__ import annotations

from typing import Any

from hpack import Decoder, Encoder, HPACKError, NeverIndexedHeaderTuple, OversizedHeaderListError
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.fields import LARGEST, SPARE, Field, FieldDecoder, FieldEncoder

NAMES = st.sampled_from([b":status", b":path", b"content-length", b"x-one", b"x-two", b"set-cookie"])
VALUES = st.one_of(st.sampled_from([b"200", b"/", b"a", b"b", b""]), st.binary(max_size=400))
BLOCKS = st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=8), max_size=12)
SIZES = st.lists(st.sampled_from([0, 60, 200, 4096]), max_size=12)
CHANGES = st.lists(st.lists(st.sampled_from([0, 60, 60, 200, 4096]), max_size=2), max_size=12)
"""Sizes that are set before a block, one after the other."""


class FieldTests(SynchronousTestCase):
    @given(BLOCKS, CHANGES)
    @example([[(b"x-one", b"1" * 40)]] * 3, [[], [], [60, 60]])
    @example([[(b"x-one", b"1" * 40)]] * 3, [[], [], [200, 60]])
    def test_written(self, blocks: list[list[Field]], changes: list[list[int]]) -> None:
        """The library reads each, with a table that grows, shrinks and drops what is old, and as large as it said."""
        encoder, decoder = FieldEncoder(), Decoder()
        for at, block in enumerate(blocks):
            for size in changes[at] if at < len(changes) else ():
                encoder.header_table_size = decoder.max_allowed_table_size = size
            self.assertEqual(list(decoder.decode(encoder.encode(block), raw=True)), block)

    @given(BLOCKS, SIZES, st.booleans(), st.booleans())
    def test_read(self, blocks: list[list[Field]], sizes: list[int], huffman: bool, never: bool) -> None:
        """Whatever the library writes: by index, added or not, of any size of the table."""
        encoder, decoder = Encoder(), FieldDecoder()
        for at, block in enumerate(blocks):
            if at < len(sizes):
                encoder.header_table_size = sizes[at]
            pairs = [NeverIndexedHeaderTuple(*pair) for pair in block] if never else block
            self.assertEqual(decoder.decode(encoder.encode(pairs, huffman)), block)

    @given(st.lists(st.binary(max_size=60), max_size=4))
    def test_whatever_comes(self, blocks: list[bytes]) -> None:
        """Is read as the library reads it, or refused as it refuses it."""
        ours, theirs = FieldDecoder(), Decoder()
        for block in blocks:
            found = []
            for decoder in (ours, theirs):
                try:
                    found.append([tuple(pair) for pair in decoder.decode(block, raw=True)])
                except HPACKError as error:
                    found.append(type(error))
            self.assertEqual(found[0], found[1])
            if isinstance(found[0], type):
                return

    def test_what_was_said_before(self) -> None:
        """Is a byte."""
        encoder = FieldEncoder()
        fields = [(b":status", b"200"), (b"server", b"s"), (b"x-one", b"1")]
        encoder.encode(fields)
        self.assertEqual(len(encoder.encode(fields)), 3)

    def test_what_is_remembered(self) -> None:
        """Is bounded by what the table holds, however many fields are new, and however large."""
        for size in (1, 500, 4000, 5000):
            encoder, decoder = FieldEncoder(), Decoder()
            for at in range(500):
                fields = [(b"x-%d" % at, b"%d" % at * size)]
                self.assertEqual(list(decoder.decode(encoder.encode(fields), raw=True)), fields)
            table: Any = encoder.header_table
            self.assertLessEqual(len(table._places), SPARE + 4 * len(table.dynamic_entries) + 1)

    def test_a_table_that_a_client_offers(self) -> None:
        """Is used as far as it is no larger than any client's; what is said of it is what was set."""
        encoder, decoder = FieldEncoder(), Decoder()
        fields = [(b"x-%d" % at, b"x" * 1000) for at in range(10)]
        for offered, used in ((2**31, LARGEST), (60, 60), (2**31, LARGEST), (LARGEST, LARGEST)):
            encoder.header_table_size = decoder.max_allowed_table_size = offered
            self.assertEqual(list(decoder.decode(encoder.encode(fields), raw=True)), fields)
            table: Any = encoder.header_table
            self.assertEqual((encoder.header_table_size, decoder.header_table_size), (used, used))
            self.assertLessEqual(table._current_size, used)

    def test_a_field_that_is_larger_than_the_table(self) -> None:
        """Empties it: what was said before is said anew."""
        encoder, decoder = FieldEncoder(), Decoder()
        usual, large = [(b"x-one", b"1"), (b"server", b"s")], [(b"x-two", b"2" * 5000)]
        for fields in (usual, usual, usual, large, usual, large, large, usual, usual):
            self.assertEqual(list(decoder.decode(encoder.encode(fields), raw=True)), fields)

    def test_more_than_may_be_sent(self) -> None:
        """Is refused as soon as it is more, however few bytes it was: a field of the table is one."""
        decoder = FieldDecoder()
        decoder.max_header_list_size = 10 * (32 + len(b":methodGET"))
        self.assertEqual(len(decoder.decode(b"\x82" * 10)), 10)
        self.assertRaises(OversizedHeaderListError, decoder.decode, b"\x82" * 11)
