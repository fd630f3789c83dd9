"""The settings in force, the proxies with their listeners, the processes and the versions: `/operator/settings/`."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache
from itertools import islice

from cryptography.hazmat.backends.openssl import backend

from meshd.accounts import nodes
from meshd.values.version import version
from meshd.web.dashboard.operator.routes import InstallationRoutes
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room
from meshd.web.services import SettingRow

SETTINGS = "/operator/settings/"
GENERAL = "general"
ELSEWHERE = ("proxies", "exits")
"""Sections that are shown otherwise."""
MOST = 500
"""Settings, and proxies, on the page: more would make it long, and `meshd config show` has them all."""
PACKAGES = ("meshd", "twisted", "klein", "cryptography", "jinja2")


class SettingsRoutes(InstallationRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, SETTINGS, self.settings)

    async def settings(self, caller: Caller, form: Form) -> Reply:
        rows = list(self._services.settings())
        processes = await self._perform(nodes.processes, caller.actor, now=self._now())
        proxies = list(self._live.topology.proxies.values())
        return self._show(
            caller,
            "settings.html",
            sections=sections(rows),
            rules={key: value for key, value, _ in rows if key.startswith("proxies.") and key.endswith(".exits")},
            proxies=proxies[:MOST],
            more_proxies=len(proxies) > MOST,
            countries={each.name: sum(self._services.countries(each.name).values()) for each in proxies[:MOST]},
            processes=processes,
            alive={each.name for each in processes.nodes if nodes.alive(each, now=self._now())},
            within=nodes.BILLED // 60,
            versions=versions(),
        )


def sections(rows: Iterable[SettingRow]) -> list[tuple[str, list[SettingRow]]]:
    """The settings by the first part of their names, without those that are shown elsewhere."""
    found: dict[str, list[SettingRow]] = {}
    for row in islice((row for row in rows if _section(row) not in ELSEWHERE), MOST):
        found.setdefault(_section(row), []).append(row)
    return list(found.items())


def _section(row: SettingRow) -> str:
    return row[0].partition(".")[0] if "." in row[0] else GENERAL


@cache
def versions() -> list[tuple[str, str]]:
    """What this process runs with."""
    found = [(name, version(name)) for name in PACKAGES]
    return [
        *found,
        ("Python", platform.python_version()),
        ("OpenSSL", backend.openssl_version_text().removeprefix("OpenSSL ")),
    ]
