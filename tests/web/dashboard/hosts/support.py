"""Operators who are signed in, where something is published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meshd.accounts.ownership import Operator
from meshd.accounts.published import forms, resources
from meshd.accounts.published.rows import Row
from meshd.auth.sealing import Seals
from meshd.values.hosting import Hosting
from meshd.values.published import Kind
from meshd.web.app import build_site
from tests.accounts.published.support import SAMPLES
from tests.web.dashboard.operator.support import InstallationCase
from tests.web.support import NOON

HOSTS = "/operator/hosts/"
OPERATOR = Operator("operator:test")

TYPED: dict[Kind, dict[str, str]] = {
    "proxy-hosts": {"domain_names": "app.example.com", "forward_host": "192.168.1.10", "forward_port": "3000"},
    "redirection-hosts": {"domain_names": "old.example.com", "forward_domain_name": "new.example.com"},
    "dead-hosts": {"domain_names": "gone.example.com"},
    "stream-hosts": {"incoming_port": "5432", "forward_host": "db", "forward_port": "5432"},
    "port-forwards": {"incoming_port": "2222", "forward_host": "10.0.0.7", "forward_port": "22"},
    "access-lists": {"name": "office", "clients": "allow 10.0.0.0/8"},
    "certificates": {"domain_names": "app.example.com"},
}
"""The least that is typed into the form of each kind."""


class HostsCase(InstallationCase):
    """Ada is an admin, vera a viewer; jo and eve are customers, sub is jo's."""

    def setUp(self) -> None:
        super().setUp()
        self.world.set_topology(hosts=Hosting())
        self.applied = 0
        seals = Seals(bytes(32))
        self.world.services = replace(self.world.services, published=self._published, seals=lambda: seals)
        self.world.site = build_site(self.world.clock, self.world.services, self.world.requests)  # type: ignore[arg-type]

    async def _published(self) -> None:
        self.applied += 1

    def made(self, kind: Kind = "proxy-hosts", secrets: Any = resources.NONE, **given: Any) -> Row:
        """The sample of that kind, with what is given in place of its members."""
        settings = forms.read(kind, {**SAMPLES[kind], **given})
        found: Row = self.world.store.file.run(resources.create, OPERATOR, kind, settings, secrets=secrets, now=NOON)
        return found

    def row(self, kind: Kind, id: int) -> Row:
        found: Row = self.world.store.file.run(resources.read, OPERATOR, kind, id)
        return found


def at(row: Row, end: str = "") -> str:
    return f"{HOSTS}{row.kind}/{row.id}/{end}"
