"""A request for something published: the meaning of a request head whose grammar has been read.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from meshd.hosts.senders import Network, Sender, sender_of
from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import NO_BODY, BodyFraming, Length, request_framing
from meshd.http1.grammar import REQUEST_LINE
from meshd.http1.head import RequestHead
from meshd.http1.keep import keeps_alive, options
from meshd.http1.origin import OriginForm, read_origin, read_path

_EMPTY = (NO_BODY, Length(0))
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
_NOT_PASSED_ON = (b"h2c", b"http/", b"tls/")
"""Beginnings of protocols that are not changed to: their bytes would be HTTP requests that nobody here has read."""


class Heard:
    """The meaning of a request's fields, whatever the request line.

    Clients repeat their fields on a connection, so that one Heard serves all requests with the very same field block.
    """

    __slots__ = ("block", "fields", "keep", "passed", "sender", "switches", "trusted", "upgrade")

    def __init__(self, minor: int, fields: Fields, block: bytes) -> None:
        """block: the field lines as they came, with the blank line.  Raises: BadMessage."""
        self.block = block
        self.fields = fields
        self.keep = keeps_alive(minor, fields)
        wanted = _upgrade(fields) if minor == 1 else b""
        self.switches = bool(wanted) and not wanted.startswith(b"h2c")  # clients of h2c go on in HTTP/1.1 without a 101
        """Whether the fields ask for another protocol."""
        self.upgrade = b"" if b"," in wanted or wanted.startswith(_NOT_PASSED_ON) else wanted
        """The protocol that is asked for, in lower case; b"" where it is not passed on, or none is."""
        self.sender: Sender | None = None
        """Who sent the fields, while the peers that are trusted are `trusted`."""
        self.trusted: object = None
        self.passed: tuple[object, bytes, bytes] | None = None
        """What the fields were written anew for last, the Host and the lines that came of it."""

    def anew(self, sender: Sender | None, trusted: object, /) -> Heard:
        """The same for another client, of whom this may be known already."""
        heard = Heard.__new__(Heard)
        heard.block, heard.fields, heard.keep = self.block, self.fields, self.keep
        heard.switches, heard.upgrade, heard.passed = self.switches, self.upgrade, self.passed
        heard.sender, heard.trusted = sender, trusted
        return heard

    def sent_by(self, peer: str, authority: bytes, trusted: Sequence[Network], *, secure: bool) -> Sender:
        """Who sent the fields; the same as long as the same peers are trusted.  As `sender_of`."""
        sender = self.sender if self.trusted is trusted else None
        if sender is None:
            self.sender = sender = sender_of(peer, self.fields, authority, trusted, secure=secure)
            self.trusted = trusted
        return sender


class HostRequest:
    """One request as a published host understands it."""

    __slots__ = ("framing", "has_body", "heard", "keep", "method", "minor", "size", "target")

    def __init__(
        self, method: bytes, target: OriginForm, minor: int, size: int, *, framing: BodyFraming, heard: Heard
    ) -> None:
        """size: bytes of the head."""
        self.method = method
        self.target = target
        self.minor = minor
        self.size = size
        self.framing: BodyFraming = framing
        self.has_body = framing is not NO_BODY and framing not in _EMPTY
        self.heard = heard
        self.keep = heard.keep and not heard.switches
        """Whether the client's connection serves another request.

        Never after a request for another protocol: the client may speak that protocol already (RFC 9931).
        """

    @classmethod
    def from_head(cls, head: RequestHead, buffer: bytes, *, secure: bool) -> HostRequest:
        """Interpret a head; buffer: what head was read from; secure: whether it came by TLS.
        Raises: BadMessage for a wrong target, Host or framing.
        """
        target = read_origin(head.method, head.target, head.fields.all(b"host"), secure=secure)
        framing = request_framing(head)
        heard = Heard(head.minor, head.fields, buffer[buffer.find(b"\r\n", 2) + 2 : head.size])
        return cls(head.method, target, head.minor, head.size, framing=framing, heard=heard)

    def repeated(self, buffer: bytes, longest: int, *, secure: bool) -> HostRequest | None:
        """The next request, if buffer is exactly one head with the very field block of this request; None for any
        other head, and for one that has to be refused.

        The fields were checked with this request; the request line is read as for any other.  longest: bytes of buffer.
        """
        block = self.heard.block
        if self.has_body or self.minor != 1 or len(buffer) > longest:
            return None
        line = REQUEST_LINE.match(buffer)
        if line is None or not buffer.endswith(block) or line.end() + len(block) != len(buffer):
            return None
        method, target, minor = line.groups()
        if minor != b"1" or method in {b"CONNECT", b"TRACE"}:
            return None
        read = self.target
        if target != read.path or target == b"*":
            host, port, _, authority = read
            try:
                read = OriginForm(host, port, read_path(method, target, authority, secure=secure), authority)
            except BadMessage:
                return None
        return HostRequest(method, read, 1, len(buffer), framing=self.framing, heard=self.heard)

    def like(self, heard: Heard, /) -> HostRequest:
        """The same request of another client, whose fields are the same."""
        framing = self.framing
        return HostRequest(self.method, self.target, self.minor, self.size, framing=framing, heard=heard)

    def at(self, path: bytes, size: int) -> HostRequest:
        """The same request, which has no body, for another path.  size: bytes of its head."""
        target = self.target._replace(path=path)
        return HostRequest(self.method, target, self.minor, size, framing=self.framing, heard=self.heard)

    @property
    def has_more(self) -> bool:
        """Whether what comes behind the head is this request's own: its body, or what goes on in another protocol."""
        return self.has_body or self.heard.switches

    @property
    def upgrade(self) -> bytes:
        """The protocol that the upstream is asked to change to; b"" for none."""
        return self.heard.upgrade if self.method == b"GET" and not self.has_body else b""

    @property
    def idempotent(self) -> bool:
        """Whether to do it twice is to do it once (RFC 9110, 9.2.2); no change of protocol is."""
        return self.method in _IDEMPOTENT and not self.heard.upgrade

    @property
    def safe_to_repeat(self) -> bool:
        """Whether the request may be sent again after it was sent: it is idempotent (RFC 9110, 9.2.2)."""
        return not self.has_body and self.method in _IDEMPOTENT and not self.heard.upgrade


def _upgrade(fields: Fields) -> bytes:
    """The value of Upgrade in lower case; b"" where there is none, or Connection does not name it."""
    asked = fields.all(b"upgrade")
    return b",".join(asked).lower() if asked and b"upgrade" in options(fields) else b""
