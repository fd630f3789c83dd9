"""Who is told a daemon's numbers."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from meshd.metrics.access import FORBIDDEN, UNAUTHORIZED, refused
from meshd.values.metrics import Metrics

OPEN = Metrics()
LISTED = Metrics(networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
TOKEN = Metrics(token=b"0123456789abcdef")
BOTH = Metrics(networks=LISTED.networks, token=TOKEN.token)
RIGHT, WRONG = b"Bearer 0123456789abcdef", b"Bearer 0123456789abcdeF"


class AccessTests(SynchronousTestCase):
    CASES: tuple[tuple[str, Metrics, str, bytes, int], ...] = (
        ("nothing is set: loopback", OPEN, "127.0.0.1", b"", 0),
        ("and nobody else", OPEN, "192.0.2.1", b"", FORBIDDEN),
        ("of the other family too", OPEN, "::1", b"", 0),
        ("a Unix socket has rights of its own", OPEN, "", b"", 0),
        ("networks: who is in one", LISTED, "192.0.2.9", b"", 0),
        ("of either family", LISTED, "2001:db8::9", b"", 0),
        ("and nobody else", LISTED, "198.51.100.1", b"", FORBIDDEN),
        ("loopback only where it is listed", LISTED, "127.0.0.1", b"", FORBIDDEN),
        ("a token: whoever has it", TOKEN, "198.51.100.1", RIGHT, 0),
        ("the scheme has no case", TOKEN, "198.51.100.1", RIGHT.replace(b"Bearer", b"bEARER"), 0),
        ("another one", TOKEN, "198.51.100.1", WRONG, UNAUTHORIZED),
        ("none", TOKEN, "127.0.0.1", b"", UNAUTHORIZED),
        ("an empty one", TOKEN, "127.0.0.1", b"Bearer ", UNAUTHORIZED),
        ("another scheme", TOKEN, "127.0.0.1", b"Basic 0123456789abcdef", UNAUTHORIZED),
        ("the token alone", TOKEN, "127.0.0.1", b"0123456789abcdef", UNAUTHORIZED),
        ("on a Unix socket too", TOKEN, "", b"", UNAUTHORIZED),
        ("both: the address", BOTH, "198.51.100.1", RIGHT, FORBIDDEN),
        ("and the token", BOTH, "192.0.2.1", WRONG, UNAUTHORIZED),
        ("together", BOTH, "192.0.2.1", RIGHT, 0),
        ("what is no address", OPEN, "unknown", b"", FORBIDDEN),
        ("not even where all may", TOKEN, "unknown", RIGHT, FORBIDDEN),
    )

    def test_who_may(self) -> None:
        for name, metrics, peer, authorization, wanted in self.CASES:
            self.assertEqual(refused(metrics, peer, authorization), wanted, name)

    def test_the_token_is_not_shown(self) -> None:
        self.assertNotIn("0123456789abcdef", repr(TOKEN))
