"""A store with an admin, a viewer and a customer, and what they publish."""

from __future__ import annotations

import os
from typing import Any

from meshd.accounts.published import forms, resources
from meshd.accounts.published.rows import Row
from meshd.model import Account
from meshd.store.statements import tokens
from meshd.values.published import Kind
from meshd.values.tokens import TokenKind
from tests.accounts.support import NOON, AccountsCase

SAMPLES: dict[Kind, dict[str, Any]] = {
    "proxy-hosts": {"domain_names": ["app.example.com"], "forward_host": "192.168.1.10", "forward_port": 3000},
    "redirection-hosts": {"domain_names": ["old.example.com"], "forward_domain_name": "new.example.com"},
    "dead-hosts": {"domain_names": ["gone.example.com"]},
    "stream-hosts": {"incoming_port": 5432, "forward_host": "db", "forward_port": 5432},
    "port-forwards": {"incoming_port": 2222, "forward_host": "10.0.0.7", "forward_port": 22},
    "access-lists": {"name": "office", "clients": [{"address": "10.0.0.0/8", "directive": "allow"}]},
    "certificates": {"provider": "acme", "domain_names": ["app.example.com"]},
}
"""The least that each kind can be made of."""


class PublishedCase(AccountsCase):
    """Somebody of each role."""

    def setUp(self) -> None:
        super().setUp()
        self.root()
        self.anna = self.customer("anna", role="admin", email="anna@mesh.example")
        self.vera = self.customer("vera", role="viewer")

    def made(self, kind: Kind = "proxy-hosts", actor: Any = None, secrets: Any = resources.NONE, **given: Any) -> Row:
        """The sample of that kind, with what is given in place of its members."""
        settings = forms.read(kind, {**SAMPLES[kind], **given})
        whose = self.anna.id if actor is None else actor
        return self.run_unit(resources.create, whose, kind, settings, secrets=secrets, now=NOON)

    def changed(self, row: Row, secrets: Any = resources.NONE, **given: Any) -> Row:
        settings = forms.read(row.kind, given)
        return self.run_unit(resources.change, self.anna.id, row.kind, row.id, settings, secrets=secrets, now=NOON + 1)

    def shown(self, row: Row) -> Row:
        return self.run_unit(resources.read, self.anna.id, row.kind, row.id)

    def a_token(self, account: Account, kind: TokenKind = "hosts") -> int:
        return self.run_unit(tokens.create, account.id, os.urandom(32), "ci", "", NOON, kind=kind).id
