"""Tokens and passwords, and the addresses that stand in for one: how they are written, told apart and compared.

A token is `pm_`, 43 base62 digits of 32 random bytes, and 6 of their CRC-32, so that a typing error is told from a
token without asking anybody, and scanners of published code can find ours.
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network
from math import ceil, log2
from zlib import crc32

from meshd.values.addresses import Address, parse_ip, unmapped

TOKEN_BYTES = 32
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY = 43
"""62**43 is the first power of 62 above 256**32."""
_CHECKSUM = 6
_TOKEN = re.compile(rf"pm_[0-9A-Za-z]{{{_BODY + _CHECKSUM}}}", re.ASCII)


def new_token(random: bytes | None = None, prefix: str = "pm_") -> str:
    """A token of these 32 random bytes, or of fresh ones."""
    secret = os.urandom(TOKEN_BYTES) if random is None else random
    if len(secret) != TOKEN_BYTES:
        raise ValueError(f"a token is made of {TOKEN_BYTES} bytes")
    body = _base62(int.from_bytes(secret, "big"), _BODY)
    return f"{prefix}{body}{_checksum(body)}"


def looks_like_token(text: str) -> bool:
    """Whether the text's form and checksum are those of a token."""
    return _TOKEN.fullmatch(text) is not None and _checksum(text[3:-_CHECKSUM]) == text[-_CHECKSUM:]


def token_digest(token: str) -> bytes:
    """What the store keeps of a token.  A fast hash is right for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_password(random: bytes | None = None) -> str:
    """A base62 password, to be typed and pasted anywhere, of these random bytes, or of 15 fresh ones."""
    secret = os.urandom(15) if random is None else random
    return _base62(int.from_bytes(secret, "big"), ceil(len(secret) * 8 / log2(62)))


@lru_cache(maxsize=4096)
def normal_address(text: str) -> str | None:
    """The one spelling of an IP address: IPv4-mapped as IPv4, without zone.  None for what is no single address."""
    address = _address(text)
    return None if address is None else str(address)


@lru_cache(maxsize=4096)
def ban_address(text: str) -> str:
    """What a ban is keyed by: an IPv4 address, or the /64 that one IPv6 customer has whole."""
    address = _address(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return text[:64] if address is None else str(address)


def _address(text: str) -> Address | None:
    address = parse_ip(text.partition("%")[0])
    return None if address is None else unmapped(address)


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode("ascii")), _CHECKSUM)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
