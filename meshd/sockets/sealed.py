"""TLS of one connection, worked in memory: what the peer has sent is opened, what it is to get is sealed.

The socket is its owner's, who reads and writes it.  TLS is the interpreter's own, which is C down to OpenSSL, and lets
go of its buffers while nothing moves.
"""

from __future__ import annotations

import os
import ssl

PIECE = 64 * 1024
"""Plain bytes that are sealed at once, and so the most that waits for a kernel that takes no more, four records."""

UNASKED = 16 * 1024
"""Sealed bytes that may wait besides: what TLS itself answers, as to a peer that changes its keys again and again."""


class Sealed:
    """One side of a connection by TLS."""

    __slots__ = ("_ahead", "_ended", "_incoming", "_outgoing", "_patient", "_tls", "parted", "unsent")

    def __init__(self, context: ssl.SSLContext, name: str | None = None) -> None:
        """context: of a server or of a client; name: the server's, which a client asks for, and checks by it."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        server = context.protocol == ssl.PROTOCOL_TLS_SERVER
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server, server_hostname=name)
        self._ahead = b""
        """Plain bytes that were opened before they were asked for: PIECE at most."""
        self._ended = False
        """Whether the socket has given its end."""
        self.unsent = b""
        """Sealed bytes that the kernel has not taken."""
        self._patient = 0
        """Sealed bytes that may wait for what is sealed next, so that both are one write; 0 once they were sent."""
        self.parted = False
        """Whether the peer is told, once `unsent` is sent, that nothing more comes."""

    def take(self, data: bytes) -> None:
        """Take what the socket gave; b"" for its end."""
        if data:
            self._incoming.write(data)
        else:
            self._ended = True

    def shake_hands(self) -> bool:
        """Go on with the handshake; whether it is complete.  There may be something to flush.  Raises: OSError."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def put_off(self) -> bool:
        """Let what is to be flushed after a complete handshake wait for the first answer, so that both are one write;
        whether it may, as a ticket in TLS 1.3, without which the peer can go on.
        """
        if self._tls.version() == "TLSv1.3" and self._tls.server_side:
            self._patient = self._outgoing.pending
            return True
        return False

    @property
    def late(self) -> bool:
        """Whether sealed bytes wait that should be sent before more is sealed."""
        return len(self.unsent) > self._patient

    @property
    def protocol(self) -> str:
        """What both sides agreed on to speak, once the handshake is complete (RFC 7301); "" for nothing."""
        return self._tls.selected_alpn_protocol() or ""

    def open(self, most: int) -> bytes | None:
        """Plain bytes of the peer, so many at most; b"" where it has ended, None where more has to be taken first.

        There may be something to flush afterwards.  Raises: OSError.
        """
        if self._ahead:
            data, self._ahead = self._ahead[:most], self._ahead[most:]
            return data
        tls, incoming = self._tls, self._incoming
        parts = []
        try:
            while most > 0 and (incoming.pending or tls.pending()):
                data = tls.read(most)
                if not data:
                    self._ended = True
                    break
                parts.append(data)
                most -= len(data)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # as the end is told where this side has parted already
            self._ended = True
        if self._outgoing.pending:
            self._answer()
        if parts:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        return b"" if self._ended else None

    @property
    def holds(self) -> bool:
        """Whether there are plain bytes to give out that were opened before they were asked for."""
        return bool(self._ahead)

    def look_ahead(self) -> bool:
        """Open what was taken without giving it out; whether the peer has ended, and there is nothing to give out.
        Raises: OSError.
        """
        if not self._ahead:
            self._ahead = self.open(PIECE) or b""
        return self._ended and not self._ahead

    def seal(self, data: bytes | memoryview) -> int:
        """Seal plain bytes, PIECE at most, to be flushed; how many these are.  Raises: OSError."""
        return self._tls.write(data if len(data) <= PIECE else memoryview(data)[:PIECE])

    def flush(self, fd: int) -> bool:
        """Give the kernel what is sealed; whether it has taken all.  Raises: OSError."""
        unsent = self.unsent + self._outgoing.read()
        self._patient = 0
        if not unsent:
            return True
        try:
            sent = os.write(fd, unsent)
        except BlockingIOError:
            sent = 0
        self.unsent = unsent[sent:]
        return sent == len(unsent)

    def part(self) -> None:
        """Seal the notice that nothing more comes; what the peer sends can be opened still (RFC 8446, section 6.1)."""
        if self.parted:
            return
        self.parted = True
        try:
            self.look_ahead()  # or OpenSSL would take data for a fault
            self._tls.unwrap()
        except OSError:
            pass  # the peer has not parted yet, or the handshake has never ended

    def _answer(self) -> None:
        """Keep what TLS itself has to say.  Raises: OSError, where the peer wants to hear more than it takes."""
        self.unsent += self._outgoing.read()
        if len(self.unsent) > PIECE + PIECE + UNASKED:
            raise ConnectionAbortedError("the peer asks TLS for more than it takes")
