"""Request targets beside Host, as an origin server reads them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.origin import OriginForm, read_origin

A = [b"a.example"]


def of(port: int, path: bytes, authority: bytes = A[0]) -> OriginForm:
    """A target of a.example."""
    return OriginForm("a.example", port, path, authority)


GOOD = (
    ("a path", b"GET", b"/x?y=z", A, False, of(80, b"/x?y=z")),
    ("over TLS another port is meant", b"GET", b"/", A, True, of(443, b"/")),
    (
        "Host may have a port",
        b"GET",
        b"/",
        [b"a.example:81"],
        False,
        of(81, b"/", b"a.example:81"),
    ),
    (
        "case and a final dot mean nothing",
        b"GET",
        b"/",
        [b"A.Example."],
        False,
        of(80, b"/", b"A.Example."),
    ),
    (
        "an IPv6 address has one spelling",
        b"GET",
        b"/",
        [b"[0:0::1]:8"],
        False,
        OriginForm("::1", 8, b"/", b"[0:0::1]:8"),
    ),
    ("an IPv4 address is a name", b"GET", b"/", [b"192.0.2.1"], False, OriginForm("192.0.2.1", 80, b"/", b"192.0.2.1")),
    (
        "a path of two slashes is a path",
        b"GET",
        b"//b.example/",
        A,
        False,
        of(80, b"//b.example/"),
    ),
    ("OPTIONS may ask for all", b"OPTIONS", b"*", A, False, of(80, b"*")),
    (
        "an absolute target that says the same",
        b"GET",
        b"http://a.example/x",
        A,
        False,
        of(80, b"/x"),
    ),
    (
        "the same by another spelling",
        b"GET",
        b"HTTP://A.example:80?q",
        A,
        False,
        of(80, b"/?q"),
    ),
    ("the same over TLS", b"GET", b"https://a.example:443/", A, True, of(443, b"/")),
    (
        "OPTIONS of an absolute target without a path",
        b"OPTIONS",
        b"http://a.example",
        A,
        False,
        of(80, b"*"),
    ),
)

BAD = (
    ("no Host", b"GET", b"/", [], False, 400),
    ("two Hosts that agree", b"GET", b"/", A * 2, False, 400),
    ("an empty Host", b"GET", b"/", [b""], False, 400),
    ("a Host that is a list", b"GET", b"/", [b"a.example, b.example"], False, 400),
    ("a Host with a path", b"GET", b"/", [b"a.example/x"], False, 400),
    ("a Host with user information", b"GET", b"/", [b"u@a.example"], False, 400),
    ("a Host with an empty port", b"GET", b"/", [b"a.example:"], False, 400),
    ("a Host with a port of letters", b"GET", b"/", [b"a.example:http"], False, 400),
    ("a Host with a port beyond all", b"GET", b"/", [b"a.example:70000"], False, 400),
    ("a Host that is not ASCII", b"GET", b"/", [b"\xc3\xa4.example"], False, 400),
    ("a Host with an empty label", b"GET", b"/", [b"a..example"], False, 400),
    ("a Host in brackets that is no address", b"GET", b"/", [b"[1::2::3]"], False, 400),
    ("an absolute target of another host", b"GET", b"http://b.example/", A, False, 400),
    ("an absolute target of another port", b"GET", b"http://a.example:81/", A, False, 400),
    ("an absolute target with user information", b"GET", b"http://a.example@b.example/", A, False, 400),
    ("an absolute target of the other scheme", b"GET", b"https://a.example/", A, False, 400),
    ("the other scheme, over TLS", b"GET", b"http://a.example/", A, True, 400),
    ("a target of a third scheme", b"GET", b"ftp://a.example/", A, False, 400),
    ("an absolute target without Host", b"GET", b"http://a.example/", [], False, 400),
    ("an absolute target with a fragment", b"GET", b"http://a.example/#x", A, False, 400),
    ("a fragment", b"GET", b"/x#y", A, False, 400),
    ("a backslash", b"GET", b"/x\\y", A, False, 400),
    ("all, asked for by GET", b"GET", b"*", A, False, 400),
    ("a relative path", b"GET", b"x", A, False, 400),
    ("an authority", b"GET", b"a.example:80", A, False, 400),
    ("CONNECT", b"CONNECT", b"a.example:80", A, False, 501),
    ("CONNECT with a path", b"CONNECT", b"/", A, False, 501),
    ("TRACE", b"TRACE", b"/", A, False, 501),
)


class OriginTests(SynchronousTestCase):
    def test_read(self) -> None:
        """What is asked for, of whom."""
        for sentence, method, target, hosts, secure, read in GOOD:
            self.assertEqual(read_origin(method, target, hosts, secure=secure), read, sentence)

    def test_refused(self) -> None:
        """What two readers could take for two things is refused, never repaired."""
        for sentence, method, target, hosts, secure, status in BAD:
            with self.assertRaises(BadMessage, msg=sentence) as caught:
                read_origin(method, target, hosts, secure=secure)
            self.assertEqual(caught.exception.status, status, sentence)
