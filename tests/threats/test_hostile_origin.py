"""Threat 36: origins that lie about where their answers end, or never let them."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from tests.support.origin import CLOSE, Script
from tests.threats.support import Talk, ask, basic, get, world


@dataclass(frozen=True)
class Lie:
    """What the origin does, and what is made of it."""

    script: Script
    status: int
    reason: str


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"

ANSWERED_FOR = {
    "two lengths": Lie(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 502, "bad-response"),
    "a length and chunks": Lie(CHUNKED + b"Content-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 502, "bad-response"),
    "a list of lengths that differ": Lie(OK + b"Content-Length: 3, 4\r\n\r\nabc", 502, "bad-response"),
    "lengths in two spellings": Lie(OK + b"Content-Length: 3\r\nContent-Length: 03\r\n\r\nabc", 502, "bad-response"),
    "a signed length": Lie(OK + b"Content-Length: +3\r\n\r\nabc", 502, "bad-response"),
    "another coding": Lie(OK + b"Transfer-Encoding: gzip\r\n\r\nabc", 502, "bad-response"),
    "chunks in HTTP/1.0": Lie(b"HTTP/1.0" + CHUNKED[8:] + b"\r\n0\r\n\r\n", 502, "bad-response"),
    "identity and a length": Lie(
        OK + b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc", 502, "bad-response"
    ),
    "identity and chunked": Lie(OK + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 502, "bad-response"),
    "a folded length": Lie(OK + b"Content-Length:\r\n 3\r\n\r\nabc", 502, "bad-response"),
    "a folded coding": Lie(OK + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 502, "bad-response"),
    "a length folded onto another field": Lie(OK + b"X: a\r\n Content-Length: 0\r\n\r\nabc", 502, "bad-response"),
    "a blank before the first field": Lie(OK + b" Content-Length: 0\r\n\r\n", 502, "bad-response"),
    "a line of blanks": Lie(OK + b"X: a\r\n \r\nContent-Length: 0\r\n\r\n", 502, "bad-response"),
    "a bare LF before a length": Lie(OK + b"X: a\nContent-Length: 0\r\n\r\n", 502, "bad-response"),
    "a bare LF after a length": Lie(OK + b"Content-Length: 0\nX: a\r\n\r\n", 502, "bad-response"),
    "two bare LFs in the midst": Lie(OK + b"X: a\n\nY: b\r\nContent-Length: 0\r\n\r\n", 502, "bad-response"),
    "a bare LF before the blank line": Lie(OK + b"Content-Length: 0\r\nX: a\n\r\n", 502, "bad-response"),
    "a blank before a colon, twice": Lie(OK + b"Content-Length : 0\r\nContent-Length: 3\r\n\r\n", 502, "bad-response"),
    "a blank before the colon of chunks": Lie(CHUNKED + b"Content-Length : 3\r\n\r\n0\r\n\r\n", 502, "bad-response"),
    "no colon": Lie(OK + b"X\r\nContent-Length: 0\r\n\r\n", 502, "bad-response"),
    "a blank in a name": Lie(OK + b"Content Length: 0\r\n\r\n", 502, "bad-response"),
    "a vertical tab before chunked": Lie(OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 502, "bad-response"),
    "an empty line first": Lie(b"\r\n" + OK + b"Content-Length: 0\r\n\r\n", 502, "bad-response"),
    "a first chunk that is none": Lie(CHUNKED + b"\r\n-1\r\nxyz\r\n0\r\n\r\n", 502, "bad-response"),
    "a first chunk that is none, a moment later": Lie([CHUNKED + b"\r\n", b"zz\r\n"], 502, "bad-response"),
    "a first chunk that goes on to be none": Lie([CHUNKED + b"\r\n1", b"x\r\n"], 502, "bad-response"),
    "a first chunk in C": Lie(CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n", 502, "bad-response"),
    "a first chunk with a bare LF": Lie(CHUNKED + b"\r\n3\nabc\n0\n\n", 502, "bad-response"),
    "a first chunk beyond 63 bits": Lie(CHUNKED + b"\r\n8000000000000000\r\nabc", 502, "bad-response"),
    "a last chunk with a trailer that is none": Lie(CHUNKED + b"\r\n0\r\nX\r\n\r\n", 502, "bad-response"),
    "half a first chunk line": Lie([CHUNKED + b"\r\n3", CLOSE], 502, "response-incomplete"),
    "no chunk at all": Lie([CHUNKED + b"\r\n", CLOSE], 502, "response-incomplete"),
    "a bare CR in a field": Lie(OK + b"X: a\rContent-Length: 0\r\n\r\n", 502, "bad-response"),
    "a NUL in a field": Lie(OK + b"X: a\x00\r\nContent-Length: 0\r\n\r\n", 502, "bad-response"),
    "HTTP/2": Lie(b"HTTP/2 200\r\n\r\n", 502, "bad-response"),
    "no HTTP": Lie(b"SSH-2.0-OpenSSH_9.2\r\n", 502, "bad-response"),
    "HTTP/0.9": Lie(b"<html>hello</html>" + b"\r\n", 502, "bad-response"),
    "a status of two digits": Lie(b"HTTP/1.1 20 OK\r\n\r\n", 502, "bad-response"),
    "a status of four digits": Lie(b"HTTP/1.1 2000 OK\r\n\r\n", 502, "bad-response"),
    "a head bomb of one line": Lie(OK + b"X: " + b"a" * 100_000, 502, "response-head-too-large"),
    "a head bomb of many lines": Lie(OK + (b"X: " + b"a" * 1000 + b"\r\n") * 100, 502, "response-head-too-large"),
    "a head bomb of many fields": Lie(OK + b"X:\r\n" * 5000 + b"\r\n", 502, "bad-response"),
    "an endless reason": Lie(b"HTTP/1.1 200 " + b"a" * 100_000, 502, "response-head-too-large"),
    "a flood of interim answers": Lie(b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" * 50, 502, "bad-response"),
    "an interim answer with a body": Lie(b"HTTP/1.1 100 C\r\nContent-Length: 3\r\n\r\nabc" + OK, 502, "bad-response"),
    "half a head": Lie([OK + b"Content-Le", CLOSE], 502, "response-incomplete"),
    "only an interim answer": Lie([b"HTTP/1.1 100 Continue\r\n\r\n", CLOSE], 502, "response-incomplete"),
    "no answer": Lie([CLOSE], 502, "connection-reset"),
}

ABC = b"Content-Length: 3\r\n\r\nabc"
MENDED: dict[str, tuple[Script, bytes, tuple[tuple[str, str], ...]]] = {
    "two lengths that agree": (OK + b"Content-Length: 3\r\n" + ABC, b"abc", (("content-length", "3"),)),
    "a list of lengths": (OK + b"Content-Length: 3, 3\r\n\r\nabc", b"abc", (("content-length", "3"),)),
    "a folded field": (OK + b"X: a\r\n b\r\n" + ABC, b"abc", (("x", "a b"),)),
    "a bare LF": ([b"HTTP/1.1 200 OK\nX: a\nContent-Length: 3\n\nabc"], b"abc", (("x", "a"),)),
    "a bare LF, until the end": ([b"HTTP/1.0 200 OK\nX: a\n\nabc", CLOSE], b"abc", (("x", "a"),)),
    "a bare LF and chunks": (b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n", b"abc", ()),
    "one bare LF": (OK + b"X: a\nY: b\r\n" + ABC, b"abc", (("x", "a"), ("y", "b"))),
    "a blank before a colon": (OK + b"X : a\r\nContent-Length : 3\r\n\r\nabc", b"abc", (("x", "a"),)),
    "identity": ([OK + b"Transfer-Encoding: identity\r\n\r\nabc", CLOSE], b"abc", (("transfer-encoding", ""),)),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\n" + ABC, b"abc", ()),
    "two blanks in the status line": (b"HTTP/1.1  200  OK\r\n" + ABC, b"abc", ()),
    "a bell in a field": (OK + b"X: a\x07b\r\n" + ABC, b"abc", (("x", "a b"),)),
    "an interim answer with bare LFs": (b"HTTP/1.1 103 Early\nLink: a\n\n" + OK + ABC, b"abc", ()),
}
"""What the origin does, the body that comes of it, and fields of its head; "" for one that is not there."""

MENDED_CHUNKS = {
    "a long size": CHUNKED + b"\r\n" + b"0" * 30 + b"3\r\nabc\r\n0\r\n\r\n",
    "a long extension": CHUNKED + b"\r\n3;sig=" + b"a" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
    "blanks behind a size": CHUNKED + b"\r\n3  \r\nabc\r\n0\r\n\r\n",
}

# These begin well: the head has gone to the client before the lie is known.
CUT = {
    "a length that is not reached": Lie([OK + b"Content-Length: 100\r\n\r\nabc", CLOSE], 200, "response-incomplete"),
    "a chunk that is not reached": Lie([CHUNKED + b"\r\n64\r\nabc", CLOSE], 200, "response-incomplete"),
    "no last chunk": Lie([CHUNKED + b"\r\n3\r\nabc\r\n", CLOSE], 200, "response-incomplete"),
    "no end of the trailers": Lie([CHUNKED + b"\r\n3\r\nabc\r\n0\r\nX: y\r\n", CLOSE], 200, "response-incomplete"),
}

INJECTED = OK + b"Content-Length: 8\r\n\r\ninjected"
SURPLUS = {
    "behind a length": OK + b"Content-Length: 3\r\n\r\nabc" + INJECTED,
    "behind chunks": CHUNKED + b"\r\n3\r\nabc\r\n0\r\n\r\n" + INJECTED,
    "behind no body": b"HTTP/1.1 204 No Content\r\n\r\n" + INJECTED,
    "behind a 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc" + INJECTED,
}


class HostileOriginTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = world()
        self.world.origin.forget()

    def play(self, script: Script) -> bytes:
        """A request that the origin answers so."""
        self.world.origin.script("/lie", script)
        return get(self.world.url("/lie"), basic("alice"))

    def final(self, talk: Talk) -> object:
        while (answer := talk.answer()) is not None and answer.status < 200:
            pass
        return answer

    def test_threat_36_answered_for(self) -> None:
        """What cannot be understood is answered with 502, said so in the log, and its connection used no more."""
        for what, lie in ANSWERED_FOR.items():
            with Talk(self.world.daemon) as talk:
                talk.send(self.play(lie.script))
                answer = self.final(talk)
                self.assertIsNotNone(answer, what)
                self.assertEqual((answer.status, answer.why), (lie.status, lie.reason), what)
                self.assertTrue(answer.own, what)
                request_id = (answer.field("proxy-status") or "").rpartition('request-id="')[2].rstrip('"')
            self.assertEqual(self.world.logged(id=request_id)["reason"], lie.reason, what)
            again = self.world.origin.accepted
            self.assertEqual(ask(self.world.daemon, get(self.world.url(), basic("alice"))).status, 200, what)
            self.assertEqual(self.world.origin.accepted, again + 1, what)
            ask(self.world.daemon, get(self.world.url(), basic("alice"), b"Connection: close\r\n"))
            self.world.origin.hang_up()

    def test_threat_36_the_rule(self) -> None:
        """Client and log are told which rule was broken, of heads, framings and first chunks alike."""
        rules = {
            "two lengths": "two Content-Length fields that differ: one reader takes the first, another the last",
            "a length and chunks": "both Content-Length and Transfer-Encoding: one reader counts bytes, another chunks",
            "a first chunk that is none": "a malformed chunk",
            "a bare CR in a field": "a bare CR: one reader ends the line there, another reads on",
            "no HTTP": "the origin's answer is not HTTP",
        }
        for what, rule in rules.items():
            with Talk(self.world.daemon) as talk:
                talk.send(self.play(ANSWERED_FOR[what].script))
                answer = self.final(talk)
                self.assertEqual(answer.body, f"{rule}\ninvalid response from destination\n".encode(), what)
                request_id = (answer.field("proxy-status") or "").rpartition('request-id="')[2].rstrip('"')
            self.assertEqual(self.world.logged(id=request_id)["detail"], rule, what)

    def test_threat_36_mended(self) -> None:
        """What can be read in one way is read so, and comes in the form that is prescribed; its connection is not used
        again, whoever reads that differently.
        """
        for what, (script, body, fields) in MENDED.items():
            accepted = self.world.origin.accepted
            for _ in range(2):
                with Talk(self.world.daemon) as talk:
                    talk.send(self.play(script))
                    answer = self.final(talk)
                    self.assertIsNotNone(answer, what)
                    self.assertEqual(
                        (answer.status, answer.body, answer.whole, answer.own), (200, body, True, False), what
                    )
                    for name, value in fields:
                        found = [each for key, each in answer.fields if key.lower() == name]
                        self.assertEqual(found, [value] if value else [], what)
            self.assertEqual(self.world.origin.accepted, accepted + 2, what)

    def test_threat_36_mended_chunks(self) -> None:
        """The same of chunks, whose ends nobody reads differently."""
        for what, script in MENDED_CHUNKS.items():
            with Talk(self.world.daemon) as talk:
                talk.send(self.play(script))
                answer = self.final(talk)
                self.assertIsNotNone(answer, what)
                self.assertEqual((answer.status, answer.body, answer.whole), (200, b"abc", True), what)

    def test_threat_36_malformed_chunk(self) -> None:
        """A chunk that is none cuts the answer off, and nothing from it on is passed on."""
        for first in (b"3\r\nabc\r\n", b"3\r\nabc\r\n1\r\nd\r\n"):
            with Talk(self.world.daemon) as talk:
                talk.send(self.play(CHUNKED + b"\r\n" + first + b"-1\r\nxyz\r\n0\r\n\r\n"))
                got = talk.rest()
                self.assertNotIn(b"xyz", got)
                self.assertNotIn(b"0\r\n\r\n", got)
            self.world.logged(username="alice", reason="bad-response", host="127.0.0.1")

    def test_threat_36_interim_bound(self) -> None:
        """Sixteen interim answers pass, and not one more."""
        interim = b"HTTP/1.1 103 Early\r\n\r\n"
        with Talk(self.world.daemon) as talk:
            talk.send(self.play(interim * 16 + OK + b"Content-Length: 0\r\n\r\n"))
            self.assertEqual([talk.answer().status for _ in range(17)], [103] * 16 + [200])
        with Talk(self.world.daemon) as talk:
            talk.send(self.play(interim * 17 + OK + b"Content-Length: 0\r\n\r\n"))
            self.assertEqual([talk.answer().status for _ in range(17)], [103] * 16 + [502])

    def test_threat_36_truncated(self) -> None:
        """A body that is cut short is cut short for the client: no last chunk, no length reached."""
        for what, lie in CUT.items():
            with Talk(self.world.daemon) as talk:
                answer = talk.ask(self.play(lie.script))
                self.assertEqual((answer.status, answer.whole), (200, False), what)
                self.assertEqual(talk.rest(), b"", what)
            self.world.logged(reason=lie.reason, username="alice")

    def test_threat_36_truncated_for_http_10(self) -> None:
        """A client that knows no chunks learns by a reset that the end was not the end."""
        with Talk(self.world.daemon) as talk:
            talk.send(self.play([CHUNKED + b"\r\n64\r\nabc", CLOSE]).replace(b"HTTP/1.1", b"HTTP/1.0"))
            answer = talk.answer()
            self.assertEqual((answer.status, answer.body, talk.reset), (200, b"abc", True))

    def test_threat_36_until_close(self) -> None:
        """A body that ends with its connection ends the client's connection too, cleanly."""
        with Talk(self.world.daemon) as talk:
            answer = talk.ask(self.play([OK + b"\r\nabc", CLOSE]))
            self.assertEqual((answer.body, talk.reset, answer.field("connection")), (b"abc", False, "close"))

    def test_threat_36_surplus(self) -> None:
        """What comes behind an answer is nobody's answer: it is dropped with its connection."""
        for what, script in SURPLUS.items():
            with Talk(self.world.daemon) as talk:
                first = talk.ask(self.play(script))
                self.assertNotIn(b"injected", first.body, what)
                second = talk.ask(get(self.world.url("/echo"), basic("alice")))
                self.assertIn(b'"/echo"', second.body, what)
                self.assertEqual(talk.buffer, b"", what)

    def test_threat_36_surplus_behind_head(self) -> None:
        """The body that an origin sends with HEAD is no answer to what is asked next."""
        head = self.play(OK + b"Content-Length: 3\r\n\r\nabc" + INJECTED).replace(b"GET", b"HEAD", 1)
        with Talk(self.world.daemon) as talk:
            self.assertEqual(talk.ask(head, "HEAD").status, 200)
            self.assertIn(b'"/echo"', talk.ask(get(self.world.url("/echo"), basic("alice"))).body)

    def test_threat_36_own_407(self) -> None:
        """An origin that asks for proxy credentials gets none: its challenge is dropped, and so are its lies."""
        self.world.origin.script(
            "/407",
            b"HTTP/1.1 407 Give\r\nProxy-Authenticate: Basic realm=x\r\nProxy-Status: lie\r\nX-ProxyMesh-Error: lie\r\n"
            b"X-ProxyMesh-IP: lie\r\nProxy-Authentication-Info: x\r\nProxy-Connection: a\r\nContent-Length: 0\r\n\r\n",
        )
        answer = ask(self.world.daemon, get(self.world.url("/407"), basic("alice")))
        self.assertEqual(answer.status, 407)
        self.assertEqual({name.lower() for name, _ in answer.fields}, {"content-length", "x-proxymesh-ip"})
        self.assertNotEqual(answer.field("x-proxymesh-ip"), "lie")

    def test_threat_36_silence(self) -> None:
        """An origin that never answers is answered for with 504 in time; one that nothing listens at with 502."""
        answer = ask(self.world.daemon, get(self.world.url("/hang"), basic("alice")))
        self.assertEqual((answer.status, answer.why, answer.reason), (504, "first-byte-timeout", "timed out"))
        answer = ask(self.world.daemon, get("http://127.0.0.1:1024/", basic("alice")))
        self.assertEqual((answer.status, answer.why), (502, "connection-refused"))

    def test_threat_36_no_such_name(self) -> None:
        """A name that does not resolve is 502 `dns-error`, also where the answer takes its time."""
        answer = ask(self.world.daemon, get("http://no-such.test/", basic("alice")))
        self.assertEqual((answer.status, answer.why), (502, "dns-error"))
