"""Threats 12 and 21 in the management of published hosts: secrets are told nowhere, and what strangers send is kept
within a bound and told as what it is.
"""

from __future__ import annotations

import os
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.hostaudit import LONGEST
from tests.threats.postern.stage import PosternStage
from tests.web.support import named


class SecretTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = PosternStage(os.path.join(self.mktemp()))

    def test_told_nowhere(self) -> None:
        """No password, token or hash is in any answer, in the audit or as it was in any row."""
        stage, canary = self.stage, "canary-secret-12345"
        made = stage.send("POST", "/api/access-tokens", {"name": "t"}).json["token"]
        items = [{"username": "jo", "password": canary}]
        stage.send("PUT", f"/api/access-lists/{stage.things['access-lists']}", {"items": items})
        person = {"name": "Ann", "email": "ann@mail.example", "password": canary, "role": "viewer"}
        self.assertEqual(stage.send("POST", "/api/users", person).status, 201)
        stage.send("POST", "/api/auth/login", {"email": "boss", "password": canary}, who="")
        stage.send("GET", "/api/audit-log", who=made)
        session = stage.session("boss")
        ((hashed,),) = stage.rows("select password_hash from accounts where username = 'boss'")
        for route in stage.routes:
            if route.method == "GET":
                with named(str(route)):
                    for id_ in (stage.things.get(route.kind, "1"), str(stage.boss.id)):
                        body = stage.send("GET", route.filled(id_), who=session).body.decode("latin-1")
                        told = {canary, made, hashed, "$argon2"} | ({session} if route.path != "/api/tokens" else set())
                        self.assertEqual([each for each in told if each in body], [])
        kept = "\n".join(map(str, stage.rows("select * from hosts_audit")))
        self.assertEqual([each for each in (canary, made, session, hashed) if each in kept], [])
        self.assertEqual([line for line in stage.dump() if made in line or session in line], [])

    def test_names_of_strangers(self) -> None:
        """What somebody typed to sign in is found by it in the audit, with a link to the next page that holds it."""
        for typed in ("日本", "a&limit=100", "a\r\nX-Evil: 1", "<b>", "\u202e", "x" * 300):
            with named(typed[:30]):
                self.stage.send("POST", "/api/auth/login", {"email": typed, "password": "x"}, who="")
                target = f"/api/audit-log?limit=1&user={quote(typed[: LONGEST['username']])}"
                answer = self.stage.send("GET", target)
                for link in answer.all("Link"):
                    self.assertTrue(link.isascii())
                    self.assertNotIn("limit=100", link)

    def test_audit_is_bounded(self) -> None:
        """The texts of one entry have an end, whatever was sent."""
        token = self.stage.token()
        for target in ("/api/" + "x" * 4000, "/api/proxy-hosts/" + "9" * 4000):
            self.stage.send("GET", target, who=token)
        self.stage.send("POST", "/api/auth/login", {"email": "y" * 300, "password": "x"}, who="")
        for name, most in LONGEST.items():
            with named(name):
                ((longest,),) = self.stage.rows(f"select max(length({name})) from hosts_audit")
                self.assertLessEqual(longest, most if name != "details" else 400)


class SignInTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = PosternStage(os.path.join(self.mktemp()))

    def test_nobody_learns_who_is_a_user(self) -> None:
        """A wrong password, an unknown name and a customer's wrong password have one answer, and one check."""
        checked = []
        verify = self.stage.hasher.verify

        async def counted(*of: str) -> bool:
            checked.append(of)
            return await verify(*of)

        self.stage.hasher.verify = counted  # type: ignore[method-assign]
        told = set()
        for name in ("boss", "boss@mesh.example", "jo", "unknown", "unknown@mail.example", "é"):
            with named(name[:20]):
                before = len(checked)
                answer = self.stage.send("POST", "/api/auth/login", {"email": name, "password": f"w {name}"}, who="")
                told.add((answer.status, answer.body, len(checked) - before))
        self.assertEqual(len(told), 1, told)
