"""What a token may do at the API: a confined one nothing but read, and what any has left is told at its end."""

from __future__ import annotations

from typing import Any

from meshd.store.statements import accounts
from meshd.store.unit import Unit
from meshd.web.api.tokens import MADE
from tests.web.api.document import DocumentTestCase
from tests.web.api.test_document_authentication import EVERY
from tests.web.api.test_matrix import dump
from tests.web.support import basic, named

NOTHING: dict[str, Any] = {"sub_accounts": [], "passwords": [], "ips": [], "hostnames": [], "proxies": []}
IP, OTHER, HOME = "9.9.9.9", "8.8.8.8", "home.example.org"
FORMS: dict[str, dict[str, Any]] = {
    "sub": {"username": "sub"},
    "ip": {"ip": IP},
    "hostname": {"domain": HOME},
    "proxy": {"proxy": "us"},
}
"""What is sent to the paths under `/api/sub/` and so on."""


class ConfinedTests(DocumentTestCase):
    def test_it_changes_nothing(self) -> None:
        """On every path that changes something: 403 with a clear text, 401 where no token does; nothing is changed."""
        for how in ({"proxies": "us"}, {"selection": "country-us"}):
            who = self.bearer(self.token(**how))
            before = dump(self.world)
            for method, path in EVERY:
                if method == "POST":
                    with named((how, path)):
                        answer = self.post(path, who=who, **FORMS.get(path.split("/")[2], {}))
                        self.assertEqual(answer.status, 401 if "/token/" in path or "/self/" in path else 403)
                        if answer.status == 403:
                            self.assertIn("changes nothing", answer.json["detail"])
            self.assertEqual(dump(self.world), before)

    def test_it_reads(self) -> None:
        """Every path that only looks, but those of tokens."""
        who = self.bearer(self.token(proxies="us"))
        for method, path in EVERY:
            if method == "GET" and "/token" not in path:
                with named(path):
                    target = path.format(proxy="open") + ("?username=sub" if "/sub/" in path else "")
                    self.assertEqual(self.get(target, who=who).status, 200)

    def test_by_whichever_way_it_comes(self) -> None:
        """As Basic's password, under a user name of its own."""
        token = self.token(selection="country-us")
        for name in ("jo", "anything", token["token"]):
            with named(name):
                answer = self.world.post("/api/ip/add/", {"ip": IP}, who=basic(name, token["token"]))
                self.assertEqual(answer.status, 403)

    def test_one_that_is_not_confined_goes_on(self) -> None:
        """The vendor's document has it."""
        who = self.bearer(self.token())
        self.assertEqual(self.post("/api/ip/add/", who=who, ip=IP).status, 200)
        self.assertEqual(self.post("/api/sub/create/", who=who, username="new").status, 200)


class LeftTests(DocumentTestCase):
    def plant(self, **form: Any) -> dict[str, Any]:
        """A token that has made one of each."""
        token = self.token(**form)
        who = self.bearer(token)
        self.post("/api/proxy/delete/", proxy="us")
        self.post("/api/proxy/add/", proxy="us", who=who)
        self.post("/api/sub/create/", username="planted", password="known", who=who)
        self.post("/api/sub/edit/", username="sub", password="secret", who=who)
        self.post("/api/ip/add/", ip=IP, who=who)
        self.post("/api/ip/add/", ip=OTHER, who="sub")
        self.post("/api/hostname/add/", domain=HOME, username="sub", who=who)
        return token

    MADE = {
        "sub_accounts": ["planted"],
        "passwords": ["sub"],
        "ips": [{"username": "jo", "ip": IP}, {"username": "sub", "ip": OTHER}],
        "hostnames": [{"username": "sub", "domain": HOME}],
        "proxies": [{"username": "jo", "proxy": "us"}],
    }

    def test_deactivating_tells(self) -> None:
        """In the answer; of a token that has made nothing the answer is as the document shows it."""
        token, other = self.plant(), self.token()
        self.assertEqual(self.post("/api/token/deactivate/", id=token["id"]).json["made"], self.MADE)
        self.assertNotIn("made", self.post("/api/token/deactivate/", id=other["id"]).json)

    def test_deleting_tells(self) -> None:
        """The document wants an empty 204: a field has the numbers, a path the rest, also afterwards."""
        token, other = self.plant(), self.token()
        answer = self.post("/api/token/delete/", id=token["id"])
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.one(MADE), "sub_accounts=1, passwords=1, ips=2, hostnames=1, proxies=1")
        self.assertEqual(self.get(f"/api/token/made/?id={token['id']}").json, self.MADE)
        self.assertEqual(self.post("/api/token/delete/", id=other["id"]).all(MADE), [])

    def test_nobody_elses(self) -> None:
        """A stranger's, a number that is no token's, and a sub-account's part for its parent."""
        token = self.plant()
        for who, query, expected in (
            ("eve", f"id={token['id']}", NOTHING),
            ("jo", "id=99999", NOTHING),
            (
                "jo",
                f"id={token['id']}&username=sub",
                {**self.MADE, "sub_accounts": [], "proxies": [], "ips": [{"username": "sub", "ip": OTHER}]},
            ),
        ):
            with named((who, query)):
                self.assertEqual(self.get(f"/api/token/made/?{query}", who=who).json, expected)

    def test_the_operators_hand_is_told(self) -> None:
        """A token that the operator has put out of use, or the plan: 403 and 402 to activate it, and who it was."""
        token = self.token()
        admin = self.world.account("boss", plan="20")
        self.world.store.file.run(_made_admin, admin.id)
        self.assertEqual(
            self.post("/api/token/deactivate/", id=token["id"], who="boss").json["deactivated_by"], "operator"
        )
        answer = self.post("/api/token/activate/", id=token["id"])
        self.assertEqual((answer.status, "operator" in answer.json["detail"]), (403, True))
        (listed,) = self.get("/api/tokens/").json["tokens"]
        self.assertEqual((listed["is_active"], listed["deactivated_by"]), (False, "operator"))
        self.assertEqual(self.post("/api/token/activate/", id=token["id"], who="boss").status, 200)


class TakenTests(DocumentTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.world.store.file.run(_made_admin, self.world.account("boss", plan="20").id)

    def test_what_the_operator_took_is_403(self) -> None:
        """An address, a hostname, a sub-account; a limit of the operator's is 400 by its field."""
        self.post("/api/ip/add/", ip=IP)
        self.post("/api/hostname/add/", domain=HOME)
        self.post("/api/ip/delete/", ip=IP, username="jo", who="boss")
        self.post("/api/hostname/delete/", domain=HOME, username="jo", who="boss")
        self.post("/api/sub/deactivate/", username="sub", who="boss")
        self.post("/api/sub/edit/", username="sub", monthly_limit=5, who="boss")
        for path, form in (
            ("/api/ip/add/", {"ip": IP}),
            ("/api/ip/add/", {"ip": IP, "username": "sub"}),
            ("/api/hostname/add/", {"domain": HOME}),
            ("/api/sub/activate/", {"username": "sub"}),
            ("/api/sub/delete/", {"username": "sub"}),
        ):
            with named((path, form)):
                answer = self.post(path, **form)
                self.assertEqual((answer.status, "operator" in answer.json["detail"]), (403, True))
        answer = self.post("/api/sub/edit/", username="sub", monthly_limit=6)
        self.assertEqual(answer.seen, (400, {"monthly_limit": ["The operator allows a limit of 5 GB at most."]}))


def _made_admin(account_id: int) -> Unit[None]:
    yield from accounts.edit(account_id, role="admin")
