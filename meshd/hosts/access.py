"""Whether an access list lets a client in by its address, and whether it has to sign in.  Pure.

The first rule that matches decides.  Where none does, a list with a rule that allows refuses, any other lets in.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from meshd.values.addresses import parse_ip, unmapped
from meshd.values.published import AccessList

Entry = Literal["open", "closed", "sign-in"]
"""Let in; refused; let in after a login."""


def entry(access: AccessList, address: str) -> Entry:
    """What the list says of a client at this address; of a client without one ("") no rule speaks."""
    if not access.enabled:
        return "closed"
    allowed = _by_address(access, address)
    if not access.logins:
        return "open" if allowed else "closed"
    if not access.rules:
        return "sign-in"
    if access.satisfy_any:
        return "open" if allowed else "sign-in"
    return "sign-in" if allowed else "closed"


def _by_address(access: AccessList, address: str) -> bool:
    parsed = parse_ip(address)
    if parsed is not None:
        client: IPv4Address | IPv6Address = unmapped(parsed)
        for rule in access.rules:
            if client in rule.network:
                return rule.allow
    return not any(rule.allow for rule in access.rules)
