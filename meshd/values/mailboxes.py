"""E-mail addresses that a letter can be sent to as they are: what SMTP takes without quoting (RFC 5321).  Pure."""

from __future__ import annotations

import re

from meshd.values.addresses import is_name, parse_ip

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*\Z")
LONGEST, LONGEST_LOCAL = 254, 64
"""Characters of the whole and of what stands before the @ (RFC 5321, 4.5.3.1)."""


def is_mailbox(text: str) -> bool:
    """Whether the text is one address: an ASCII name without quotes and comments, at a host name."""
    local, at, domain = text.rpartition("@")
    if not at or len(text) > LONGEST or len(local) > LONGEST_LOCAL or not text.isascii():
        return False
    return bool(_LOCAL.match(local)) and is_name(domain) and not domain.endswith(".") and parse_ip(domain) is None
