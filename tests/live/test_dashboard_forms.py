"""Every form of the dashboard in Chromium, once with wrong values and once with right ones, as each role has it.

A run of everybody's has one role, one store and a script; `FULL=1` has all roles and both stores, with a script and
without.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from playwright.sync_api import Page
from pyotp import TOTP
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from meshd.store.open import BlockingStore
from meshd.store.unit import Statement, Unit
from tests.support import demo
from tests.support.figures import FULL
from tests.support.tour import OPERATORS, Loaded, TourCase, crawl, mounted, pages, pattern, sign_in
from tests.tls.authority import issued

Values = Mapping[str, str]
Told = Values | Callable[[Page, list[str]], Values]
"""What is typed into a form, or what makes it of the page that has the form and the recovery codes that are left."""

OWN = {"/sign-in/", "/sign-in/code/", "/sign-out/"}
"""Forms that the walk itself sends."""
STALE = "account.deactivate"


class Row(NamedTuple):
    """One form: where it is, where it is sent, and what is typed.  wrong: None where nothing can be typed."""

    page: str
    action: str
    right: Told = {}
    wrong: Told | None = None
    says: str = ""
    """A sentence of the page after the right one, where it is no confirmation."""


def pair(host: str) -> Values:
    """A certificate for this name, and its key."""
    leaf = issued(host, now=int(time.time()), hosts=(host,))
    return {"certificate": leaf.pem, "certificate_key": leaf.key_pem}


def code(page: Page) -> str:
    """Of the second factor whose key the page shows: the newest, which is taken for another half a minute at least."""
    return TOTP(page.inner_text("#key")).at(time.time())


CURRENT = {"current": demo.PASSWORD}
LISTS = (
    Row("/account/edit_ips/", "/account/edit_ips/add/", {"ip": "93.184.216.{n}", "label": "new"}, {"ip": "256.1.1.1"}),
    Row("/account/edit_ips/", "/account/edit_ips/delete/"),
    Row("/account/edit_hostnames/", "/account/edit_hostnames/add/", {"domain": "h{n}.example.com"}, {"domain": "a b"}),
    Row("/account/edit_hostnames/", "/account/edit_hostnames/delete/"),
    Row("/account/settings/", "/account/settings/pac/create/"),
    Row("/account/settings/", "/account/settings/pac/delete/"),
)
ONESELF = (
    Row(
        "/account/change_email/", "/account/change_email/", {"email": "e{n}@example.com", **CURRENT}, {"current": "no"}
    ),
    Row(
        "/account/change_password/",
        "/account/change_password/",
        {**CURRENT, "password": demo.PASSWORD, "again": demo.PASSWORD},
        {**CURRENT, "password": "one thing", "again": "another"},
    ),
    Row(
        "/account/second_factor/",
        "/account/second_factor/on/",
        lambda page, codes: {"code": code(page), **CURRENT},
        {"code": "000000", **CURRENT},
        "Recovery codes",
    ),
    Row(
        "/account/second_factor/",
        "/account/second_factor/codes/",
        lambda page, codes: {"code": codes.pop(), **CURRENT},
        {"code": "000000", **CURRENT},
        "Recovery codes",
    ),
    Row(
        "/account/second_factor/",
        "/account/second_factor/off/",
        lambda page, codes: {"code": codes.pop(), **CURRENT},
        {"code": "000000", **CURRENT},
    ),
    Row("/account/sessions/", "/account/sessions/end/"),
    Row("/account/sessions/", "/account/sessions/end_all/"),
)
NEW = "/account/sub_accounts/newcomer/"
COPY = "Copy your key now"
CUSTOMER = (
    *LISTS,
    Row("/account/edit_proxies/", "/account/edit_proxies/delete/"),
    Row("/account/edit_proxies/", "/account/edit_proxies/add/"),
    Row(
        "/account/edit_tokens/",
        "/account/edit_tokens/create/",
        {"label": "new", "expires_at": "2031-01-31"},
        {"expires_at": "2020-01-31"},
        "Copy your new token now",
    ),
    Row("/account/edit_tokens/", "/account/edit_tokens/delete/"),
    Row("/account/new_sub_account/", "/account/new_sub_account/", {"username": "newcomer"}, {"username": "a b"}),
    Row(NEW, NEW, {"monthly_limit": "7"}, {"monthly_limit": "much"}),
    Row(NEW, f"{NEW}deactivate/"),
    Row(NEW, f"{NEW}activate/"),
    Row(NEW, f"{NEW}delete/"),
    Row("/account/exchanges/", "/account/exchanges/end/"),
    Row("/account/api_keys/", "/account/api_keys/create/", {"label": "crawler"}, {"label": "\u202e"}, COPY),
    Row("/account/api_keys/", "/account/api_keys/regenerate/", says=COPY),
    Row("/account/api_keys/", "/account/api_keys/delete/"),
    Row("/account/orders/", "/account/orders/", {"coupon": ""}, {"coupon": "none"}),
    Row("/account/orders/", "/account/orders/cancel/"),
    *ONESELF,
)
SUB_ACCOUNT = (*LISTS, Row("/account/exchanges/", "/account/exchanges/end/"), *ONESELF)

MADE, AT = "/operator/accounts/made/", "/operator/accounts/renamed/"
BELOW = "/operator/accounts/below/"
OPERATOR = (
    Row(
        "/operator/new_account/",
        "/operator/new_account/",
        {"username": "made", "by": "generate"},
        {"username": "a b"},
        "made",
    ),
    Row(f"{MADE}terms/", f"{MADE}terms/", {"monthly_limit": "9", "notes": "pays late"}, {"monthly_limit": "much"}),
    Row(f"{MADE}terms/", f"{MADE}terms/rename/", {"username": "renamed"}, {"username": "a b"}),
    Row("/operator/new_account/?parent=renamed", "/operator/new_account/", {"username": "below", "by": "none"}),
    Row(BELOW, f"{BELOW}deactivate/"),
    Row(f"{BELOW}terms/", f"{BELOW}terms/move/", {"parent": "alice"}, {"parent": "nobody"}),
    Row(f"{BELOW}delete/", f"{BELOW}delete/"),
    Row(f"{AT}access/", f"{AT}access/password/", {"password": "battery staple"}, {"password": ""}),
    Row(f"{AT}access/", f"{AT}access/revoke/"),
    Row(f"{AT}access/", f"{AT}access/authorize/"),
    Row(f"{AT}access/", f"{AT}access/second_factor/"),
    Row(f"{AT}addresses/", f"{AT}addresses/add_ip/", {"ip": "93.184.216.{n}"}, {"ip": "256.1.1.1"}),
    Row(f"{AT}addresses/", f"{AT}addresses/delete_ip/"),
    Row(f"{AT}addresses/", f"{AT}addresses/add_hostname/", {"domain": "h{n}.example.com"}, {"domain": "a b"}),
    Row(f"{AT}addresses/", f"{AT}addresses/delete_hostname/"),
    Row(
        f"{AT}tokens/",
        f"{AT}tokens/create/",
        {"label": "new", "expires_at": "2031-01-31"},
        {"expires_at": "2020-01-31"},
        "pm_",
    ),
    Row(f"{AT}tokens/", f"{AT}tokens/deactivate/"),
    Row(f"{AT}tokens/", f"{AT}tokens/activate/"),
    Row(
        f"{AT}tokens/ >> main a[href$='/edit/']", f"{AT}tokens/{{id}}/edit/", {"label": "newer"}, {"expires_at": "soon"}
    ),
    Row(f"{AT}tokens/", f"{AT}tokens/delete/"),
    Row(f"{AT}topups/", f"{AT}topups/", {"bytes": "5", "reference": "invoice-7"}, {"bytes": "much", "reference": "x"}),
    Row(f"{AT}limits/", f"{AT}limits/bounds/", {"requests_per_second": "20"}, {"requests_per_second": "many"}),
    Row(
        f"{AT}limits/",
        f"{AT}limits/rules/",
        {"kind": "only", "entries": "example.com:443"},
        {"kind": "only", "entries": "no name!"},
    ),
    Row(AT, f"{AT}deactivate/"),
    Row(AT, f"{AT}activate/"),
    Row(AT, f"{AT}see/", says="You see this as renamed"),
    Row("/account/dashboard/", "/operator/seen/end/", says="renamed"),
    Row(f"{AT}delete/", f"{AT}delete/"),
    Row("/operator/bans/", "/operator/bans/lift/"),
    Row("/operator/exchanges/", "/operator/exchanges/end/"),
    Row("/operator/orders/", "/operator/orders/settle/", {"reference": "transfer 7"}),
    Row("/operator/orders/", "/operator/orders/cancel/"),
    Row("/operator/exits/paris-1/", "/operator/exits/paris-1/drain/"),
    Row("/operator/exits/paris-1/", "/operator/exits/paris-1/undrain/"),
    Row(
        "/operator/exits/paris-1/",
        "/operator/exits/paris-1/test/",
        {"to": "www.example.com:443"},
        {"to": "no target"},
        "paris-1",
    ),
)
HOSTS = "/operator/hosts/"
DEAD, NEW_DEAD = f"{HOSTS}dead-hosts/3/", f"{HOSTS}dead-hosts/new/"
PUBLISHED = (
    Row(
        f"{HOSTS}dead-hosts/new/",
        f"{HOSTS}dead-hosts/new/",
        {"domain_names": "n{n}.example.com"},
        {"domain_names": "!"},
    ),
    Row(f"{DEAD}edit/", f"{DEAD}edit/", {"domain_names": "m{n}.example.com"}, {"domain_names": "!"}),
    Row(DEAD, f"{DEAD}disable/"),
    Row(DEAD, f"{DEAD}enable/"),
    Row(f"{HOSTS}certificates/4/", "/operator/certificates/renew/"),
    Row(
        "/operator/certificates/",
        "/operator/certificates/upload/",
        lambda page, codes: pair("shop.example.com"),
        {"certificate": "x", "certificate_key": "y"},
    ),
)
ACCESS = (
    Row(f"{HOSTS}tokens/", f"{HOSTS}tokens/create/", {"name": "ci"}, {"name": ""}, "Copy your token now"),
    Row(f"{HOSTS}tokens/", f"{HOSTS}tokens/delete/"),
)


def deleted(id: int) -> Row:
    """The deletion of a host that `demo` has published."""
    return Row(f"{HOSTS}dead-hosts/{id}/delete/", f"{HOSTS}dead-hosts/{id}/delete/")


FORMS = {
    "customer": CUSTOMER,
    "sub-account": SUB_ACCOUNT,
    "root": (*OPERATOR, *PUBLISHED, deleted(5), *ACCESS, *ONESELF),
    "admin": (*OPERATOR, *PUBLISHED, deleted(6), *ACCESS, *ONESELF),
    "viewer": (*ACCESS, *ONESELF),
}
SEEING = {"/operator/accounts/{name}/see/", "/operator/seen/end/"}
"""Forms that change nothing of a customer's: a viewer has them too."""


