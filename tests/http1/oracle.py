"""llhttp, through httptools: the reader that half of the web's servers agree with."""

from __future__ import annotations

from dataclasses import dataclass, field

import httptools


@dataclass
class Reading:
    """What llhttp makes of some bytes."""

    method: bytes = b""
    target: bytes = b""
    version: str = ""
    status: int = 0
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    """The head's, then the trailers'."""
    body: bytes = b""
    messages: int = 0
    """Messages that are complete."""
    tunnel_at: int | None = None
    """Where it takes the bytes for those of another protocol."""
    fault: str = ""
    """Why it refuses; "" where it does not."""

    def on_url(self, target: bytes) -> None:
        self.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        # It keeps the blanks after a value, which RFC 9112 5.1 does not count to it.
        self.fields.append((name, value.rstrip(b" \t")))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.messages += 1


def read_as_request(data: bytes) -> Reading:
    """What llhttp makes of a client's bytes."""
    reading = Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade as upgrade:
        reading.tunnel_at = upgrade.args[0]
    except httptools.HttpParserError as error:
        reading.fault = f"{type(error).__name__} {error}"
        return reading
    reading.method, reading.version = parser.get_method(), parser.get_http_version()
    return reading


def read_as_response(data: bytes) -> Reading:
    """What llhttp makes of an origin's bytes, as the answer to a GET."""
    reading = Reading()
    parser = httptools.HttpResponseParser(reading)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade as upgrade:
        reading.tunnel_at = upgrade.args[0]
    except httptools.HttpParserError as error:
        reading.fault = f"{type(error).__name__} {error}"
        return reading
    reading.status, reading.version = parser.get_status_code(), parser.get_http_version()
    return reading
