"""Ids by which a request is found again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.server.tracing import LONGEST, Trace, traced

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
PARENT = b"00-%b-%b-01" % (TRACE, SPAN)
MADE = Trace("made-1")
BY_TRACE = Trace(TRACE.decode(), TRACE.decode(), True)


class TracingTests(SynchronousTestCase):
    GIVEN: tuple[tuple[str, list[bytes], str], ...] = (
        ("a name", [b"order-17.a_B"], "order-17.a_B"),
        ("a UUID", [b"7f0c6a1e-9f0b-4c0e-8b6e-1f5d2f6b7a11"], "7f0c6a1e-9f0b-4c0e-8b6e-1f5d2f6b7a11"),
        ("as long as may be", [b"x" * 64], "x" * 64),
        ("longer", [b"x" * 65], ""),
        ("empty", [b""], ""),
        ("two", [b"one", b"two"], ""),
        ("two in one", [b"one, two"], ""),
        ("what would end a line", [b"x\r\nSet-Cookie: a=b"], ""),
        ("a line feed at its end", [b"x\n"], ""),
        ("markup", [b"<b>"], ""),
        ("what is no ASCII", ["ü".encode()], ""),
        ("NUL", [b"a\0b"], ""),
    )
    PARENTS: tuple[tuple[str, list[bytes], bool], ...] = (
        ("today's", [PARENT], True),
        ("not sampled", [PARENT[:-2] + b"00"], True),
        ("a version to come", [b"cc" + PARENT[2:]], True),
        ("and what it adds", [b"cc" + PARENT[2:] + b"-what-else"], True),
        ("this version adds nothing", [PARENT + b"-x"], False),
        ("no version has this number", [b"ff" + PARENT[2:]], False),
        ("upper case", [PARENT.upper()], False),
        ("no trace", [b"00-%b-%b-01" % (b"0" * 32, SPAN)], False),
        ("no span", [b"00-%b-%b-01" % (TRACE, b"0" * 16)], False),
        ("one digit less", [PARENT[:20] + PARENT[21:]], False),
        ("blanks", [b" " + PARENT], False),
        ("a line feed at its end", [PARENT + b"\n"], False),
        ("two", [PARENT, PARENT], False),
        ("empty", [b""], False),
        ("endless", [b"cc" + PARENT[2:] + b"-" + b"x" * LONGEST], False),
    )

    def test_the_clients_own_id(self) -> None:
        for name, given, wanted in self.GIVEN:
            expected = Trace(wanted, "", True) if wanted else MADE
            self.assertEqual(traced(given, [], lambda: "made-1"), expected, name)

    def test_its_trace(self) -> None:
        for name, parents, good in self.PARENTS:
            self.assertEqual(traced([], parents, lambda: "made-1"), BY_TRACE if good else MADE, name)

    def test_both(self) -> None:
        """The id is the id, and the trace is kept beside it; a wrong one of the two does not spoil the other."""
        self.assertEqual(traced([b"mine"], [PARENT], lambda: "made-1"), Trace("mine", TRACE.decode(), True))
        self.assertEqual(traced([b"a b"], [PARENT], lambda: "made-1"), BY_TRACE)
        self.assertEqual(traced([b"mine"], [b"x"], lambda: "made-1"), Trace("mine", "", True))

    def test_none(self) -> None:
        """One is made, and the client is not told of it."""
        self.assertEqual(traced([], [], lambda: "made-1"), MADE)
