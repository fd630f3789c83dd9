"""Who is believed about a client, and what upstreams are told."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.senders import Sender, sender_of, told_fields
from meshd.http1.fields import Fields
from meshd.http1.framing import NO_BODY, Length

FRONT = (ip_network("10.0.0.0/8"),)
Pairs = list[tuple[bytes, bytes]]


def sender(pairs: Pairs, peer: str = "10.0.0.1", *, secure: bool = False) -> Sender:
    return sender_of(peer, Fields(pairs), b"a.example", FRONT, secure=secure)


class SenderTests(SynchronousTestCase):
    def test_the_client_is_the_nearest_who_is_not_trusted(self) -> None:
        near = "10.0.0.1"
        for sentence, said, peer, address, chain in (
            ("a stranger is itself", [b"1.2.3.4"], "192.0.2.9", "192.0.2.9", b"192.0.2.9"),
            ("a trusted peer names its client", [b"1.2.3.4"], near, "1.2.3.4", b"1.2.3.4, 10.0.0.1"),
            (
                "what that client claimed is not",
                [b"6.6.6.6, 1.2.3.4"],
                "10.0.0.1",
                "1.2.3.4",
                b"6.6.6.6, 1.2.3.4, 10.0.0.1",
            ),
            (
                "a chain of them is followed",
                [b"1.2.3.4, 10.0.0.2"],
                "10.0.0.1",
                "1.2.3.4",
                b"1.2.3.4, 10.0.0.2, 10.0.0.1",
            ),
            (
                "several lines are one list",
                [b"6.6.6.6", b"1.2.3.4"],
                "10.0.0.1",
                "1.2.3.4",
                b"6.6.6.6, 1.2.3.4, 10.0.0.1",
            ),
            (
                "what is no address is nobody's, and not the address of whoever told it",
                [b"1.2.3.4, unknown"],
                "10.0.0.1",
                "",
                b"1.2.3.4, unknown, 10.0.0.1",
            ),
            ("a port after it is none of its", [b"1.2.3.4:567"], near, "1.2.3.4", b"1.2.3.4:567, 10.0.0.1"),
            ("nor in brackets", [b"[2001:db8::1]:567"], near, "2001:db8::1", b"[2001:db8::1]:567, 10.0.0.1"),
            ("a trusted peer that says nothing is itself", [], near, near, b"10.0.0.1"),
            ("a mapped address is IPv4", [b"::ffff:1.2.3.4"], near, "1.2.3.4", b"::ffff:1.2.3.4, 10.0.0.1"),
            ("a Unix socket's peer is nobody", [b"1.2.3.4"], "", "", b""),
        ):
            found = sender([(b"X-Forwarded-For", each) for each in said], peer)
            self.assertEqual((found.address, found.chain), (address, chain), sentence)

    def test_the_scheme_is_believed_of_trusted_peers_alone(self) -> None:
        for sentence, said, peer, tls, secure in (
            ("a stranger's word is nothing", [b"https"], "192.0.2.9", False, False),
            ("nor does it take TLS away", [b"http"], "192.0.2.9", True, True),
            ("a trusted peer took TLS off", [b"HTTPS"], "10.0.0.1", False, True),
            ("a trusted peer speaks TLS for a plain client", [b"http"], "10.0.0.1", True, False),
            ("two words are none", [b"https", b"https"], "10.0.0.1", False, False),
            ("an unknown word is none", [b"gopher"], "10.0.0.1", False, False),
        ):
            found = sender([(b"X-Forwarded-Proto", each) for each in said], peer, secure=tls)
            self.assertEqual(found.secure, secure, sentence)


class ToldTests(SynchronousTestCase):
    def told(self, pairs: Pairs, peer: str) -> Pairs:
        return told_fields(Fields(pairs), sender(pairs, peer), NO_BODY)

    def test_what_a_stranger_claims_of_itself_is_dropped(self) -> None:
        for name in (
            b"X-Forwarded-For",
            b"x-forwarded-port",
            b"X-Forwarded-Prefix",
            b"Forwarded",
            b"X-Real-IP",
            b"X-Authenticated-User",
            b"True-Client-IP",
            b"X_Forwarded_For",
            b"X_Real-IP",
            b"x_authenticated_user",
            b"Content_Length",
            b"Transfer_Encoding",
            b"Connection",
            b"TE",
            b"Upgrade",
        ):
            told = self.told([(name, b"claim"), (b"Accept", b"*/*")], "192.0.2.9")
            self.assertNotIn(b"claim", [value for _, value in told], name)
            self.assertEqual(told[0], (b"Accept", b"*/*"), name)

    def test_others_stay_as_they_are(self) -> None:
        """Names with an underscore among them."""
        pairs = [(b"X_Thing", b"1"), (b"cookie", b"a"), (b"Cookie", b"b")]
        self.assertEqual(self.told(pairs, "192.0.2.9")[:3], pairs)

    def test_the_field_that_frames_keeps_its_place(self) -> None:
        """Its value is what was understood."""
        pairs = Fields([(b"A", b"1"), (b"content-LENGTH", b"03"), (b"B", b"2")])
        told = told_fields(pairs, sender([], "192.0.2.9"), Length(3))
        self.assertEqual(told[:3], [(b"A", b"1"), (b"content-LENGTH", b"3"), (b"B", b"2")])

    def test_a_trusted_peer_is_passed_on(self) -> None:
        """Its list is appended to, its other words stay; who has signed in is not its to say."""
        pairs = [(b"X-Forwarded-For", b"1.2.3.4"), (b"X-Forwarded-Port", b"443"), (b"X-Forwarded-Host", b"b.example")]
        told = self.told([*pairs, (b"X-Authenticated-User", b"root")], "10.0.0.1")
        self.assertEqual(
            told,
            [
                (b"X-Forwarded-Port", b"443"),
                (b"X-Real-IP", b"1.2.3.4"),
                (b"X-Forwarded-For", b"1.2.3.4, 10.0.0.1"),
                (b"X-Forwarded-Proto", b"http"),
                (b"X-Forwarded-Host", b"b.example"),
            ],
        )
