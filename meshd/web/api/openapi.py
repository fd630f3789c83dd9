"""`GET /api/openapi.json`: the OpenAPI document of this API as it ships, for everyone."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml

from meshd.web.reply import Reply
from meshd.web.room import Room

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader of libyaml where that is installed: ten times as quick, at every start."""


class DocumentRoutes:
    def __init__(self) -> None:
        self._reply = Reply(Reply(document()).content())  # encoded once: anybody may ask for it

    def mount(self, room: Room) -> None:
        room.open("/api/openapi.json", self.told)

    async def told(self) -> Reply:
        return self._reply


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document, read from `openapi.yaml` beside this module."""
    text = resources.files(__package__).joinpath("openapi.yaml").read_text("utf-8")
    return dict(yaml.load(text, Loader=_LOADER))  # noqa: S506 (both loaders are safe ones)
