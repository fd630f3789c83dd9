"""`[mail]`: how letters leave, and what must be given together for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshd.config.errors import ConfigError, place
from meshd.config.secretfile import read_secret
from meshd.values.mail import Mail


def read_mail(settled: Mapping[str, Any], origins: Mapping[str, str]) -> Mail:
    """What `[mail]` says.  Raises: ConfigError for a part of what belongs together, and for an open file."""
    given = {name: settled.get(f"mail.{name}") for name in ("smtp", "from", "user", "password_file")}
    _require(given, "smtp", "from", origins)
    _require(given, "user", "smtp", origins)
    _require(given, "user", "password_file", origins)
    _require(given, "password_file", "user", origins)
    security = settled["mail.tls"]
    if given["user"] and security not in ("required", "implicit"):
        raise ConfigError(
            f'{place(origins["mail.user"])}: mail.user needs mail.tls "required" or "implicit": otherwise the '
            "password could be read on its way"
        )
    file = given["password_file"]
    return Mail(
        spool=settled["mail.spool"],
        smtp=given["smtp"] or "",
        sender=given["from"] or "",
        user=given["user"] or "",
        password_file=file,
        tls=security,
        password=read_secret(file, "mail.password_file", origins, least=1) if file else b"",
    )


def _require(given: Mapping[str, Any], name: str, other: str, origins: Mapping[str, str]) -> None:
    if given[name] and not given[other]:
        raise ConfigError(f"{place(origins[f'mail.{name}'])}: mail.{name} needs mail.{other} too")
