"""`[[notify.webhook]]` and `[[notify.email]]`: whom the operator wants told of what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meshd.config.kinds import NAME, PATH, TRUTH, Kind, choice, list_of, text_kind
from meshd.config.network import MAILBOX, probe_url
from meshd.config.secretfile import read_secret
from meshd.config.toml_file import File
from meshd.values.notices import GROUPS, KINDS, Mailbox, Notify, Webhook, kinds_of, webhook_key

MOST = 20
"""Webhooks, and addresses: each has a queue of its own."""
LONGEST = 2000
"""Characters of an URL."""


def _url(text: str) -> str:
    """An absolute URL.  Raises: ValueError."""
    if not text or len(text) > LONGEST:
        raise ValueError
    return probe_url(text)


URL = text_kind("an http:// or https:// URL", _url)
EVENTS = list_of(choice(*GROUPS, *KINDS), empty=False)

WEBHOOK: Mapping[str, Kind] = {
    "name": NAME,
    "url": Kind(URL.words, URL.read, secret=True),
    "secret_files": list_of(PATH, empty=False),
    "events": EVENTS,
    "private": TRUTH,
    "ca": PATH,
}
EMAIL: Mapping[str, Kind] = {"to": MAILBOX, "events": EVENTS}

Origins = dict[str, str]


def read_notify(file: File | None, settled: Mapping[str, Any], origins: Origins) -> Notify:
    """What `[notify]` says; nobody is told where there is no such section.  Raises: ConfigError."""
    raw = file.get(("notify",)) if file is not None else None
    if file is None or raw is None:
        return Notify()
    file.known(("notify",), raw, frozenset({"webhook", "email"}))
    webhooks = tuple(_webhook(file, path, given, origins) for path, given in _tables(file, "webhook", WEBHOOK))
    mailboxes = tuple(_mailbox(file, path, given, origins) for path, given in _tables(file, "email", EMAIL))
    if mailboxes and not settled.get("mail.smtp"):
        raise file.wrong(("notify", "email"), "[[notify.email]] needs mail.smtp: letters have to leave by a server")
    _refuse_twice(file, "webhook", "name", [each.name for each in webhooks])
    _refuse_twice(file, "email", "to", [each.address for each in mailboxes])
    return Notify(webhooks, mailboxes)


def _tables(file: File, name: str, kinds: Mapping[str, Kind]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    path = ("notify", name)
    raw = file.get(path)
    if raw is None:
        return
    if not isinstance(raw, list) or not raw or len(raw) > MOST:
        raise file.wrong(path, f"[[notify.{name}]] must be a list of tables, from 1 to {MOST}")
    for position, item in enumerate(raw):
        yield (*path, position), file.table((*path, position), item, kinds)


def _refuse_twice(file: File, table: str, key: str, names: list[str]) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise file.wrong(("notify", table, position, key), f"[[notify.{table}]] two have the {key} '{name}'")


def _webhook(file: File, path: tuple[str | int, ...], given: dict[str, Any], origins: Origins) -> Webhook:
    """Raises: ConfigError."""
    for key in ("name", "url", "secret_files"):
        if key not in given:
            raise file.wrong(path, f"[[notify.webhook]] {key} is missing")
    name, url, files = given["name"], given["url"], given["secret_files"]
    _note(file, path, given, f"notify.webhook.{name}", origins)
    if url.startswith("http:") and not given.get("private"):
        text = "would be told in the clear: take https, or say private = true where nobody else is on the way"
        raise file.wrong((*path, "url"), f"[[notify.webhook]] '{name}' {text}")
    if len(files) > 2:
        raise file.wrong((*path, "secret_files"), f"[[notify.webhook]] '{name}' has more than two secret_files")
    return Webhook(
        name,
        url,
        tuple(_key(file, path, each, f"notify.webhook.{name}.secret_files", origins) for each in files),
        kinds_of(given.get("events", ())),
        given.get("private", False),
        str(given.get("ca", "")),
        files,
    )


def _key(file: File, path: tuple[str | int, ...], secret: Path, key: str, origins: Origins) -> bytes:
    """Raises: ConfigError."""
    text = read_secret(secret, key, origins)
    try:
        return webhook_key(text.decode("ascii"))
    except ValueError:
        told = f"{secret} must hold 24 to 64 bytes in base64; `openssl rand -base64 32` makes some"
        raise file.wrong((*path, "secret_files"), f"[[notify.webhook]] secret_files: {told}") from None


def _mailbox(file: File, path: tuple[str | int, ...], given: dict[str, Any], origins: Origins) -> Mailbox:
    """Raises: ConfigError."""
    if "to" not in given:
        raise file.wrong(path, "[[notify.email]] to is missing")
    _note(file, path, given, f"notify.email.{given['to']}", origins)
    return Mailbox(given["to"], kinds_of(given.get("events", ())))


def _note(file: File, path: tuple[str | int, ...], given: dict[str, Any], key: str, origins: Origins) -> None:
    origins.update({f"{key}.{name}": file.origin((*path, name)) for name in given})


def of_notify(notify: Notify) -> Iterator[tuple[str, Any]]:
    """Keys and values as they are shown; of an URL, whose path may be a secret, where it leads."""
    for each in notify.webhooks:
        key = f"notify.webhook.{each.name}"
        yield f"{key}.url", shown(each.url)
        yield f"{key}.secret_files", each.secret_files
        yield f"{key}.events", each.kinds
        yield f"{key}.private", each.private
        yield f"{key}.ca", each.ca
    for mailbox in notify.mailboxes:
        yield f"notify.email.{mailbox.address}.events", mailbox.kinds


def shown(url: str) -> str:
    """An URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" + ("/…" if parts.path.strip("/") or parts.query else "")
