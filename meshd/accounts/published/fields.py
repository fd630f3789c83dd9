"""Single members of a resource's JSON: each reader gives the canonical value, or says what is wrong with it.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import idna

from meshd.accounts import freeform
from meshd.values.addresses import ends_in_number, parse_ip, unmapped

Reader = Callable[[Any], Any]
"""Gives the canonical value of what was read from JSON.  Raises: ValueError, whose text is for people."""

LONGEST_TEXT = 255
"""Characters of a name that people give to something."""
META_BYTES = 16 * 1024
"""Bytes of what clients keep with a resource for themselves."""
LONGEST_NAME = 253
"""Characters of a host name in ASCII (RFC 1035, 2.3.4)."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
"""RFC 1123, 2.1, in lower case."""
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")
"""The same with underscores, which services behind one machine often have in their names."""
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h))+")
_PART = re.compile(r"([0-9.]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PATH = re.compile(r"/[!-~]*")


def truth(raw: Any) -> bool:
    """JSON's true and false; 1 and 0 too, as clients have them from databases."""
    if isinstance(raw, bool) or (type(raw) is int and raw in (0, 1)):
        return bool(raw)
    raise ValueError("This must be true or false.")


def whole(low: int, high: int) -> Reader:
    """A whole number between two, in JSON a number."""

    def read(raw: Any) -> int:
        if type(raw) is not int or not low <= raw <= high:
            raise ValueError(f"This must be a whole number from {low} to {high}.")
        return raw

    return read


port = whole(1, 65535)
identifier = whole(0, 2**63 - 1)
"""The id of another resource; 0 for none."""


def choice(*words: Any) -> Reader:
    def read(raw: Any) -> Any:
        if isinstance(raw, bool) or raw not in words:
            raise ValueError(f"This must be one of {', '.join(map(str, words))}.")
        return raw

    return read


def text(longest: int, *, empty: bool = True) -> Reader:
    """Characters that can be printed."""

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or not raw.isprintable():
            raise ValueError("This must be a text without control characters.")
        if len(raw) > longest or not (raw.strip() or empty):
            raise ValueError(f"This must be a text of {0 if empty else 1} to {longest} characters.")
        return raw

    return read


def nothing(raw: Any) -> str:
    """What a relative of this API lets be written into its server's configuration: nothing can be."""
    if raw not in ("", None):
        raise ValueError("There is nothing that this could be written into: leave it out, or empty.")
    return ""


def pem(longest: int) -> Reader:
    """Text in PEM; what it says is checked by whoever takes it in."""

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or not raw.isascii() or len(raw) > longest or "\0" in raw:
            raise ValueError(f"This must be text in PEM of at most {longest} bytes.")
        return raw

    return read


def meta(raw: Any) -> dict[str, Any]:
    """What clients keep for themselves; it means nothing here."""
    if not isinstance(raw, dict):
        raise ValueError("This must be an object.")
    if problem := freeform.problem(raw, META_BYTES):
        raise ValueError(problem)
    return raw


def duration(low: float, high: float) -> Reader:
    """A time such as "60s", "1m" or "1m30s", or a number of seconds, between two numbers of seconds."""

    def read(raw: Any) -> str:
        written = f"{raw:g}s" if type(raw) in (int, float) and 0 <= raw < 1e6 else raw
        if written == "0":
            written = "0s"
        if not isinstance(written, str) or not _DURATION.fullmatch(written):
            raise ValueError('This must be a time such as "500ms", "60s" or "1m30s", or a number of seconds.')
        if not low <= seconds(written) <= high:
            raise ValueError(f"This must be a time from {low:g} to {high:g} seconds.")
        return written

    return read


def seconds(written: str) -> float:
    """The seconds of a time that `duration` gave."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(written))


def domain(raw: Any) -> str:
    """A name that is published: in lower case and ASCII; `*.` before it for all names one label below; an address."""
    bare = _bare(raw)
    if (address := _address(bare)) is not None:
        return address
    star = "*." if bare.startswith("*.") else ""
    return star + _ascii(bare.removeprefix("*."), _NAME, LONGEST_NAME - len(star))


def server_name(raw: Any) -> str:
    """The name of a server that a client asks for by TLS: no address, as RFC 6066 has it."""
    found = domain(raw)
    if parse_ip(found) is not None:
        raise ValueError("This must be a host name: clients do not send an address by SNI.")
    return found


def host(raw: Any) -> str:
    """A server behind meshd: a name in lower case and ASCII, or an address without brackets."""
    bare = _bare(raw)
    return _address(bare) or _ascii(bare, _HOST, LONGEST_NAME)


def target(raw: Any) -> str:
    """Where a redirection sends to: a host, perhaps with a port."""
    both = _bare(raw)
    bare, colon, number = both.rpartition(":")
    if not colon or _address(both):
        found = host(both)
        return f"[{found}]" if ":" in found else found
    found = host(bare)
    if not re.fullmatch(r"[0-9]{1,5}", number) or not 1 <= int(number) <= 65535:
        raise ValueError("Its port must be a number from 1 to 65535.")
    return f"[{found}]:{int(number)}" if ":" in found else f"{found}:{int(number)}"


def path(longest: int, *, empty: bool = False) -> Reader:
    """The path of a request: it begins with a slash, and has neither query nor fragment."""

    def read(raw: Any) -> str:
        if raw == "" and empty:
            return ""
        if not isinstance(raw, str) or not _PATH.fullmatch(raw) or len(raw) > longest or "?" in raw or "#" in raw:
            raise ValueError(
                f"This must be a path of at most {longest} characters that begins with a slash, percent-encoded, "
                "without a query."
            )
        return raw

    return read


def network(raw: Any) -> str:
    """An address or a range; "all" for everybody."""
    if raw == "all":
        return "all"
    if not isinstance(raw, str) or "%" in raw:  # a zone is this machine's business
        raise ValueError("This must be an address, a range such as 10.0.0.0/8, or all.")
    try:
        found = ip_network(raw.strip())
    except ValueError:
        raise ValueError(f"{raw[:60]!r} is no address and no range; a range begins with its first address.") from None
    if found.version == 6 and found.prefixlen >= 96 and found.network_address.ipv4_mapped is not None:
        raise ValueError("Mapped addresses are compared as IPv4: write it so.")
    return str(found.network_address) if found.prefixlen == found.max_prefixlen else str(found)


def _bare(raw: Any) -> str:
    if not isinstance(raw, str) or len(raw) > 4 * LONGEST_NAME:  # in UTF-8 no character has more bytes than four
        raise ValueError("This must be a host name or an address.")
    return raw.strip().lower()


def _address(bare: str) -> str | None:
    """The address that the text is, without brackets; None where it is none.  A zone is this machine's business."""
    found = parse_ip(bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare)
    return None if found is None or "%" in bare else str(unmapped(found))


def _ascii(bare: str, pattern: re.Pattern[str], longest: int) -> str:
    """The name in ASCII, by IDNA 2008 as UTS 46 prepares it.  Raises: ValueError."""
    found = bare.removesuffix(".")
    if not found.isascii():
        try:
            found = idna.encode(found, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise ValueError(f"{bare[:60]!r} is no host name.") from None
    if len(found) > longest or not pattern.fullmatch(found) or ends_in_number(found):
        raise ValueError(f"{bare[:60]!r} is no host name.")
    return found
