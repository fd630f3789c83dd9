"""Files that settings name: whether they can be read, and whether others can read what they must not.

The rule for a key, and for a settings file that holds a password, is "0640 at most": a service often reads them by its
group, nobody else has to.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from meshd.config.errors import ConfigError, place
from meshd.config.settings import Config
from meshd.store.url import has_password
from meshd.topology import Exit


def check_files(config: Config) -> None:
    """Check the files that settings name.  Files that meshd makes by itself may be missing.  Raises: ConfigError."""
    try:
        _check(config)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from error


def _check(config: Config) -> None:
    if config.data_dir.exists() and not config.data_dir.is_dir():
        raise _wrong(config, "data_dir", config.data_dir, "is not a folder")
    if config.data_dir.exists() and not os.access(config.data_dir, os.R_OK | os.X_OK):
        raise _wrong(config, "data_dir", config.data_dir, f"is another user's: run this as {_owner(config.data_dir)}")
    if config.speaks_tls:
        _check_pair(config)
    if has_password(config.store_url):
        _check_password(config)
    if config.topology.v1 is not None and config.secrets.exists():
        _check_readable(config, "v1.secrets", config.secrets)
        _check_private(config, "v1.secrets", config.secrets)
    if config.topology.hosts is not None and config.host_secrets.exists():
        _check_readable(config, "hosts.secrets", config.host_secrets)
        _check_private(config, "hosts.secrets", config.host_secrets)
    if config.topology.hosts is not None and config.topology.hosts.acme.ca:
        _check_readable(config, "hosts.acme_ca", Path(config.topology.hosts.acme.ca))
    for exit_ in config.own_exits:
        _check_upstream(config, exit_)
    for source in config.exit_lists:
        if config.file is not None:
            _check_private(config, f"exit_lists.{source.name}.url", config.file, "holds the URL of a list and")
        if source.ca:
            _check_readable(config, f"exit_lists.{source.name}.ca", Path(source.ca))
    if config.topology.selling.font:
        _check_font(config, Path(config.topology.selling.font))


def _check_password(config: Config) -> None:
    """Refuse the store's password where others could read it: in a file open to them, or in the list of processes."""
    origin = config.origins["store.url"]
    if origin.startswith("flag "):
        raise ConfigError(
            f"{origin}: it holds a password, which everybody on this machine can read in the list of processes; put "
            "the URL into the environment (MESHD_STORE_URL) or a settings file (store.url), or leave the password out "
            "of it and name a file that has it (PGPASSFILE)"
        )
    if config.file is not None and origin.startswith("file "):
        _check_private(config, "store.url", config.file, "holds a password and")


def _check_pair(config: Config) -> None:
    given = {key for key in ("api.certificate", "api.key") if config.origins[key] != "default"}
    if len(given) == 1:
        raise ConfigError(
            f"{place(config.origins[given.pop()])}: api.certificate and api.key belong together: give both"
        )
    if given or config.certificate.exists():
        _check_readable(config, "api.certificate", config.certificate)
    if given or config.key.exists():
        _check_readable(config, "api.key", config.key)
        _check_private(config, "api.key", config.key)


def _check_upstream(config: Config, exit_: Exit) -> None:
    proxy = exit_.upstream
    if proxy is None or config.file is None:
        return
    if proxy.password:
        _check_private(config, f"exits.{exit_.name}.password", config.file, "holds a password and")
    if proxy.ca:
        _check_readable(config, f"exits.{exit_.name}.ca", Path(proxy.ca))


def _check_font(config: Config, path: Path) -> None:
    """Refuse what is no TrueType font: an invoice could not be made with it."""
    _check_readable(config, "selling.font", path)
    with path.open("rb") as file:
        if file.read(4) not in (b"\0\1\0\0", b"true"):
            raise _wrong(config, "selling.font", path, "is no TrueType font (.ttf)")


def _check_readable(config: Config, key: str, path: Path) -> None:
    try:
        if not path.is_file():  # opening a pipe would wait for its other end
            raise FileNotFoundError(2, "there is no such file")
        path.open("rb").close()
    except OSError as error:
        raise _wrong(config, key, path, f"cannot be read: {error.strerror}") from error


def _check_private(config: Config, key: str, path: Path, what: str = "") -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o027:
        raise _wrong(config, key, path, f"{what} is open to others (mode {mode:04o}): chmod 640 or 600".lstrip())


def _owner(path: Path) -> str:
    number = path.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _wrong(config: Config, key: str, path: Path, text: str) -> ConfigError:
    return ConfigError(f"{place(config.origins[key])}: {key}: {path} {text}")
