"""Whether certificates, files and the store that the settings name can be used, for a start, a reload and the check.

Nothing is made, and nothing is connected to.
"""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL

from meshd.config import Config, ConfigError
from meshd.config.errors import place
from meshd.store.open import BlockingStore
from meshd.store.url import sqlite_file
from meshd.tls.selfsigned import check_own
from meshd.tls.server import server_context, trust_of


def examine(config: Config) -> Config:
    """Check what the settings name, and give them back.  Raises: CertificateError, ConfigError, StoreError."""
    if config.speaks_tls and config.self_signed:
        check_own(config.certificate, config.key)
    elif config.speaks_tls:
        server_context(config.certificate, config.key)
    _check_authorities(config)
    _check_places(config)
    BlockingStore(config.store_url).close()  # it opens nothing, but needs what is to be installed
    return config


def _check_places(config: Config) -> None:
    """Check files that meshd makes where they are missing: of folders it makes only the data folder."""
    files = [("log.exchanges", config.exchange_log), ("log.requests", config.request_log)]
    files.append(("log.changes", config.change_log))
    files += [("v1.secrets", config.secrets)] if config.topology.v1 else []
    files += [("hosts.secrets", config.host_secrets)] if config.topology.hosts else []
    _check_spool(config)
    store = sqlite_file(config.store_url)
    for key, path in (*files, *([("store.url", store)] if store is not None else [])):
        if path.is_dir():
            raise ConfigError(f"{place(config.origins[key])}: {key}: {path} is a folder")
        if path.parent != config.data_dir and not path.parent.is_dir():
            raise ConfigError(f"{place(config.origins[key])}: {key}: there is no folder {path.parent}")


def _check_spool(config: Config) -> None:
    """Check the folder for letters, which meshd makes where it is missing.  Raises: ConfigError."""
    spool, where = config.mail.spool, f"{place(config.origins['mail.spool'])}: mail.spool"
    if spool.exists() and not spool.is_dir():
        raise ConfigError(f"{where}: {spool} is no folder")
    if not spool.exists() and spool.parent != config.data_dir and not spool.parent.is_dir():
        raise ConfigError(f"{where}: there is no folder {spool.parent}")


def _check_authorities(config: Config) -> None:
    """Check the certificate authorities of upstream proxies, and of ACME's directory.  Raises: ConfigError."""
    files = {f"exits.{each.name}.ca": each.upstream.ca for each in config.own_exits if each.upstream is not None}
    files["hosts.acme_ca"] = config.topology.hosts.acme.ca if config.topology.hosts is not None else ""
    for key, file in files.items():
        if not file:
            continue
        try:
            trust_of(Path(file))
        except (OSError, SSL.Error, ValueError):
            raise ConfigError(f"{place(config.origins[key])}: {key}: {file}: no certificate in PEM form") from None
