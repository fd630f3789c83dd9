"""In which order sellers write where a proxy is and who may use it; no file is touched here.

What can be read in one way only is read.  What could be two is a ValueError, whose text says which spelling to use and
repeats nothing of what was read: any piece of it may be a password.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from meshd.config.exits.places import SCHEMES, place, upstream
from meshd.topology import ExitKind, UpstreamProxy
from meshd.values.addresses import ends_in_number, is_name, is_place, parse_ip

SPELLINGS = "host:port, host:port:user:password, user:password@host:port, a URL, an address"
TWO_ENDS = "each of its ends could be the proxy: write it as user:password@host:port"
SIX = "an IPv6 address before a port has brackets: [address]:port; an exit of this machine is said to be kind=local"
ENCODED = "a password may be percent-encoded here or not: write it as scheme://user:password@host:port"

_FORWARD = re.compile(r"((?:\[[^\[\]]*\]|[^:\[\]@]*):[0-9]{1,5})(?::([^:]*):(.*))?", re.ASCII)
_BACKWARD = re.compile(r"([^:\[\]]*):(.*):((?:\[[^\[\]]*\]|[^:\[\]@]*):[0-9]{1,5})", re.ASCII)
_SEPARATORS = "\t;,|"
_BARE_SIX = re.compile(r"([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*):([0-9]{1,5})", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)
_HEADINGS = frozenset(
    [
        "address",
        "country",
        "host",
        "hostname",
        "ip",
        "ip_address",
        "kind",
        "login",
        "name",
        "pass",
        "password",
        "port",
        "protocol",
        "proxy",
        "pwd",
        "scheme",
        "type",
        "user",
        "username",
    ]
)
"""What the columns of a list are called in its first line."""


def proxy(kind: ExitKind, word: str) -> UpstreamProxy:
    """Read one word, not encoded.  Raises: ValueError."""
    before, at, after = word.rpartition("@")
    if at and is_place(after):
        username, _, password = before.partition(":")
        return upstream(kind, *place(after), username, password)
    before, at, after = word.partition("@")
    if at and is_place(before):
        username, _, password = after.partition(":")
        return upstream(kind, *place(before), username, password)
    if (six := _BARE_SIX.fullmatch(word)) is not None and parse_ip(six[1]) is not None:
        return upstream(kind, *place(f"[{six[1]}]:{six[2]}"))
    forward, backward = _FORWARD.fullmatch(word), _BACKWARD.fullmatch(word)
    if backward is not None and (forward is None or _prefers(backward[3], forward[1])):
        return upstream(kind, *place(backward[3]), backward[1], backward[2])
    if forward is None:
        raise ValueError(f"it is none of {SPELLINGS}")
    return upstream(kind, *place(forward[1]), forward[2] or "", forward[3] or "")


def _prefers(last: str, first: str) -> bool:
    """Whether of two places the last one is the proxy's; a name without a dot is hardly one.  Raises: ValueError."""
    looks = _is_host(last), _is_host(first)
    if looks == (True, True):
        raise ValueError(TWO_ENDS)
    return looks == (True, False)


def _is_host(text: str) -> bool:
    """Whether what stands before the port is an address or a name with a dot, and the port is one."""
    host, _, port = text.rpartition(":")
    if not 1 <= int(port) <= 65535:
        return False
    host = host.strip("[]")
    return parse_ip(host) is not None or ("." in host and is_name(host) and not ends_in_number(host))


def of_url(word: str) -> tuple[ExitKind, UpstreamProxy] | None:
    """A URL whose credentials stand behind its place, `scheme://host:port:user:password`, or otherwise as in `proxy`;
    None for a usual one.  Raises: ValueError.
    """
    scheme, _, rest = word.partition("://")
    kind = SCHEMES.get(scheme.lower())
    rest = rest.removesuffix("/")
    if kind is None or is_place(rest.rpartition("@")[2]):
        return None
    turned = (
        is_place(rest.partition("@")[0]) if "@" in rest else bool(_FORWARD.fullmatch(rest) or _BACKWARD.fullmatch(rest))
    )
    if not turned:
        return None
    if "%" in rest:
        raise ValueError(ENCODED)
    return kind, proxy(kind, rest)


def unnamed(word: str) -> str:
    """A URL without the name behind it that share links have (`#Berlin`); a password with such a sign stays whole."""
    url, sign, name = word.partition("#")
    authority = url.partition("://")[2].rpartition("@")[2].removesuffix("/")
    return url if sign and "@" not in name and is_place(authority) else word


def columns(text: str) -> Sequence[str]:
    """The cells of a line of columns; none where the line has no columns."""
    for separator in _SEPARATORS:
        if separator in text:
            cells = _cells(text, separator)
            if _are_columns(cells):
                return cells
    cells = text.split()
    return cells if len(cells) > 1 and _are_columns(cells) else ()


def is_heading(text: str) -> bool:
    """Whether a line says what the columns of a list are called."""
    cells = [cell.lower() for cell in re.split(r"[\s;,|:]+", text.replace('"', "")) if cell]
    return len(cells) > 1 and _HEADINGS.issuperset(cells)


def of_columns(kind: ExitKind, cells: Sequence[str]) -> tuple[ExitKind, UpstreamProxy]:
    """Read `host port`, with `user password` behind it or before it, or `host:port user password`; a scheme may stand
    before it or behind it.  Raises: ValueError.
    """
    if cells[0].lower() in SCHEMES:
        kind, cells = SCHEMES[cells[0].lower()], cells[1:]
    elif cells[-1].lower() in SCHEMES:
        kind, cells = SCHEMES[cells[-1].lower()], cells[:-1]
    if is_place(cells[0]) and len(cells) in (1, 3):
        return kind, upstream(kind, *place(cells[0]), *cells[1:])
    forward, backward = _is_pair(cells[:2]), len(cells) == 4 and _is_pair(cells[2:])
    if backward and (not forward or _prefers(_joined(cells[2:]), _joined(cells[:2]))):
        return kind, upstream(kind, *place(_joined(cells[2:])), *cells[:2])
    return kind, upstream(kind, *place(_joined(cells[:2])), *cells[2:])


def _cells(text: str, separator: str) -> list[str]:
    try:
        (cells,) = csv.reader([text], delimiter=separator, strict=True, skipinitialspace=True)
    except (csv.Error, ValueError):
        return []
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        del cells[-1]
    return cells


def _are_columns(cells: Sequence[str]) -> bool:
    """Whether cells say where a proxy is, and nothing else than that, who may use it, and its kind."""
    if len(cells) > 1 and cells[0].lower() in SCHEMES:
        cells = cells[1:]
    elif len(cells) > 1 and cells[-1].lower() in SCHEMES:
        cells = cells[:-1]
    if len(cells) == 3:
        return is_place(cells[0])
    return len(cells) in (2, 4) and (_is_pair(cells[:2]) or (len(cells) == 4 and _is_pair(cells[2:])))


def _is_pair(cells: Sequence[str]) -> bool:
    """Whether these are a host and a port."""
    host, port = cells
    six = parse_ip(host.strip("[]"))
    return _NUMBER.fullmatch(port) is not None and (six is not None or is_name(host))


def _joined(cells: Sequence[str]) -> str:
    host, port = cells
    return f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"
