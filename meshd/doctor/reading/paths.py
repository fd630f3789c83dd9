"""The files of an installation, looked at and not touched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from meshd.config import Config
from meshd.daemon import datafolder
from meshd.daemon.datafolder import BESIDE_A_STORE, JOURNALS, READ, STORE, WRITTEN
from meshd.doctor.files import Certificate, Files, Journals, Seen
from meshd.doctor.reading import kernel
from meshd.doctor.store import Disk
from meshd.store.url import sqlite_file
from meshd.tls.material import checked


def files(config: Config, table: str, now: int, *, runs: bool) -> Files:
    """table: the text of /proc/locks."""
    folder = config.data_dir
    there = folder.is_dir()
    return Files(
        Seen(str(folder), folder.stat()) if there else None,
        datafolder.kept(folder) if there else (),
        [Seen(str(each), each.stat()) for each in datafolder.above(folder)],
        list(_inside(config)),
        _journals(folder / JOURNALS, table),
        list(_certificates(config, now)),
        runs,
        os.geteuid(),
    )


def _inside(config: Config) -> Iterator[Seen]:
    store = sqlite_file(config.store_url) or config.data_dir / STORE
    written = [config.data_dir / name for name in WRITTEN] + [Path(f"{store}{end}") for end in BESIDE_A_STORE]
    for path in dict.fromkeys([*written, config.exchange_log, config.request_log, config.change_log]):
        with suppress(OSError):
            yield Seen(str(path), path.lstat(), written=True)
    for name in READ:
        with suppress(OSError):
            yield Seen(str(config.data_dir / name), (config.data_dir / name).lstat())


def _journals(folder: Path, table: str) -> Journals:
    counting: list[str] = []
    left: list[str] = []
    damaged: list[str] = []
    names: Sequence[str] = sorted(os.listdir(folder)) if folder.is_dir() else ()
    for name in names:
        if name.endswith(".damaged"):
            damaged.append(name)
        elif name.endswith(".journal"):
            with suppress(OSError):
                counted = not table or kernel.locked((folder / name).stat(), table)
                (counting if counted else left).append(name)
    return Journals(counting, left, damaged)


def _certificates(config: Config, now: int) -> Iterator[Certificate]:
    if not config.speaks_tls or not config.certificate.exists():
        return
    try:
        material = checked(config.certificate.read_text(), config.key.read_text(), now)
    except UnicodeDecodeError:
        yield Certificate(str(config.certificate), "it, or its key, is no text in PEM form")
    except ValueError as error:
        yield Certificate(str(config.certificate), str(error))
    except OSError as error:
        yield Certificate(str(config.certificate), f"{error.filename} cannot be read: {error.strerror}")
    else:
        yield Certificate(str(config.certificate), expires=material.expires)


def disks(config: Config) -> list[Disk]:
    """The file systems that meshd writes to, each once; those of folders that are not there yet by what is above.

    A file that is a link is written where it leads to; what is no file, as a pipe or a terminal, takes no room.
    """
    store = sqlite_file(config.store_url)
    files = (config.exchange_log, config.request_log, config.change_log, *([store] if store else ()))
    found: dict[int, Disk] = {}
    for path in (config.data_dir, *filter(None, map(_folder, files))):
        there = next((each for each in (path, *path.absolute().parents) if each.is_dir()), None)
        if there is not None:
            about = os.statvfs(there)
            free = about.f_bavail * about.f_frsize
            left = about.f_favail if about.f_files else 1
            found.setdefault(_device(there), Disk(str(there), free, left))
    return list(found.values())


def _folder(file: Path) -> Path | None:
    """Where that file is, or will be; None where there is no file to be, as where a link leads to itself."""
    try:
        if file.exists() and not file.is_file():
            return None
        return file.resolve().parent
    except (OSError, RuntimeError):
        return None


def _device(folder: Path) -> int:
    """The number of the file system that it is on."""
    return folder.stat().st_dev
