"""The kind of setting that a store's URL is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meshd.config.kinds import Kind
from meshd.store import url as urls
from meshd.store.interface import StoreError


def store_url(raw: Any, base: Path) -> str:
    """The URL of an SQLite file with its path made absolute, or a PostgreSQL URL as it is.  Raises: ValueError."""
    if not isinstance(raw, str) or not raw.isprintable():
        raise ValueError
    try:
        target = urls.read(raw, str(base))
    except StoreError as error:
        raise ValueError(str(error).removeprefix("store URL: ").partition("; write ")[0]) from None
    return urls.of_file(target.path) if isinstance(target, urls.SQLiteURL) else raw


STORE_URL = Kind("sqlite:///FILE or postgresql://USER@HOST/DATABASE", store_url, secret=True, embedded=urls.quoted)
