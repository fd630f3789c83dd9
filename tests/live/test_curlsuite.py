"""curl's own tests through the proxy: how what they compare is judged, and that each that differs has its reason."""

from __future__ import annotations

import tempfile
from itertools import combinations
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools.curlsuite import (
    ALIKE,
    BEGIN,
    DIFFERS,
    FORM,
    MANUAL,
    ORDER,
    SORTED,
    WAYS,
    Outcome,
    compared,
    found,
    put,
    table,
)

TEXTS = {
    "line ends": (b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nx", b"HTTP/1.1 200 OK\nA: 1\n\nx", FORM),
    "blanks, a fold and a version": (b"HTTP/1.1 200 OK\nA: 1 2\n\nx", b"HTTP/1.0 200 OK\nA:   1\n  2 \n\nx", FORM),
    "fields of a connection": (b"HTTP/1.1 200 OK\nX-ProxyMesh-IP: a\n\n", b"HTTP/1.1 200 OK\nConnection: b\n\n", FORM),
    "chunks": (
        b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n6\nab\ncd\n\n0\n\n",
        b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n3\nab\n\n3\ncd\n\n0\n\n",
        FORM,
    ),
    "the order of fields": (b"GET / HTTP/1.1\nA: 1\nB: 2\n\n", b"GET / HTTP/1.1\nB: 2\nA: 1\n\n", ORDER),
    "a value": (b"GET / HTTP/1.1\nA: 1\n\n", b"GET / HTTP/1.1\nA: 2\n\n", DIFFERS),
    "a status": (b"HTTP/1.1 200 OK\n\n", b"HTTP/1.1 201 OK\n\n", DIFFERS),
    "a body": (b"HTTP/1.1 200 OK\n\nx", b"HTTP/1.1 200 OK\n\ny", DIFFERS),
    "one field less": (b"GET / HTTP/1.1\nA: 1\n\n", b"GET / HTTP/1.1\nA: 1\nA: 1\n\n", DIFFERS),
}


class JudgingTests(SynchronousTestCase):
    def test_texts(self) -> None:
        for what, (got, wanted, verdict) in TEXTS.items():
            self.assertEqual(compared(got, wanted), verdict, what)

    def test_what_a_run_leaves(self) -> None:
        """The worst of all that a test compares counts, a failure most; what was tried again counts as it was then."""
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            for kept, notes, failed in (
                ("1", "1\tran\t1\t0\n2\tran\t0\t0\n2\tdiffers\t2.a\n3\tran\t1\t0\n4\tran\t1\t56\n", "3 4"),
                ("2", "3\tran\t1\t0\n3\tdiffers\t3.a\n4\tran\t1\t56\n", "4"),
            ):
                (place / kept).mkdir()
                (place / kept / "notes").write_text(notes)
                (place / kept / "log").write_text(f"PASS: 1 - x\nTESTFAIL: These test cases failed: {failed} \n")
            for which in ("1/2.a", "2/3.a"):
                (place / f"{which}.got").write_bytes(b"A: 1\r\n")
                (place / f"{which}.wanted").write_bytes(b"A: 1\n")
            self.assertEqual(found(place), Outcome({1: ALIKE, 2: FORM, 3: FORM, 4: DIFFERS}, {1, 3, 4}))


class TableTests(SynchronousTestCase):
    def test_each_has_one_reason(self) -> None:
        for one, other in combinations(SORTED, 2):
            self.assertEqual(one.tests & other.tests, set(), (one.why, other.why))

    def test_what_has_none_is_told(self) -> None:
        """A test that differs and is not sorted has a row of its own; one that curl fails by itself has none."""
        outcomes = {(way, "meshd"): Outcome({1: DIFFERS, 584: DIFFERS, 2: ALIKE, 3: DIFFERS}, {1}) for way in WAYS}
        made = table({**outcomes, ("direct", ""): Outcome({1: ALIKE, 2: ALIKE, 584: ALIKE, 3: DIFFERS})})
        self.assertIn("\n| not sorted |  | 1 | 1 | 1 | 1 |\n", made)
        self.assertIn("| 1 | 1 | 1 | 584 |\n", made)
        self.assertIn("| meshd | 1 | 0 | 0 | 2 |\n", made)
        self.assertEqual(put(f"a{BEGIN}b", made), f"a{BEGIN}{made}")

    def test_the_manual(self) -> None:
        """It has a table, and all of it is sorted."""
        text = MANUAL.read_text().partition(BEGIN)[2]
        self.assertIn("of its tests pass without a proxy", text)
        self.assertNotIn("not sorted", text)
