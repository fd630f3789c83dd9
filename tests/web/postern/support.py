"""PosternProxy's API with an admin `boss`, a viewer `eye` and the customers of `World`; what is asked is held against
the document.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import toplevel as holders
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Terms
from meshd.model import Account, Role
from meshd.topology import PLANS
from meshd.values.hosting import Hosting
from meshd.web.app import build_hosts_site
from tests.web.documents import Documented
from tests.web.support import NOON, TOPOLOGY, Answer, Line, World, read_answers, request, result

CONTRACT = Documented("meshd.web.postern")

HOST = {"domain_names": ["app.example.com"], "forward_host": "192.168.1.10", "forward_port": 3000}

BODIES: dict[str, dict[str, Any]] = {
    "proxy-hosts": HOST,
    "redirection-hosts": {"domain_names": ["old.example.com"], "forward_domain_name": "new.example.com"},
    "stream-hosts": {"incoming_port": 5432, "forward_host": "10.0.0.5", "forward_port": 5432},
    "dead-hosts": {"domain_names": ["gone.example.com"]},
    "certificates": {"provider": "acme", "domain_names": ["secure.example.com"]},
    "access-lists": {"name": "office", "clients": [{"address": "10.0.0.0/8", "directive": "allow"}]},
    "port-forwards": {"incoming_port": 2222, "forward_host": "10.0.0.6", "forward_port": 22},
}
"""What makes one of each kind."""

CHANGES: dict[str, dict[str, Any]] = {
    "proxy-hosts": {"forward_port": 3001},
    "redirection-hosts": {"http_code": 308},
    "stream-hosts": {"forward_port": 5433},
    "dead-hosts": {"domain_names": ["gone.example.com", "lost.example.com"]},
    "certificates": {"nice_name": "the shop's"},
    "access-lists": {"satisfy_any": True},
    "port-forwards": {"interface": "192.0.2.7"},
}


class PosternWorld(World):
    """With `[hosts]` in its settings."""

    def __init__(self, path: str, **hosting: Any) -> None:
        super().__init__(path)
        self.set_topology(hosts=Hosting(**hosting))
        self.file = Path(path)
        self.applied = 0
        self.unserved: dict[int, str] = {}
        self.peer = "192.0.2.1"
        self.services = replace(self.services, published=self._published, unserved=lambda: self.unserved)
        self.site = build_hosts_site(self.clock, self.services, self.requests)  # type: ignore[arg-type]
        self.boss, self.eye = self.staff("boss", "admin"), self.staff("eye", "viewer")
        self.sessions: dict[str, str] = {}

    async def _published(self) -> None:
        self.applied += 1

    def staff(self, name: str, role: Role) -> Account:
        new = NewAccount(username=name, password_hash="plain:secret12", profile=Profile(email=f"{name}@mesh.example"))
        facts = {"plans": PLANS, "proxies": tuple(TOPOLOGY.proxies), "now": NOON}
        return result(
            self.accounts.perform(holders.create, Operator(), new, terms=Terms(plan="20", role=role), **facts)
        )

    def do(
        self,
        method: str,
        path: str,
        body: Any = None,
        *fields: tuple[str, str],
        who: str = "boss",
        peer: str = "",
    ) -> Answer:
        """One request with a JSON body, and its answer, which must be one of the document's.

        who: a username, whose session is used, begun by a sign-in; a token itself; "" for nobody's.
        """
        sent: list[tuple[str, str | bytes]] = [*fields]
        content = b""
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            if not any(name.lower() == "content-type" for name, _ in fields):
                sent.append(("Content-Type", "application/json"))
        token = who if who[:3] in ("pp_", "ps_", "pr_") or not who else self.session(who)
        if token:
            sent.append(("Authorization", f"Bearer {token}"))
        line = Line(self.site, peer or self.peer)
        line.say(request(method, f"/api{path}", *sent, body=content, host="meshd.example:81"))
        (answer,) = read_answers(line.heard(), bodiless=method == "HEAD")
        line.hang_up()
        CONTRACT.check(method, f"/api{path}", answer)
        return answer

    def session(self, name: str) -> str:
        """Somebody's token of a session; always the same one."""
        if name not in self.sessions:
            answer = self.login(name)
            assert answer.status == 200, answer
            self.sessions[name] = answer.json["access_token"]
        return self.sessions[name]

    def login(self, name: str, password: str = "secret12", peer: str = "", **members: str) -> Answer:
        return self.do("POST", "/auth/login", {"email": name, "password": password, **members}, who="", peer=peer)

    def token(self, who: str = "boss", name: str = "ci-deploy") -> str:
        """A new access token of somebody's."""
        answer = self.do("POST", "/access-tokens", {"name": name}, who=who)
        assert answer.status == 201, answer
        return str(answer.json["token"])

    def audit(self, query: str = "limit=100") -> list[dict[str, Any]]:
        return list(self.do("GET", f"/audit-log?{query}").json)


class PosternTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = PosternWorld(os.path.join(self.mktemp()))
        self.do = self.world.do

    def refused(self, answer: Answer, status: int, *words: str) -> None:
        """An error of that status whose message has those words."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.json["error"]["code"], status)
        for word in words:
            self.assertIn(word, answer.json["error"]["message"])
