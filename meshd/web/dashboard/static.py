"""The style sheet, the script and the icon: read once, under names that hold the digest of their content.

A file that changes has another name, so that a browser may keep what it has for a year and never asks.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources

from meshd.web.reply import Reply
from meshd.web.room import Room

MEDIA = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
NAMES = ("meshd.css", "meshd.js", "icon.svg")
KEEP = (("Cache-Control", "public, max-age=31536000, immutable"),)


class StaticFiles:
    """Mounts each file for everyone."""

    def mount(self, room: Room) -> None:
        for name in NAMES:
            room.open(path(name), _Told(Reply(_content(name), fields=KEEP, media=MEDIA[name.rpartition(".")[2]])))


class _Told:
    """A route that always answers the same."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def __call__(self) -> Reply:
        return self._reply


def path(name: str) -> str:
    """Where a file is served, such as `/static/meshd-0123456789ab.css`."""
    stem, _, suffix = name.rpartition(".")
    return f"/static/{stem}-{sha256(_content(name)).hexdigest()[:12]}.{suffix}"


@cache
def _content(name: str) -> bytes:
    return resources.files(__package__).joinpath("static", name).read_bytes()
