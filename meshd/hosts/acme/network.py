"""HTTP with an authority, within bounds: blocking, for a thread."""

from __future__ import annotations

import io
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from acme import client, messages
from josepy.jwa import ES256
from josepy.jwk import JWK
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

ANSWER_BYTES = 1_000_000
"""Of one answer; a chain with its issuers is some 10 kB."""
ANSWER_SECONDS = 60.0
"""For the body of one answer, however slowly it comes."""
SILENCE = 20
"""Seconds of silence after which the authority counts as away."""
CONVERSATION = 420.0
"""Seconds for all that is asked about one certificate: what came of it has to be kept before the claim ends."""
NONCES = 5
"""Tries, each with a fresh nonce, as RFC 8555 section 6.5 has it: a server that restarts forgets those it gave."""
LONGEST_WAIT = 7 * 86400
"""Of what an authority may ask for; public ones count orders by the week."""


class Network(client.ClientNetwork):
    """What the library sends its requests by.

    wait: seconds that the last answer asked to be left alone, which the library's exceptions do not tell.
    """

    def __init__(self, key: JWK, ca: str) -> None:
        """ca: a PEM file of the authorities that the directory's certificate is verified by; "" for the system's."""
        trusted: Any = ca or trusted_by_the_system()
        super().__init__(key, alg=ES256, verify_ssl=trusted, user_agent="meshd", timeout=SILENCE)
        self.session.trust_env = False  # neither a proxy, nor a login, nor another trust by the environment
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _Bounded(time.monotonic() + CONVERSATION))
        self.session.hooks["response"].append(self._note)
        self.wait = 0.0

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Signed and sent, with another nonce where one is refused: the library tries one other."""
        for _ in range(NONCES - 1):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)

    def _note(self, response: requests.Response, **_: Any) -> None:
        self.wait = waiting(response.headers.get("Retry-After", ""), time.time())


class _Bounded(HTTPAdapter):
    """Reads no more of an answer, and no longer, than the bounds allow.  until: when the conversation ends."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self._until = until

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if time.monotonic() > self._until:
            raise requests.exceptions.ReadTimeout("the conversation is too long")
        response = super().send(request, *args, **kwargs)
        if request.method != "HEAD":
            response.raw = io.BytesIO(_read(response))
        return response


def waiting(told: str, now: float) -> float:
    """Seconds of a Retry-After field, given as a number or as a date; 0 where there is none that can be read."""
    try:
        seconds = (
            float(int(told)) if told.isascii() and told.isdigit() else parsedate_to_datetime(told).timestamp() - now
        )
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), float(LONGEST_WAIT))


def trusted_by_the_system() -> str | bool:
    """Where OpenSSL would look; else the authorities that come with the HTTP library, which are a browser's."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True


def _read(response: requests.Response) -> bytes:
    """Raises: ReadTimeout, ConnectionError."""
    until = time.monotonic() + ANSWER_SECONDS
    body = bytearray()
    try:
        for piece in response.raw.stream(8192, decode_content=True):
            body += piece
            if len(body) > ANSWER_BYTES or time.monotonic() > until:
                raise requests.exceptions.ReadTimeout("the answer is too long")
    except HTTPError as error:
        raise requests.exceptions.ConnectionError("the answer broke off") from error
    finally:
        response.raw.close()
    return bytes(body)
