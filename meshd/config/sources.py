"""Where a value comes from: flags, then environment, then file, then default.  The first that has a value decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshd.config.credentials import resolved
from meshd.config.errors import ConfigError, suggestion
from meshd.config.kinds import KindError
from meshd.config.table import SECTIONS, SETTINGS, Setting
from meshd.config.toml_file import File, complaint, read
from meshd.store.url import has_password

DEFAULT = "default"
MANY = frozenset({"proxies", "exits", "exit_lists", "plans", "offers", "notify"})
"""Sections of the file that hold things rather than settings."""
TABLES: Mapping[str, frozenset[str]] = {"v1": frozenset({"exits"})}
"""Keys, by section, that hold a table rather than a setting; they are checked where they are read."""

_CONFIG = "MESHD_CONFIG"
NATIVE = "MESHD_NATIVE"
"""No setting, as it is for trying: `0` for Python alone, without the native part."""
_KUBERNETES = re.compile(r"MESHD_(?:SERVICE_|PORT(?:_|$))")
"""What Kubernetes adds by itself to the environment beside a service named meshd."""


Said = Mapping[str, tuple[str | Sequence[str] | None, str]]
"""What flags and variables of another process said, by setting: the text, None for a secret; and which flag or
variable."""


@dataclass(frozen=True, slots=True)
class Daemons:
    """What a daemon was started with, for a command that is given less."""

    said: Said
    cwd: Path
    """The folder that relative paths in `said` start from."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of values other than the defaults, with all names of settings in them checked."""

    flags: Mapping[str, object]
    """Flags by name, without those that are None or empty."""
    environ: Mapping[str, str]
    file: File | None
    cwd: Path
    """The folder that relative paths in flags, environment and defaults start from."""
    daemons: Daemons | None = None
    """What the running daemon was given: it overrides the file, and flags and environment override it."""

    def settle(self) -> Iterator[tuple[str, Any, str]]:
        """Key, value and origin of each setting that is given or has a default.  Raises: ConfigError."""
        data_dir = ""
        for setting in SETTINGS:
            given = self._given(setting) or self._default(setting, data_dir)
            if given is not None:
                value, origin = given
                value = resolved(value, self.environ) if isinstance(value, Path) else value
                data_dir = str(value) if setting.key == "data_dir" else data_dir
                yield setting.key, value, origin

    def _given(self, setting: Setting) -> tuple[Any, str] | None:
        if setting.flag in self.flags:
            origin = f"flag --{setting.flag.replace('_', '-')}"
            return self._read(setting, self.flags[setting.flag], origin), origin
        if text := self.environ.get(setting.environment):
            origin = f"environment {setting.environment}"
            return self._read(setting, text, origin), origin
        if self.daemons is not None and setting.key in self.daemons.said:
            return self._of_daemon(setting, self.daemons)
        if self.file is None:
            return None
        path = tuple(setting.key.split("."))
        raw = self.file.get(path)
        return None if raw is None else (self.file.value(path, raw, setting.kind), self.file.origin(path))

    def _of_daemon(self, setting: Setting, daemons: Daemons) -> tuple[Any, str]:
        raw, origin = daemons.said[setting.key]
        if raw is None:
            text = f"the daemon has it with a password, by {origin}, which is kept nowhere: set {setting.environment}"
            raise ConfigError(f"{setting.key}: {text}")
        origin = f"{origin} of the daemon"
        return self._read(setting, raw, origin, daemons.cwd), origin

    def _read(self, setting: Setting, raw: object, origin: str, base: Path | None = None) -> Any:
        """The value of a flag or a variable.  Raises: ConfigError."""
        items = [str(item) for item in raw] if isinstance(raw, list | tuple) else None
        try:
            return setting.kind(setting.kind.from_text(str(raw)) if items is None else items, base or self.cwd)
        except ValueError as error:
            wrong = error if isinstance(error, KindError) else KindError(setting.kind.words, raw)
            raise ConfigError(f"{origin}: {complaint(wrong)}") from error

    def _default(self, setting: Setting, data_dir: str) -> tuple[Any, str] | None:
        if setting.default is None:
            return None
        raw = setting.default
        if isinstance(raw, str):
            raw = raw.replace("{data_dir}", setting.kind.embedded(data_dir))
        return setting.kind(raw, self.cwd), DEFAULT


def outside(flags: Mapping[str, object], environ: Mapping[str, str]) -> Said:
    """What flags and variables say, to tell another process; without the data folder, which that process knows."""
    said: dict[str, tuple[str | Sequence[str] | None, str]] = {}
    for setting in SETTINGS:
        raw: Any = flags.get(setting.flag) or environ.get(setting.environment)
        if raw and setting.key != "data_dir":
            flag = setting.flag in flags and bool(flags[setting.flag])
            origin = f"flag --{setting.flag}" if flag else f"environment {setting.environment}"
            raw = [str(item) for item in raw] if isinstance(raw, list | tuple) else str(raw)
            said[setting.key] = (None if setting.key == "store.url" and has_password(raw) else raw, origin)
    return said


def folder_of(flags: Mapping[str, object], environ: Mapping[str, str], cwd: Path) -> Path:
    """The data folder, without reading more settings than that takes.  Raises: ConfigError."""
    key, value, _ = next(sources(flags, environ, cwd).settle())
    assert key == "data_dir"
    return Path(value)


def sources(
    flags: Mapping[str, object], environ: Mapping[str, str], cwd: Path, daemons: Daemons | None = None
) -> Sources:
    """Find and read the file, and refuse every name that no setting has.  Raises: ConfigError."""
    given = {name: value for name, value in flags.items() if value not in (None, "", [], ())}
    _check_flags(given)
    _check_environment(environ)
    name = given.pop("config", None) or environ.get(_CONFIG)
    file = read(str(name), cwd) if name else None
    if file is not None:
        _check_file(file)
    return Sources(given, environ, file, cwd, daemons)


def _check_flags(flags: Mapping[str, object]) -> None:
    known = {setting.flag for setting in SETTINGS if setting.flag} | {"config"}
    for name in flags:
        if name not in known:
            raise ConfigError(f"flag --{name.replace('_', '-')}: no such flag")


def _check_environment(environ: Mapping[str, str]) -> None:
    known = {setting.environment for setting in SETTINGS} | {_CONFIG, NATIVE}
    for name in environ:
        if name.startswith("MESHD_") and name not in known and not _KUBERNETES.match(name):
            raise ConfigError(f"environment {name}: no such setting{suggestion(name, known)}")


def _check_file(file: File) -> None:
    """Refuse unknown sections and keys; the sections in MANY are checked where they are read.  Raises: ConfigError."""
    top = {setting.key for setting in SETTINGS if "." not in setting.key}
    file.known((), file.data, SECTIONS | MANY | top)
    for section in SECTIONS:
        if section in file.data:
            names = [setting.key.partition(".")[2] for setting in SETTINGS if setting.key.startswith(f"{section}.")]
            file.known((section,), file.data[section], TABLES.get(section, frozenset()).union(names))
