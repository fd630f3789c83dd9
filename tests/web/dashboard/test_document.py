"""Each sentence of the bearer-token document about the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from meshd.accounts import toplevel
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.topology import PLANS
from tests.web.dashboard.support import PagesTestCase, named, secret_of
from tests.web.support import NOON, basic, result

F = TypeVar("F", bound=Callable[..., None])

EDIT = "/account/edit_tokens/"
CREATE, DELETE = f"{EDIT}create/", f"{EDIT}delete/"

SENTENCES = {
    "From your account dashboard, use the Bearer Tokens section on the right to open Edit Bearer Tokens.",
    "Enter an optional Label and optional Expires date (leave blank for no expiration).",
    "Click Create Token.",
    "Copy the new token from the one-time display panel — it will not be shown again.",
    "Delete unused tokens from the token list table.",
    "Sub-accounts can have their own bearer tokens. Click Manage Bearer Tokens from the Edit sub account page.",
    "Activate and deactivate via API: The dashboard supports create, list, and delete.",
    "One-time display: Copy each new token when it is created; ProxyMesh stores only a hash and cannot show the value "
    "again.",
    "Bearer tokens are available on paid ProxyMesh plans. Free trials cannot create bearer tokens.",
    "The maximum number of tokens per account depends on your subscription plan",
}
TOLD: set[str] = set()


def says(sentence: str) -> Callable[[F], F]:
    """The test shows that this sentence of the document is true."""
    assert sentence in SENTENCES, sentence
    TOLD.add(sentence)
    return lambda test: test


class DocumentTests(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.browser.sign_in()

    def create(self, **fields: str) -> str:
        self.browser.open(EDIT)
        return secret_of(self.browser.send(CREATE, **fields))

    @says("From your account dashboard, use the Bearer Tokens section on the right to open Edit Bearer Tokens.")
    def test_from_the_dashboard(self) -> None:
        page = self.browser.open("/account/dashboard/")
        main, _, aside = page.html.partition("<aside")
        self.assertIn(">Bearer Tokens</h2>", aside)
        self.assertNotIn(">Bearer Tokens</h2>", main)
        self.assertEqual(page.links["Edit Bearer Tokens"], EDIT)
        self.assertIn("<h1>Edit Bearer Tokens</h1>", self.browser.open(EDIT).html)

    @says("Enter an optional Label and optional Expires date (leave blank for no expiration).")
    def test_label_and_date(self) -> None:
        """Both, one of them, neither; and what is no day to come is said beside the field, with what was typed."""
        page = self.browser.open(EDIT)
        self.assertIn("Leave blank for no expiration", page.text)
        self.assertEqual(set(page.form(CREATE)), {"csrf", "label", "expires_at"})
        for fields, shown in (
            ({"label": "production", "expires_at": "2026-02-28"}, ("production", "2026-02-28")),
            ({"label": "other"}, ("other", "never")),
            ({}, ("token 3", "never")),
        ):
            with named(fields):
                self.create(**fields)
                for text in shown:
                    self.assertIn(text, self.browser.open(EDIT).text)
        for day, problem in (("2026-01-14", "This day is in the past."), ("tomorrow", "Enter a date as YYYY-MM-DD.")):
            self.browser.open(EDIT)
            page = self.browser.send(CREATE, label="kept", expires_at=day)
            self.assertEqual((page.status, page.form(CREATE)["label"]), (400, "kept"))
            self.assertIn(problem, page.text)

    @says("Click Create Token.")
    def test_create_token(self) -> None:
        self.assertIn("Create Token", self.browser.open(EDIT).text)
        token = self.create(label="a")
        answer = self.world.get("/api/proxies/", who=f"Bearer {token}".encode())
        self.assertEqual(answer.status, 200)

    @says("Copy the new token from the one-time display panel — it will not be shown again.")
    @says(
        "One-time display: Copy each new token when it is created; ProxyMesh stores only a hash and cannot show the "
        "value again."
    )
    def test_shown_once(self) -> None:
        token = self.create(label="a")
        self.assertIn("will not be shown again", self.browser.page.text)
        self.assertIn('data-copy="token"', self.browser.page.html)
        self.assertEqual(self.browser.page.answer.all("Cache-Control"), ["no-store"])
        for path in (EDIT, "/account/dashboard/"):
            self.assertNotIn(token, self.browser.open(path).html)

    @says("Delete unused tokens from the token list table.")
    def test_delete(self) -> None:
        token = self.create(label="unused")
        page = self.browser.open(EDIT)
        self.assertIn("<table", page.html)
        page = self.browser.send(DELETE)
        self.assertIn("The token unused was deleted.", page.text)
        self.assertNotIn(DELETE, page.actions)
        self.assertEqual(self.world.get("/api/proxies/", who=f"Bearer {token}".encode()).status, 401)
        self.assertNotIn("was deleted", self.browser.open(EDIT).text)

    @says("Sub-accounts can have their own bearer tokens. Click Manage Bearer Tokens from the Edit sub account page.")
    def test_of_a_sub_account(self) -> None:
        page = self.browser.open("/account/sub_accounts/sub/")
        self.assertIn("<h1>Edit Sub Account</h1>", page.html)
        self.browser.open(page.links["Manage Bearer Tokens"])
        token = secret_of(self.browser.send(CREATE, label="of sub"))
        answer = self.world.get("/api/usage/", who=f"Bearer {token}".encode())
        self.assertEqual(answer.json["account"]["username"], "sub")
        self.assertNotIn("of sub", self.browser.open(EDIT).text)
        self.browser.open(f"{EDIT}?username=sub")
        self.assertIn("was deleted", self.browser.send(DELETE).text)

    @says("Activate and deactivate via API: The dashboard supports create, list, and delete.")
    def test_create_list_and_delete_alone(self) -> None:
        """No form switches a token; one that the API has put out of use is shown so."""
        self.create(label="a")
        page = self.browser.open(EDIT)
        self.assertEqual(set(page.actions), {"/sign-out/", CREATE, DELETE})
        self.world.post("/api/token/deactivate/", {"id": page.form(DELETE)["id"]}, who=basic("jo", "secret"))
        self.assertIn("inactive", self.browser.open(EDIT).text)

    @says("Bearer tokens are available on paid ProxyMesh plans. Free trials cannot create bearer tokens.")
    def test_of_a_trial(self) -> None:
        """There is no form, and a form made by hand is refused."""
        tom = self.signed_in("tom")
        page = tom.open(EDIT)
        self.assertIn("does not support bearer tokens", page.text)
        self.assertNotIn(CREATE, page.actions)
        page = tom.ask("POST", CREATE, {"csrf": page.form("/sign-out/")["csrf"]})
        self.assertEqual((page.status, "pm_" in page.html), (400, False))

    @says("The maximum number of tokens per account depends on your subscription plan")
    def test_the_most(self) -> None:
        terms = {"plans": PLANS, "now": NOON}
        result(self.world.accounts.perform(toplevel.edit, Operator(), "jo", Profile(), Terms(plan="10"), **terms))
        for _ in range(10):
            self.create()
        self.browser.open(EDIT)
        page = self.browser.send(CREATE)
        self.assertEqual((page.status, "pm_" in page.html), (400, False))
        self.assertIn("Plan 10 allows 10 bearer tokens an account.", page.text)
        self.assertIn("10 of 10", page.text)


class CompleteTests(PagesTestCase):
    def test_each_sentence_has_its_test(self) -> None:
        """None is left out."""
        self.assertEqual(TOLD, SENTENCES)
