"""Letters through a real SMTP server on loopback, with and without TLS and a password."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import mock

import trustme
from OpenSSL import crypto
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor, tcp
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.mail import smtp as server
from twisted.mail.imap4 import PLAINCredentials
from twisted.mail.interfaces import IMessageDelivery, IMessageSMTP
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from meshd.mail.smtp import Undelivered, send
from meshd.values.mail import Mail

CONTENT = b"To: ann@mail.example\r\nSubject: Hello\r\n\r\nA line.\r\n.\r\n..dots\r\nthe end\r\n"
PASSWORD = "a password for mail"


@implementer(IMessageSMTP)
class Message:
    def __init__(self, box: list[bytes]) -> None:
        self.box, self.lines = box, list[bytes]()

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)

    def eomReceived(self) -> Deferred[None]:
        self.box.append(b"\r\n".join(self.lines))
        return succeed(None)

    def connectionLost(self) -> None:
        """Nothing arrived."""


@implementer(IMessageDelivery)
class Delivery:
    def __init__(self, house: House) -> None:
        self.house = house

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b"Received: here"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: Any) -> Any:
        if self.house.code:
            raise server.SMTPServerError(self.house.code, "not ann@mail.example")
        self.house.to.append(str(user.dest))
        return lambda: Message(self.house.box)


@implementer(IRealm)
class Realm:
    def __init__(self, house: House) -> None:
        self.house = house

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        self.house.names.append(avatarId)
        return IMessageDelivery, Delivery(self.house), lambda: None


class House:
    """What came to the server."""

    def __init__(self) -> None:
        self.box: list[bytes] = []
        self.to: list[str] = []
        self.names: list[Any] = []
        self.code = 0
        self.encrypted: list[bool] = []


class Served(server.ESMTP):
    """Notes whether a letter came by TLS."""

    def do_MAIL(self, rest: bytes) -> Any:
        self.factory.house.encrypted.append(bool(self.startedTLS) or self.transport.TLS)
        return server.ESMTP.do_MAIL(self, rest)


class Served2(ServerFactory):
    noisy = False

    def __init__(self, house: House, context: Any, portal: Portal | None) -> None:
        self.house, self.context, self.portal = house, context, portal

    def buildProtocol(self, addr: Any) -> Served:
        challengers = {b"PLAIN": PLAINCredentials} if self.portal else {}
        protocol = Served(chal=challengers, contextFactory=self.context)
        protocol.factory, protocol.portal = self, self.portal
        if self.portal is None:
            protocol.delivery = Delivery(self.house)
        protocol.host = b"server"
        return protocol


class Silent(ServerFactory):
    """Says nothing, and notes who comes and goes."""

    noisy = False

    def __init__(self) -> None:
        self.came: Deferred[None] = Deferred()
        self.left: Deferred[None] = Deferred()

    def buildProtocol(self, addr: Any) -> Protocol:
        protocol = Protocol()
        protocol.connectionMade = lambda: self.came.callback(None)  # type: ignore[method-assign]
        protocol.connectionLost = lambda reason: self.left.callback(None)  # type: ignore[method-assign]
        return protocol


class SendTests(TestCase):
    authority = trustme.CA()

    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.quiet)
        trusted = os.path.join(self.mktemp())
        self.authority.cert_pem.write_to_path(trusted)
        patch = mock.patch.dict(os.environ, {"SSL_CERT_FILE": trusted})
        patch.start()
        self.addCleanup(patch.stop)

    async def _quiet(self) -> None:
        """Until both ends of every connection are closed, which the client's farewell leaves to be done."""
        while any(isinstance(each, tcp.Connection) for each in reactor.getReaders()):  # type: ignore[attr-defined]
            await deferLater(reactor, 0)

    def quiet(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._quiet())

    def context(self, name: str = "127.0.0.1", authority: Any = None) -> CertificateOptions:
        pair = (authority or self.authority).issue_cert(name)
        pem = crypto.FILETYPE_PEM
        key = crypto.load_privatekey(pem, pair.private_key_pem.bytes())
        return CertificateOptions(key, crypto.load_certificate(pem, pair.cert_chain_pems[0].bytes()))

    def serve(self, context: Any = None, *, auth: bool = False, implicit: bool = False) -> int:
        portal = None
        if auth:
            portal = Portal(Realm(self.house))
            portal.registerChecker(InMemoryUsernamePasswordDatabaseDontUse(mesh=PASSWORD.encode()))
        factory: Any = Served2(self.house, None if implicit else context, portal)
        if implicit:
            factory = TLSMemoryBIOFactory(context, False, factory)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def send(self, port: int, **how: Any) -> Deferred[None]:
        mail = Mail(Path("spool"), f"127.0.0.1:{port}", "meshd@mesh.example", **how)
        return Deferred.fromCoroutine(send(reactor, mail, "ann@mail.example", CONTENT))

    async def fails(self, port: int, **how: Any) -> Undelivered:
        error = await self.assertFailure(self.send(port, **how), Undelivered)
        self.assertEqual(self.house.box, [])
        self.assertNotIn("ann@", str(error))
        return error  # type: ignore[no-any-return]

    def delivered(self, *, encrypted: bool) -> None:
        (content,) = self.house.box
        self.assertEqual(content.partition(b"\r\n")[2].rstrip(), CONTENT.rstrip())
        self.assertEqual((self.house.to, self.house.encrypted), (["ann@mail.example"], [encrypted]))

    async def test_plainly(self) -> None:
        """To the byte, its lines of dots too."""
        await self.send(self.serve())
        self.delivered(encrypted=False)

    async def test_encrypted_where_it_is_offered(self) -> None:
        """By whoever's certificate: it is better than none, and proves nobody."""
        await self.send(self.serve(self.context("elsewhere.example", trustme.CA())))
        self.delivered(encrypted=True)

    async def test_never(self) -> None:
        await self.send(self.serve(self.context()), tls="none")
        self.delivered(encrypted=False)

    async def test_required(self) -> None:
        await self.send(self.serve(self.context()), tls="required")
        self.delivered(encrypted=True)

    async def test_from_the_first_byte(self) -> None:
        await self.send(self.serve(self.context(), implicit=True), tls="implicit")
        (content,) = self.house.box
        self.assertIn(b"..dots", content)

    async def test_required_and_not_to_be_had(self) -> None:
        """Not offered, not of this host, of nobody who is trusted: nothing is sent."""
        await self.fails(self.serve(), tls="required")
        await self.fails(self.serve(self.context("elsewhere.example")), tls="required")
        await self.fails(self.serve(self.context(authority=trustme.CA())), tls="required")
        await self.fails(self.serve(self.context(authority=trustme.CA()), implicit=True), tls="implicit")

    async def test_with_a_password(self) -> None:
        how = {"tls": "required", "user": "mesh", "password": PASSWORD.encode()}
        await self.send(self.serve(self.context(), auth=True), **how)
        self.delivered(encrypted=True)
        self.assertEqual(self.house.names, [b"mesh"])

    async def test_a_wrong_password(self) -> None:
        """May be right another time, when the operator has put it right."""
        how = {"tls": "required", "user": "mesh", "password": b"wrong"}
        error = await self.fails(self.serve(self.context(), auth=True), **how)
        self.assertFalse(error.final)
        self.assertNotIn("wrong", str(error))
        self.flushLoggedErrors()

    async def test_no_password_is_sent_where_none_is_asked_for(self) -> None:
        how = {"tls": "required", "user": "mesh", "password": PASSWORD.encode()}
        await self.fails(self.serve(self.context()), **how)

    async def test_what_the_server_refuses(self) -> None:
        for code, final in ((550, True), (553, True), (451, False), (452, False)):
            self.house.code = code
            error = await self.fails(self.serve())
            self.assertEqual((str(error), error.final), (f"the server answered {code}", final))

    async def test_nobody_there(self) -> None:
        port = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")  # type: ignore[attr-defined]
        number = port.getHost().port
        await port.stopListening()
        error = await self.fails(number)
        self.assertFalse(error.final)

    async def test_giving_up(self) -> None:
        """A server that says nothing is left."""
        silent = Silent()
        port = reactor.listenTCP(0, silent, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        sending = self.send(port.getHost().port)
        await silent.came
        sending.cancel()
        await self.assertFailure(sending, CancelledError)
        await silent.left