def path_of(action: str) -> str:
    found = pattern(action.replace("{id}", "1"), sorted(mounted("POST")))
    assert found is not None, action
    return found


class RowsTests(SynchronousTestCase):
    def test_every_form_has_its_row(self) -> None:
        """Of those that are mounted."""
        rows = {path_of(row.action) for each in FORMS.values() for row in each}
        self.assertEqual(mounted("POST") - rows, OWN)


class FormsCase(TourCase):
    def walk(self, role: str) -> None:
        """Reach every page, then send every form."""
        with self.visit() as page:
            loaded = Loaded(page)
            self.bad_sign_in(page, f"nobody-{role}")
            loaded.complaints.clear()
            sign_in(page, demo.PEOPLE[role])
            found: set[str] = set()
            shown: set[str] = set()
            for path in crawl(page, role):
                found.add(path)
                shown |= self.shown(page)
            self.assertEqual(found, pages(role))
            sent = {path_of(row.action) for row in FORMS[role]}
            theirs = {path_of(row.action) for row in CUSTOMER} if role in OPERATORS else set()
            seeing = SEEING if role == "viewer" else set()
            self.assertEqual(shown - sent - theirs - seeing - OWN, set(), "sent by no row")
            for row in FORMS[role]:
                self.send(page, row, role)
            page.goto("/account/dashboard/")
            page.click("header >> text=Sign out")
            self.assertIn("Sign in", page.inner_text("h1"))
            serious = [each for each in loaded.complaints if "status of 4" not in each]
            self.assertEqual(serious, [], self.daemon.log_text() if serious else "")

    def shown(self, page: Page) -> set[str]:
        """Where the forms of a page are sent."""
        actions = page.eval_on_selector_all("form[method=post]", "all => all.map(each => each.getAttribute('action'))")
        return {path_of(each) for each in actions}

    def bad_sign_in(self, page: Page, name: str) -> None:
        sign_in(page, name, "no password")
        self.assertIn("not right", page.inner_text("main"))

    def send(self, page: Page, row: Row, role: str) -> None:
        """Both times from the page where the form is; what was wrong is told there."""
        try:
            self.prepare(page, row, role)
            if row.wrong is not None:
                answer = self.submit(page, row, row.wrong)
                self.assertIn(answer.status, (400, 403), page.inner_text("main"))
                self.assertTrue(page.is_visible(".problem"), page.inner_text("main"))
                self.assertFalse(page.is_visible(".said"), page.inner_text("main"))
            answer = self.submit(page, row, row.right)
            self.assertEqual(answer.status, 200, page.inner_text("main"))
            self.assertFalse(page.is_visible(".problem"), page.inner_text("main"))
            told = page.inner_text("body") if row.says else page.inner_text(".said")
            self.assertIn(row.says, told)
            if page.is_visible("#codes"):
                self.codes = page.inner_text("#codes").split()
        except BaseException as error:
            error.add_note(f"{role}: {row.action} at {page.url}")
            raise

    def submit(self, page: Page, row: Row, values: Told) -> Any:
        where, _, link = row.page.partition(" >> ")
        page.goto(where)
        if link:
            page.click(link)
        action = row.action.replace("{id}", page.url.split("/")[-3])
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        typed = values(page, self.codes) if callable(values) else values
        forms = page.locator(f'form[action="{action}"], form:has(button[formaction="{action}"])')
        for name in typed:
            forms = forms.filter(has=page.locator(f'[name="{name}"]:not([type=hidden])'))
        form = forms.first
        form.evaluate("each => { each.noValidate = true; }")
        self.number += 1
        for name, text in typed.items():
            field = form.locator(f'[name="{name}"]')
            filled = text.replace("{n}", str(50 + self.number % 200))
            if field.evaluate("each => each.tagName") == "SELECT":
                field.select_option(filled)
            else:
                field.fill(filled)
        with page.expect_navigation() as navigation:
            other = form.locator(f'button[formaction="{action}"]')
            (other if other.count() else form.locator("button[type=submit]:not([formaction])")).first.click()
        return navigation.value

    def setUp(self) -> None:
        self.number = 0
        self.codes: list[str] = []

    def prepare(self, page: Page, row: Row, role: str) -> None:
        """What a form needs that no form brings: another session, an order, somebody else's factor, ten seconds."""
        if row.action.startswith("/operator/orders/"):
            self.daemon.cli("order", "create", "alice", "small")
        if row.action == "/account/sessions/end/":
            with self.visit(role) as other:
                other.wait_for_selector("header")
        store = BlockingStore(self.daemon.store_url)
        try:
            if row.action.endswith("/move/"):
                store.run(long_ago)
            if row.action.endswith("access/second_factor/"):
                store.run(with_factor)
        finally:
            store.close()


