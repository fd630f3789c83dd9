"""`[hosts]`: what is published, off where nothing of the section is given."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from meshd.config.errors import ConfigError, place
from meshd.config.secretfile import read_secret
from meshd.config.sources import DEFAULT
from meshd.values.hosting import Acme, Hosting

ATTRIBUTES: Mapping[str, str] = {
    "hosts.listen": "listen",
    "hosts.tls": "tls",
    "hosts.http": "http",
    "hosts.https": "https",
    "hosts.trusted_proxies": "trusted",
    "hosts.upstreams_loopback": "loopback",
    "hosts.acme_directory": "acme.directory",
    "hosts.acme_email": "acme.email",
    "hosts.acme_ca": "acme.ca",
    "hosts.acme_eab_kid": "acme.kid",
    "hosts.acme_eab_key_file": "acme.key_file",
    "hosts.acme_profile": "acme.profile",
}
"""Attributes of a Hosting, by key."""

LEAST_KEY = 16
"""Bytes of the key of an external account binding: with fewer, whoever sees one signature could guess the key."""


def read_hosts(settled: Mapping[str, Any], origins: Mapping[str, str], *, section: bool) -> Hosting | None:
    """What `[hosts]` says; None where it is off.  Raises: ConfigError.

    section: whether the file has the section, which may be empty; a flag or a variable of its own switches it on too.
    """
    if not section and all(origins.get(key, DEFAULT) == DEFAULT for key in (*ATTRIBUTES, "hosts.secrets")):
        return None
    return Hosting(
        listen=settled["hosts.listen"],
        tls=settled["hosts.tls"],
        http=settled["hosts.http"],
        https=settled["hosts.https"],
        trusted=settled["hosts.trusted_proxies"],
        loopback=settled["hosts.upstreams_loopback"],
        acme=_acme(settled, origins),
    )


def _acme(settled: Mapping[str, Any], origins: Mapping[str, str]) -> Acme:
    ca, kid = settled.get("hosts.acme_ca"), settled.get("hosts.acme_eab_kid", "")
    file = settled.get("hosts.acme_eab_key_file")
    for one, other in (("kid", "key_file"), ("key_file", "kid")):
        if settled.get(f"hosts.acme_eab_{one}") and not settled.get(f"hosts.acme_eab_{other}"):
            where = place(origins[f"hosts.acme_eab_{one}"])
            raise ConfigError(f"{where}: hosts.acme_eab_{one} needs hosts.acme_eab_{other} too")
    return Acme(
        directory=settled["hosts.acme_directory"],
        email=settled.get("hosts.acme_email", ""),
        ca=str(ca) if ca else "",
        kid=kid,
        key=_binding(file, origins) if file else "",
        profile=settled.get("hosts.acme_profile", ""),
        key_file=str(file) if file else "",
    )


def _binding(file: Any, origins: Mapping[str, str]) -> str:
    """The key of an external account binding, as the file has it.  Raises: ConfigError."""
    key = "hosts.acme_eab_key_file"
    text = read_secret(file, key, origins)
    try:
        if len(base64.b64decode(text.rstrip(b"=") + b"==", altchars=b"-_", validate=True)) >= LEAST_KEY:
            return text.rstrip(b"=").decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        pass
    raise ConfigError(f"{place(origins[key])}: {key}: {file} must hold the key in base64url, as the authority gave it")
