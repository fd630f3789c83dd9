"""The meaning of a request's fields, of whatever proxy request they are."""

from __future__ import annotations

import re
from functools import lru_cache

from meshd.auth.credentials import own_token
from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import BodyFraming, framing_field
from meshd.http1.grammar import TEXT
from meshd.http1.keep import end_to_end, keeps_alive, options
from meshd.selection import EXIT_NAME, NONE, Selection, country_code, plain

SHORT = 256
"""Bytes of a request's X-ProxyMesh fields up to which their Selection is remembered: 1 MB in all at most."""

MOST_NAMES = 100
"""Exits that X-ProxyMesh-Not-IP may name, over all its lines: to read that many addresses takes half a millisecond."""

EMPTY = re.compile(rb"(?i:basic)[ \t]++Og={0,2}")
"""A Basic credential with an empty name and an empty password, as wget and w3m send it where they have none."""

_CREDENTIAL = re.compile(rb"(?:^|\n)(?i:proxy-authorization):[ \t]*+([^\r\n]*+)")
_VALUE = re.compile(rb"[!-~\x80-\xff](?:[" + TEXT + rb"]*[!-~\x80-\xff])?")
_HOST = b"Host: "
_SECONDS = re.compile(r"[0-9]{1,5}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_NOTHING = (NONE, 0)
_OURS = (b"proxy-", b"x-proxymesh-")
_REGENERATED = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade"})


class Said:
    """The meaning of a request's fields, whatever the request line.

    Clients repeat their fields on a connection, so that one Said serves all requests with the very same field block.
    The constructor reads only what is needed to authenticate or refuse; the rest is read once the client is admitted.
    """

    __slots__ = (
        "_around",
        "_origin_fields",
        "_wishes",
        "authorization",
        "block",
        "fields",
        "keep",
        "proxy_authorization",
        "switches",
        "websocket",
    )

    def __init__(self, minor: int, fields: Fields, block: bytes) -> None:
        """block: the field lines as they came, with the blank line.  Raises: BadMessage for two credentials."""
        self.block = block
        self.fields = fields
        self.keep = keeps_alive(minor, fields)
        self.proxy_authorization = _credential(fields)
        self.authorization = fields.get(b"authorization") if self.proxy_authorization is not None else _origins(fields)
        self._around: tuple[bytes, bytes] | None = None
        """What stands before and behind the value of Proxy-Authorization; nothing before it where there is none."""
        self._wishes: tuple[Selection, int] | None = None
        wanted = _upgrade(fields) if minor == 1 else b""
        self.websocket = wanted == b"websocket"
        """Whether the fields ask for an upgrade to WebSocket."""
        self.switches = wanted not in {b"", b"h2c"}  # clients of h2c go on in HTTP/1.1 without a 101
        """Whether the fields ask for another protocol."""
        self._origin_fields: dict[str, list[tuple[bytes, bytes]]] = {}

    def again(self, block: bytes) -> Said | None:
        """The meaning of another field block that differs from this one in the value of Proxy-Authorization at most;
        None for any other block.
        """
        if block == self.block:
            return self
        credential = self.credential_in(block)
        return self.with_credential(block, credential) if credential is not None else None

    def credential_in(self, block: bytes) -> bytes | None:
        """The value of Proxy-Authorization in another field block that differs from this one in that value alone; None
        for any other block.
        """
        if self.proxy_authorization is None:
            return None
        around = self._around
        if around is None:
            around = self._around = _around(self.block)
        before, behind = around
        if not before or not block.startswith(before) or not block.endswith(behind):
            return None
        value = block[len(before) : len(block) - len(behind)]  # nothing where the two overlap
        # As is_credential(), written out to save two calls for each request of a connection that accounts share.
        return value if _VALUE.fullmatch(value) is not None and (len(value) >= 16 or not _empty(value)) else None

    def of_host(self, block: bytes, host: bytes) -> Said | None:
        """The meaning of a block that is this one but for the value of Host, the first field of both; None for any
        other block.  host: the value in that block, as `host_in` gives it.

        Its `fields` have the Host of this one, which nobody reads: who asks for a server goes by the target, and a
        TRACE, which shows all fields, is never read so.
        """
        own = self.block
        same = own.startswith(_HOST) and block[len(_HOST) + len(host) :] == own[own.find(b"\r\n") :]
        if not same or self.switches:
            return None
        said = self.with_credential(block, self.proxy_authorization)
        said._around = None
        return said

    def with_credential(self, block: bytes, credential: bytes | None, /) -> Said:
        """The same but for its credential; its `fields`, of which nobody reads that one, stay those of the first."""
        said = Said.__new__(Said)
        said.block, said.proxy_authorization = block, credential
        said.fields, said.keep, said.authorization = self.fields, self.keep, self.authorization
        said.switches, said.websocket = self.switches, self.websocket
        said._around, said._wishes, said._origin_fields = self._around, self._wishes, self._origin_fields
        return said

    def wishes(self) -> tuple[Selection, int]:
        """The wanted exit, and the seconds allowed for connecting and for the first byte (0 for no wish); read at the
        first call, so that a client that is not admitted causes no work.
        Raises: BadMessage where an X-ProxyMesh field is there twice, or names too many exits.
        """
        if self._wishes is None:
            fields = self.fields
            if b"x-proxymesh-" in self.block.lower():  # in a name, if not in a value
                seconds = _seconds(_one(fields, b"x-proxymesh-timeout", "X-ProxyMesh-Timeout"))
                self._wishes = _selection(fields), seconds
            else:
                self._wishes = _NOTHING
        return self._wishes

    def origin_fields(self, consumed: str, framing: BodyFraming) -> list[tuple[bytes, bytes]]:
        """The fields that are forwarded to the origin, the one that frames written anew; callers must not change the
        list.

        consumed: "authorization" where that field carried a credential of this proxy; framing: what the fields say.
        """
        known = self._origin_fields.get(consumed)
        if known is None:
            ours = consumed == "authorization" or any(map(own_token, self.fields.all(b"authorization")))
            drop = _REGENERATED | {b"authorization"} if ours else _REGENERATED
            known = self._origin_fields[consumed] = end_to_end(self.fields, drop, _OURS, anew=framing_field(framing))
        return known


def host_in(block: bytes) -> bytes:
    """The value of Host, where that is a block's first field and spelled as most do; else nothing."""
    return block[len(_HOST) : block.find(b"\r\n")] if block.startswith(_HOST) else b""


def is_credential(value: bytes) -> bool:
    """Whether this can be the value of Proxy-Authorization, and is one that counts."""
    return _VALUE.fullmatch(value) is not None and not _empty(value)


def _credential(fields: Fields) -> bytes | None:
    """The value of Proxy-Authorization; None where absent, and where a client without a credential sent an empty one.
    Raises: BadMessage for two.
    """
    value = _one(fields, b"proxy-authorization", "Proxy-Authorization")
    return None if value is not None and _empty(value) else value


def _empty(value: bytes) -> bool:
    """Whether this is a credential that is sent where there is none."""
    return len(value) < 16 and EMPTY.fullmatch(value) is not None


def _around(block: bytes) -> tuple[bytes, bytes]:
    """What stands before and behind the value of Proxy-Authorization; nothing before it where there is none."""
    found = _CREDENTIAL.search(block)
    if found is None:
        return b"", b""
    return block[: found.start(1)], block[found.start(1) + len(found[1].rstrip(b" \t")) :]


def _one(fields: Fields, name: bytes, shown: str) -> bytes | None:
    """The value of a field, None where absent; shown: its name in the error.  Raises: BadMessage where it is twice."""
    values = fields.all(name)
    if len(values) > 1:
        raise BadMessage(400, f"two {shown} fields")
    return values[0] if values else None


def _origins(fields: Fields) -> bytes | None:
    """The value of Authorization, None where absent.  Raises: BadMessage for two, if one has a token of this proxy."""
    values = fields.all(b"authorization")
    if len(values) > 1 and any(map(own_token, values)):
        raise BadMessage(400, "two Authorization fields, one of them with a token of this proxy")
    return values[0] if values else None


def _selection(fields: Fields) -> Selection:
    said = (
        _one(fields, b"x-proxymesh-ip", "X-ProxyMesh-IP"),
        _one(fields, b"x-proxymesh-prefer-ip", "X-ProxyMesh-Prefer-IP"),
        b",".join(fields.all(b"x-proxymesh-not-ip")),
        _one(fields, b"x-proxymesh-country", "X-ProxyMesh-Country"),
        _one(fields, b"x-proxymesh-session", "X-ProxyMesh-Session"),
    )
    # A client repeats its fields with each tunnel.  Long ones are not remembered: they could fill memory.
    return _known_selection(*said) if sum(map(len, filter(None, said))) <= SHORT else _selection_of(*said)


def _selection_of(
    ip: bytes | None, prefer: bytes | None, avoid: bytes, country: bytes | None, session: bytes | None
) -> Selection:
    if avoid.count(b",") >= MOST_NAMES:
        raise BadMessage(400, f"more than {MOST_NAMES} exits in X-ProxyMesh-Not-IP")
    selection = Selection(
        exit=_exit_name(ip),
        prefer=_exit_name(prefer),
        avoid=frozenset(plain(name) for name in map(_exit_name, avoid.split(b",")) if name),
        country=_country(country),
        session=(session or b"").decode("latin-1"),
    )
    return NONE if selection == NONE else selection


_known_selection = lru_cache(1024)(_selection_of)


def _exit_name(value: bytes | None) -> str:
    """An exit's address or name; "" for a value that cannot be one, as clients in the wild send all sorts."""
    text = (value or b"").decode("latin-1").strip()
    return text if EXIT_NAME.match(text) else ""


def _country(value: bytes | None) -> str:
    """A country code in upper case; "" for none, and "-", which no exit has, for what is no code."""
    text = (value or b"").decode("latin-1").strip().upper()
    if not text:
        return ""
    return country_code(text) if _COUNTRY.fullmatch(text) else "-"


def _seconds(value: bytes | None) -> int:
    text = (value or b"").decode("latin-1").strip()
    return int(text) if _SECONDS.fullmatch(text) else 0


def _upgrade(fields: Fields) -> bytes:
    """The value of Upgrade in lower case; b"" where there is none, or Connection does not name it."""
    asked = fields.all(b"upgrade")
    return b",".join(asked).lower() if asked and b"upgrade" in options(fields) else b""
