"""The `h2` library's state of a session, so that what is wrong with one stream does not end the others.

The library takes a malformed request for a fault of the whole session.  So its checks of header blocks are off, and
`requests` judges each of them; and Content-Length is hidden from it, whose wrong value it would take likewise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import ref

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hpack import HPACKError, OversizedHeaderListError

from meshd.http2.fields import FieldDecoder
from meshd.http2.frames import QuickConnection
from meshd.http2.requests import LENGTH, Header

GIVEN = 65_535
"""The window of a connection that has said no other (RFC 9113, 6.9.2)."""

TOO_MANY = 4
"""How many times as many streams as a client was told are its fault: it may begin some before it was told."""

A_SETTING = 6
"""Bytes of a setting (RFC 9113, 6.5.1)."""

MOST_SETTINGS = 64
"""Settings in one frame: seven are known, and some clients add others, lest a server fail at those to come."""

_KNOWN = frozenset(SettingCodes)

_UPDATES = re.compile(rb"(?:[\x20-\x3e]|\x3f[\x80-\xff]*+[\x00-\x7f]){3}")
"""Sizes of the table before a block's fields: two are all that a client has to say (RFC 7541, 4.2)."""

_HIDDEN = b""
"""Stands for the name of Content-Length; a field without a name gets one that no request has."""


class Ignored(Event):
    """A frame that the library says nothing of, as those for a stream that is closed; it may have answered."""

    def __init__(self, size: int) -> None:
        """size: by how many bytes of DATA it fills the connection's window; 0 for any other frame."""
        self.size = size


class _TooMuch(ProtocolError):
    """What no honest client says."""

    error_code = ErrorCodes.ENHANCE_YOUR_CALM


class _Methods:
    """A connection's methods by the kind of frame, which do not hold it.

    In the library a connection so holds itself, and what its client sent last stays until a collection comes by: of a
    flood 160 KB.
    """

    __slots__ = ("_connection", "_names")

    def __init__(self, connection: H2Connection, methods: Mapping[type, Callable[..., Any]]) -> None:
        self._connection = ref(connection)
        self._names = {kind: method.__name__ for kind, method in methods.items()}

    def __getitem__(self, kind: type) -> Any:
        return getattr(self._connection(), self._names[kind])


class _Connection(QuickConnection):
    """Remembers few of the streams that have ended, as it holds some hundred bytes of each; a GOAWAY ends none.

    Each frame is an event at least, so that none is free.
    """

    MAX_CLOSED_STREAMS = 1024

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self._frame_dispatch_table: Any = _Methods(self, self._frame_dispatch_table)

    def _receive_frame(self, frame: Any) -> list[Event]:
        return super()._receive_frame(frame) or [Ignored(getattr(frame, "flow_controlled_length", 0))]

    def _receive_settings_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        """Take those that are known: the library would keep all, some hundred bytes of each."""
        if frame.body_len > A_SETTING * MOST_SETTINGS:
            raise _TooMuch(f"more than {MOST_SETTINGS} settings in a frame")
        frame.settings = {code: value for code, value in frame.settings.items() if code in _KNOWN}
        return super()._receive_settings_frame(frame)

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        """Tell of it: what is open goes on (RFC 9113, 6.8), where the library would end it."""
        event = ConnectionTerminated()
        event.last_stream_id = frame.last_stream_id
        return [], [event]


class _Undecodable(ProtocolError):
    """A header block that is none (RFC 9113, 4.3)."""

    error_code = ErrorCodes.COMPRESSION_ERROR


class _Decoder(FieldDecoder):
    """Decodes blocks that are no longer than what they may stand for, since it takes them apart with many copies."""

    def decode(self, data: bytes, raw: bool = False) -> Any:
        if len(data) > self.max_header_list_size or _UPDATES.match(data):
            raise _TooMuch("a header block that says little")
        try:
            fields = super().decode(data, raw)
        except OversizedHeaderListError:
            raise
        except HPACKError as error:
            raise _Undecodable(str(error)) from error  # which the library takes for any other fault
        return [(_HIDDEN if name == LENGTH else name or b":", value) for name, value in fields]


def shown(headers: Iterable[Header] | None) -> list[Header]:
    """The fields of an event of the library, each by its own name."""
    return [(LENGTH if name == _HIDDEN else name, value) for name, value in headers or ()]


def offers_extended(connection: QuickConnection) -> bool:
    """Whether the client was told that it may ask for an extended CONNECT; that cannot be taken back."""
    return bool(connection.local_settings.enable_connect_protocol)


def opened(*, streams: int, window: int, head: int, extended: bool = False) -> QuickConnection:
    """A server's session, of which nothing is sent yet.

    streams: that may be open at once; window: bytes that a client may send by each before they are taken, and by all
    so many times as much; head: bytes of a header block, as RFC 9113 (6.5.2) counts them; extended: whether extended
    CONNECT is offered (RFC 8441, 3).
    """
    config = H2Configuration(
        client_side=False,
        header_encoding=None,
        validate_inbound_headers=False,
        validate_outbound_headers=False,
        normalize_inbound_headers=False,
        normalize_outbound_headers=False,
    )
    connection = _Connection(config)
    connection.decoder = _Decoder()
    connection.decoder.max_header_list_size = head
    bounds = {
        SettingCodes.MAX_CONCURRENT_STREAMS: streams,
        SettingCodes.INITIAL_WINDOW_SIZE: window,
        SettingCodes.MAX_HEADER_LIST_SIZE: head,
        SettingCodes.ENABLE_PUSH: 0,
    }
    if extended:
        bounds[SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
    connection.local_settings = Settings(client=False, initial_values=bounds)
    connection.initiate_connection()
    connection.increment_flow_control_window(streams * window - GIVEN)
    connection.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = streams * TOO_MANY
    connection.local_settings.acknowledge()
    connection.streams_at_once = streams * TOO_MANY
    return connection
