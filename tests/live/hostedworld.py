"""A daemon that serves what is published, and what publishes it: the rules themselves, on the daemon's store."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import Any

import httpx
import trustme

from meshd.accounts.ownership import ActorId, Operator
from meshd.accounts.published import forms, resources
from meshd.accounts.published.grounds import Grounds
from meshd.accounts.published.rows import Row
from meshd.daemon.vault import Vault
from meshd.store.open import BlockingStore
from meshd.tls.material import sealed_about
from meshd.values.published import Kind
from tests.support.daemon import LiveDaemon, at_end_of, free_port, until

SETTINGS = """
[limits]
flush_seconds = 0.1
[hosts]
listen = ["tcp:{api}:interface=127.0.0.1"]
http = ["tcp:{http}"]
https = ["tcp:{https}"]
upstreams_loopback = true
"""

GROUNDS = Grounds(loopback=True)


class Publisher:
    """The store of a daemon, open beside it, and an authority for certificates."""

    def __init__(self, daemon: LiveDaemon) -> None:
        self.daemon = daemon
        self._store = BlockingStore(daemon.store_url)
        self.authority = trustme.CA()

    def close(self) -> None:
        self._store.close()

    def run(self, unit: Any, *given: Any, **more: Any) -> Any:
        return self._store.run(unit, *given, **more)

    def publish(self, kind: Kind, secrets: Any = resources.NONE, by: ActorId = Operator(), **settings: Any) -> Row:  # noqa: B008
        """Publish something; a host is served within a second."""
        read = forms.read(kind, settings)
        row: Row = self.run(resources.create, by, kind, read, secrets=secrets, now=int(time.time()), grounds=GROUNDS)
        return row

    def change(self, row: Row, secrets: Any = resources.NONE, **settings: Any) -> None:
        read = forms.read(row.kind, settings)
        now = int(time.time())
        self.run(resources.change, Operator(), row.kind, row.id, read, secrets=secrets, now=now, grounds=GROUNDS)

    def switch(self, row: Row, enabled: bool) -> None:
        self.run(resources.switch, Operator(), row.kind, row.id, enabled, now=int(time.time()))

    def delete(self, row: Row) -> None:
        self.run(resources.delete, Operator(), row.kind, row.id, now=int(time.time()))

    def certificate(self, *names: str) -> Row:
        """A certificate of the world's own authority."""
        issued = self.authority.issue_cert(*names)
        chain = "".join(each.bytes().decode() for each in issued.cert_chain_pems)
        sealed = (
            Vault(self.daemon.data_dir / "secrets.key")
            .seals()
            .seal_bytes(issued.private_key_pem.bytes(), sealed_about(chain))
        )
        secrets = {"sealed_key": sealed, "expires": int(time.time()) + 86400}
        return self.publish("certificates", secrets, provider="custom", domain_names=list(names), certificate=chain)


class HostedWorld(Publisher):
    """A daemon, and what publishes on it."""

    def __init__(self, owner: Any, **more: str) -> None:
        """more: lines for `[hosts]`."""
        self.http, self.https = free_port(), free_port()
        self._api_port = free_port()
        text = SETTINGS.format(api=self._api_port, http=self.http, https=self.https)
        lines = "".join(f"{name} = {value}\n" for name, value in more.items())
        super().__init__(LiveDaemon(owner, text + lines))
        at_end_of(owner, self.close)

    @property
    def api(self) -> httpx.Client:
        """The management API, as the root account."""
        place = f"http://127.0.0.1:{self._api_port}/api"
        login = {"email": "admin", "password": self.daemon.root_password}
        signed_in = httpx.post(f"{place}/auth/login", json=login, timeout=60).json()
        token = f"Bearer {signed_in['access_token']}"
        return httpx.Client(base_url=place, headers={"Authorization": token}, timeout=60)

    def until(self, condition: Any, what: str = "") -> Any:
        """A change of the store's is served within a second; that is waited for, with room for a busy machine."""
        return until(condition, what)


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
