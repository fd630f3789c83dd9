"""The peer of a socket by TLS: Python's own, on a non-blocking socket, and a certificate for the side of meshd."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from functools import cache

from meshd.sockets.sealed import Sealed
from meshd.tls.contexts import served
from tests.passing.hand import PATIENCE, Far
from tests.tls.authority import issued


@cache
def server() -> ssl.SSLContext:
    """As meshd serves clients."""
    made = issued("server", now=int(time.time()), hosts=("a.example",))
    return served(made.pem.encode(), made.key_pem.encode())


def client(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """One that takes any certificate, and speaks this version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context


class SecureFar(Far):
    """Sends what it has, keeps what it gets, and knows whether it was told that nothing more comes."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> None:
        super().__init__(sock)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="a.example", session=session)
        self._sealed = b""
        self._ending = False
        self.shaken = False
        self.told = False
        """Whether the end was announced, as it has to be."""

    def step(self) -> None:
        if not self._received() or not self.shaken:
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
                self.shaken = True
        while self.shaken and self.unsent and len(self._sealed) < 256 * 1024:
            self.unsent = self.unsent[self.tls.write(self.unsent[: 64 * 1024]) :]
            self._sealed += self._outgoing.read()
        self._sealed += self._outgoing.read()
        try:
            self._sealed = self._sealed[self.sock.send(self._sealed) :] if self._sealed else b""
        except BlockingIOError:
            pass
        except OSError:
            self.unsent, self._sealed, self.reset = b"", b"", True
        if self._ending and not self._sealed:
            self._ending = False
            super().end()

    def end(self) -> None:
        """Say, and then show, that nothing more comes, as soon as all is sent."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        self._ending = True
        self.step()

    def _received(self) -> bool:
        """Read what has come; whether the handshake is over already."""
        while self.reading and not self.ended:
            try:
                data = self.sock.recv(1024 * 1024)
            except BlockingIOError:
                break
            except OSError:
                self.ended = self.reset = True
                break
            self.ended = not data
            self._incoming.write(data)
        if self.shaken:
            try:
                while self._incoming.pending or self.tls.pending():
                    data = self.tls.read(1024 * 1024)
                    self.got += data
                    self.told = self.told or not data
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                self.told = True
        return self.shaken


def shake_hands(far: SecureFar, near: socket.socket) -> Sealed:
    """The TLS of the near end of a connection, once both sides are ready."""
    sealed, over = Sealed(server()), False
    end = time.monotonic() + PATIENCE
    while not over or not far.shaken:
        far.step()
        with contextlib.suppress(BlockingIOError):
            sealed.take(near.recv(65536))
        over = sealed.shake_hands()
        sealed.flush(near.fileno())
        if time.monotonic() > end:
            raise AssertionError("no handshake")
    return sealed
