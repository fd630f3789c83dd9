"""`[exit_lists.NAME]`: lists of exits that are fetched from a seller's URL; nothing is fetched here.

A URL of a list is a secret: whoever knows it has the exits with their passwords.  No more of it than its host is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from meshd.config.exits.places import COST
from meshd.config.kinds import PATH, TRUTH, Kind, number, seconds, text_kind
from meshd.config.network import acme_url
from meshd.config.toml_file import File
from meshd.values.addresses import join_host

MOST = 100
"""Lists of one installation."""
LONGEST = 4096
"""Characters of a URL."""
HTTPS = 443
FOLDER = "lists"
"""Within the data folder, where the lists are kept that were fetched last."""


def list_url(text: str) -> str:
    """An absolute `https` URL, perhaps with credentials.  Raises: ValueError, whose text has nothing of the URL."""
    parts = urlsplit(text)
    if len(text) > LONGEST or not text.startswith("https://"):
        raise ValueError("it must begin with https://, since it brings passwords")
    try:
        acme_url(text.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1) if "@" in parts.netloc else text)
        parts.port  # noqa: B018 (raises a ValueError for what is no port)
    except ValueError as error:
        raise ValueError("its host, its port or a character is wrong, or it has a fragment") from error
    return text


EXIT_LIST: Mapping[str, Kind] = {
    "url": replace(text_kind("an https:// URL", list_url), secret=True),
    "every": seconds(60, 7 * 86400),
    "least": number(1, 1_000_000),
    "ca": PATH,
    "private": TRUTH,
    "cost": COST,
}


@dataclass(frozen=True, slots=True)
class RemoteList:
    """A list of exits at a URL."""

    name: str
    url: str = field(repr=False)
    """It may hold credentials, in its user information, its path or its query."""
    every: float = 900
    """Seconds between two fetches."""
    least: int = 1
    """A list of fewer exits is taken for a broken one."""
    ca: str = ""
    """A PEM file of authorities for its server's certificate; "" for those that the system trusts."""
    private: bool = False
    """Whether the server, and the exits, may be at addresses where customers' requests may not go."""
    cost: Decimal | None = None
    """What a GB costs by an exit whose line says nothing of that; None for unknown."""

    @property
    def shown(self) -> str:
        """As much of the URL as anybody may see."""
        parts = urlsplit(self.url)
        return f"https://{join_host(parts.hostname, parts.port) if parts.port else parts.hostname}/…"

    @property
    def server(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return str(parts.hostname), parts.port or HTTPS

    @property
    def login(self) -> tuple[str, str] | None:
        """Name and password for the server, if the URL has them."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return None
        return unquote(parts.username), unquote(parts.password or "")

    @property
    def bare(self) -> str:
        """The URL without name and password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def digest(self) -> str:
        """What tells that the URL is another one, and does not tell the URL."""
        return sha256(b"meshd list\0" + self.url.encode()).hexdigest()


def read_remote(file: File | None, items: list[tuple[str, Any]], origins: dict[str, str]) -> tuple[RemoteList, ...]:
    """The lists of the file's section.  Raises: ConfigError."""
    found: list[RemoteList] = []
    for name, raw in items:
        assert file is not None
        path = ("exit_lists", name)
        given = file.table(path, raw, EXIT_LIST)
        if "url" not in given:
            raise file.wrong(path, f"[exit_lists.{name}] url is missing")
        origins.update({f"exit_lists.{name}.{key}": file.origin((*path, key)) for key in given})
        found.append(RemoteList(name, **{**given, "ca": str(given.get("ca", ""))}))
    if len(found) > MOST:
        assert file is not None
        raise file.wrong(("exit_lists",), f"[exit_lists] more than {MOST} lists")
    return tuple(found)


def list_file(data_dir: Path, name: str) -> Path:
    """Where the list of that name is kept."""
    return data_dir / FOLDER / f"{name}.list"
