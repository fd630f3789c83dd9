"""Sending one letter through the operator's server, by Twisted's own client (RFC 5321, 3207, 4954)."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.mail.smtp import ESMTPSenderFactory, SMTPClientError
from twisted.protocols.tls import TLSMemoryBIOFactory

from meshd.values.addresses import split_host
from meshd.values.mail import Mail

TIMEOUT = 30
"""Seconds that the server may take for one answer."""
CONNECTING = 15
"""Seconds that connecting may take."""


class Undelivered(Exception):
    """The server did not take a letter; the text says why, and nothing of the letter."""

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final
        """Whether the same letter will never be taken."""


async def send(reactor: Any, mail: Mail, to: str, content: bytes) -> None:
    """Hand one letter to the server.  Raises: Undelivered; CancelledError where that is given up meanwhile."""
    host, port = split_host(mail.smtp)

    def give_up(_: Deferred[Any]) -> None:
        factory.sendFinished = True
        connector.disconnect()

    done: Deferred[Any] = Deferred(give_up)
    factory = _factory(mail, host, to, content, done)
    wrapped = TLSMemoryBIOFactory(optionsForClientTLS(host), True, factory) if mail.tls == "implicit" else factory
    connector = reactor.connectTCP(host, port, wrapped, timeout=CONNECTING)
    try:
        await done
    except CancelledError:
        raise
    except Exception as error:
        raise _told(error) from None  # what it says may quote the letter's addresses


def _factory(mail: Mail, host: str, to: str, content: bytes, done: Deferred[Any]) -> ESMTPSenderFactory:
    factory = ESMTPSenderFactory(
        mail.user.encode() or None,
        mail.password or None,
        mail.sender,
        to,
        BytesIO(content.replace(b"\r\n", b"\n")),  # the client writes the ends of lines itself
        done,
        retries=0,
        timeout=TIMEOUT,
        contextFactory=_context(mail, host),
        heloFallback=mail.tls != "required",
        requireAuthentication=bool(mail.user),
        requireTransportSecurity=mail.tls in ("required", "implicit"),
    )
    factory.noisy = False
    return factory


def _context(mail: Mail, host: str) -> object:
    """How STARTTLS is spoken; None for never.  Whom a way that is merely offered leads to nobody knows (RFC 7435)."""
    match mail.tls:
        case "required":
            return optionsForClientTLS(host)
        case "offered":
            return CertificateOptions()
        case _:
            return None


def _told(error: Exception) -> Undelivered:
    code = error.code if isinstance(error, SMTPClientError) else -1
    if 400 <= code < 600:
        return Undelivered(f"the server answered {code}", final=code >= 500 and code not in (502, 530, 535))
    cause = error.__cause__ or error
    return Undelivered(f"the server cannot be reached or understood ({type(cause).__name__})")
