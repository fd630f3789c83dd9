"""A start before the reactor runs: everything that can be found wrong is found here, and told in one line.

Ports and the operator's own files are tried before anything is made, so a start that fails leaves nothing half-made.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from meshd.accounts.attempt import perform_blocking
from meshd.accounts.toplevel import bootstrap
from meshd.accounts.usernames import ROOT_NAME
from meshd.auth.passwords import hash_now
from meshd.auth.secrets import new_password
from meshd.config import Config
from meshd.config.endpoints import place_words
from meshd.daemon.datafolder import secure
from meshd.daemon.examination import examine
from meshd.daemon.inherited import Inherited
from meshd.daemon.listening import probe
from meshd.daemon.pidfile import PidFile
from meshd.daemon.vault import Vault
from meshd.store.interface import StoreError
from meshd.store.open import BlockingStore
from meshd.store.url import sqlite_file
from meshd.tls.selfsigned import ensure_certificate


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a start found or made."""

    pid_file: PidFile
    root_password: str = field(repr=False)
    """Password of the root account just made, shown once and kept nowhere; "" where there was such an account."""


def prepare(
    config: Config, handed_over: Inherited, hold: Callable[[], None] = lambda: None, *, lock: int | None = None
) -> Prepared:
    """Check everything, lock the data folder, and make the certificate, the schema and the root account.

    hold: called before what must not be interrupted any more: a password that is made has to be shown.
    lock: the descriptor of the folder's locked file, where another process works in it until this one is ready.
    Raises: ConfigError, ListenError, CertificateError, FolderInUse, StoreError, OSError.
    """
    examine(config)
    probe(config.listeners, handed_over)
    secure(config.data_dir, config.store_url)
    if lock is not None:
        return _filled(config, PidFile.inherited(config.data_dir, lock), hold)
    before = _make_folder(config.data_dir)
    pid_file = _lock(config.data_dir, made=before is None)
    try:
        return _filled(config, pid_file, hold)
    except BaseException:
        _clear(config.data_dir, before)
        pid_file.release()
        raise


def _filled(config: Config, pid_file: PidFile, hold: Callable[[], None]) -> Prepared:
    """Make what is missing in the folder, which is locked."""
    if config.speaks_tls and config.self_signed:
        ensure_certificate(config.certificate, config.key, hostname=socket.gethostname(), now=time.time())
        examine(config)
    if config.topology.v1 is not None:
        Vault(config.secrets).seals()
    if config.topology.hosts is not None:
        Vault(config.host_secrets).seals()
    return Prepared(pid_file, _store(config, hold))


def _make_folder(folder: Path) -> set[Path] | None:
    """Make the folder; what was in it already, or None where there was no folder."""
    before = set(folder.iterdir()) if folder.exists() else None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return before


def _lock(folder: Path, *, made: bool) -> PidFile:
    """Lock the folder; one that was just made and cannot be locked is removed, unless something is in it by now."""
    try:
        return PidFile(folder)
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _clear(folder: Path, before: set[Path] | None) -> None:
    """Remove what a failed start has made; nobody else has made anything, as the folder is locked."""
    for path in set(folder.iterdir()) - (before or set()):
        path.unlink(missing_ok=True)
    if before is None:
        folder.rmdir()


def _store(config: Config, hold: Callable[[], None]) -> str:
    """Bring the schema up to date and make the root account; its password, or ""."""
    store = BlockingStore(config.store_url)
    try:
        store.migrate()
        hold()
        password = new_password()
        made = perform_blocking(
            store.run,
            bootstrap,
            hash_now(password),
            plans=config.topology.plans,
            proxies=list(config.topology.proxies),
            now=int(time.time()),
        )
        return password if made is not None else ""
    except StoreError as error:
        file = sqlite_file(config.store_url)
        if file is None or str(file) in str(error):
            raise
        raise StoreError(f"{file}: {error}") from error
    finally:
        store.close()


def announcement(config: Config, prepared: Prepared) -> str:
    """What a start says to a person, with the line to try it by."""
    proxy = config.first.domain
    proxies = config.topology.proxies.items()
    lines = [f"proxy {name}: http://{host.domain} {_listens(host.listen)}" for name, host in proxies]
    lines.append(f"API: {'https' if config.api_tls else 'http'}://{config.api_domain}/ {_listens(config.api_listen)}")
    if prepared.root_password:
        lines.append(f"root account: {ROOT_NAME}, password {prepared.root_password} (shown this once)")
    credentials = f"{ROOT_NAME}:{prepared.root_password}" if prepared.root_password else ROOT_NAME
    lines.append(f"try it: curl -x http://{proxy} -U {credentials} http://meshd.internal/")
    return "\n".join(lines)


def _listens(endpoints: Iterable[str]) -> str:
    """The endpoints in words, since the domain that clients are told does not show all ways in."""
    return f"(listens on {'; '.join(place_words(text) for text in endpoints)})"