def long_ago() -> Unit[None]:
    """Whatever was put out of use was so an hour before."""
    yield Statement("update audit set at = at - 3600 where action = :action", {"action": STALE})


def with_factor() -> Unit[None]:
    yield Statement(
        """insert into second_factors (account_id, secret, last_step, since)
        select id, 'JBSWY3DPEHPK3PXP', 0, created_at from accounts where username = 'renamed'""",
        {},
    )


class EverydayTests(FormsCase):
    """A customer's forms are sent every day in `test_pages.py`, with a script and without."""

    def test_sub_account(self) -> None:
        self.walk("sub-account")


class FullCase(FormsCase):
    @classmethod
    def setUpClass(cls) -> None:
        if not FULL:
            raise SkipTest("FULL=1 walks here too")
        super().setUpClass()

    def walk_all(self) -> None:
        """One after the other, since they share what they change."""
        for role in FORMS:
            self.walk(role)


class ScriptTests(FullCase):
    def test_every_role(self) -> None:
        self.walk_all()


class NoScriptTests(FullCase):
    scripts = False

    def test_every_role(self) -> None:
        self.walk_all()


class PostgresTests(FullCase):
    postgres = True

    def test_every_role(self) -> None:
        self.walk_all()


class PostgresNoScriptTests(FullCase):
    postgres, scripts = True, False

    def test_every_role(self) -> None:
        self.walk_all()
