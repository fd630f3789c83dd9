"""Signed messages (RFC 9421), and those of bots that say who they are: nothing that is signed changes on the way."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import basic
from tests.support.daemon import LiveDaemon
from tests.support.origin import RecordingOrigin
from tests.support.upstreams import UpstreamProxy
from tests.threats.support import Talk

SIGNED = [
    ("Content-Digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
    ("content-TYPE", "application/json;  charset=utf-8"),
    ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("X-Empty", ""),
    ("X-Twice", "a,  b"),
    ("X-Twice", "c"),
    ("Cookie", "a=b;c=d"),
    ("Forwarded", "for=192.0.2.1"),
    ("Cache-Control", "max-age=60"),
    ("Via", "1.1 mine"),
    ("Signature-Agent", '"https://bot.example/"'),
    (
        "Signature-Input",
        'sig1=("@method" "@authority" "@path" "content-digest" "x-twice");created=1618884473;keyid="k"',
    ),
    (
        "Signature",
        "sig1=:LAH8BjcfcOcLojiuOBFWn0P5keD3xAOuJRGziCLuD8r5MW9S0RoXXLzLSRfGY/3SF8kVIkHjE13SEFdTo4Af/fJ/Pu9wheqoLVdwXyY/UkBIS1M=:",
    ),
]


class SignatureTests(SynchronousTestCase):
    def test_both_ways(self) -> None:
        """Every field that may be covered arrives as it was sent, in its order, by exits of both kinds, and so does an
        answer's; Connection cannot take a signature off.
        """
        origin = RecordingOrigin(self)
        upstream = UpstreamProxy(self)
        local = '[[exits]]\nname = "local"\nkind = "local"\naddress = "127.0.0.1"\n'
        daemon = LiveDaemon(self, local + upstream.toml("sold", visible="true"))
        credential = basic("anna", daemon.account("anna"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in SIGNED).encode()
        origin.script("/signed", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + lines + b"\r\nok")
        for exit_ in (b"local", b"sold"):
            for hop in (b"", b"Connection: Signature, signature-input\r\n"):
                origin.forget()
                with Talk(daemon) as talk:
                    wish = b"X-ProxyMesh-IP: %b\r\n" % exit_
                    request = b"POST " + origin.url("/signed?a=%20b").encode() + b" HTTP/1.1\r\n"
                    request += b"Host: " + origin.authority.encode() + b"\r\n" + credential + wish + hop + lines
                    answer = talk.ask(request + b"Content-Length: 5\r\n\r\nhello")
                (got,) = origin.requests
                names = {name.lower() for name, _ in SIGNED}
                self.assertEqual([pair for pair in got.fields if pair[0].lower() in names], SIGNED)
                self.assertEqual((got.method, got.field("host"), got.body), ("POST", origin.authority, b"hello"))
                self.assertTrue(got.target.endswith("/signed?a=%20b"))
                self.assertEqual([pair for pair in answer.fields if pair[0].lower() in names], SIGNED)
