"""SOCKS5 with a client: a greeting, a login where the client offers one, one request.

A login is read as the Basic credential of the same name and password, and so means the same as over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from meshd.auth.policy import of_account
from meshd.exits.choosing import Choice
from meshd.http1.fields import Fields
from meshd.http1.framing import NO_BODY
from meshd.http1.target import AuthorityForm
from meshd.model import Refusal
from meshd.passing.faults import STATUS_REASONS
from meshd.proxy import socksreplies
from meshd.proxy.client import Client
from meshd.proxy.request import ASSOCIATE, ProxyRequest
from meshd.proxy.said import Said
from meshd.sockets.ends import ClientGone, Stopped
from meshd.socks5 import (
    BY_PASSWORD,
    COMMAND_NOT_SUPPORTED,
    NO_AUTHENTICATION,
    Associate,
    BadSocks,
    Connect,
    read_greeting,
    read_login,
    read_request,
)


class _Message(Protocol):
    @property
    def size(self) -> int: ...


Read = TypeVar("Read", bound=_Message)


OLD = Refusal("not-implemented", "SOCKS version 4 has no login: use version 5", words="use SOCKS version 5")


class OldSocksSpeech:
    """SOCKS4 and 4a, which are refused, in a way that their clients understand."""

    __slots__ = ()

    async def read(self) -> ProxyRequest | None:
        raise Stopped(OLD)

    def farewell(self) -> bool:
        """Say nothing: a connection has one request."""
        return False

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        raise NotImplementedError

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        return socksreplies.REJECTED


class SocksSpeech:
    __slots__ = ("_client", "_no")

    def __init__(self, client: Client) -> None:
        self._client = client
        self._no: Callable[[str], bytes] = _to_greeting
        """Gives the answer to a refusal's reason, at the present stage of the dialogue."""

    async def read(self) -> ProxyRequest | None:
        client = self._client
        methods = (await self._next(read_greeting)).methods
        credential: bytes | None = None
        if BY_PASSWORD in methods:
            await self._say(socksreplies.method(BY_PASSWORD))
            self._no = socksreplies.not_logged_in
            login = await self._next(read_login)
            credential = login.basic if login.username or login.password else None
        elif NO_AUTHENTICATION not in methods:
            raise Stopped(Refusal("auth-required"))
        admission = await client.who(credential, None)
        if isinstance(admission, Refusal):
            raise Stopped(admission)
        await self._say(socksreplies.LOGGED_IN if BY_PASSWORD in methods else socksreplies.method(NO_AUTHENTICATION))
        self._no = _to_request
        try:
            asked: Connect | Associate = await self._next(read_request)
            if isinstance(asked, Associate) and not client.takes_datagrams:
                raise BadSocks("no datagrams are passed on", COMMAND_NOT_SUPPORTED)
        except BadSocks as bad:
            reply = bad.reply
            self._no = lambda _: socksreplies.refused(reply)
            no = Refusal(STATUS_REASONS[bad.status], bad.rule)
            raise Stopped(of_account(no, admission, admitted=True)) from None
        except Stopped as stop:
            raise Stopped(of_account(stop.refusal, admission, admitted=True)) from None
        said = Said(1, Fields([] if credential is None else [(b"Proxy-Authorization", credential)]), b"")
        if isinstance(asked, Associate):
            nowhere = AuthorityForm("", 0)
            return ProxyRequest(ASSOCIATE, nowhere, 1, asked.size, framing=NO_BODY, said=said, sender=asked.port)
        return ProxyRequest(b"CONNECT", asked.target, 1, asked.size, framing=NO_BODY, said=said)

    def farewell(self) -> bool:
        """Say nothing: a connection has one request."""
        return False

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        return socksreplies.established(source)

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        return self._no(no.reason)

    async def _next(self, reader: Callable[[bytes], Read | None]) -> Read:
        """Wait for one message and take it from the buffer.  Raises: BadSocks, ClientGone, Stopped."""
        client = self._client
        while (message := reader(client.buffer)) is None:
            client.expect_head()
            if not await client.receive():
                raise ClientGone
        client.buffer = client.buffer[message.size :]
        return message

    async def _say(self, data: bytes) -> None:
        try:
            await self._client.wire.send(data)
        except OSError:
            raise ClientGone from None


def _to_greeting(reason: str) -> bytes:
    return socksreplies.NO_METHOD


def _to_request(reason: str) -> bytes:
    return socksreplies.refused(socksreplies.REPLIES[reason].reply)
