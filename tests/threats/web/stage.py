"""A web with somebody of each kind on it, each signed in and each with something of her own, and no socket.

The store is as strict as the strictest database that meshd knows: it takes no text with a NUL or half a surrogate pair
and no number beyond 64 bits, whichever file is below.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode

from pyotp import TOTP

from meshd.accounts import hostaudit, hosttokens, secondfactor, subaccounts, topups
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import Profile
from meshd.accounts.published import forms, resources
from meshd.model import Account, Ban
from meshd.store.statements import activity, bans, opened
from meshd.store.unit import Unit
from meshd.topology import PLANS
from meshd.values.exchanges import Exchange, OpenExchange
from meshd.values.hosting import Hosting
from meshd.web.dashboard import cookies
from tests.web.admin.support import AdminWorld
from tests.web.dashboard.support import Browser
from tests.web.support import NOON, Answer, Line, NowStore, basic, read_answers, request, result

P = ParamSpec("P")
T = TypeVar("T")

TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
RECOVERY = [f"aaaa-bbbb-cccc-{number:04}" for number in range(10)]
PEOPLE = ("admin", "op", "op2", "vi", "jo", "sub", "sib", "eve", "eves", "tom")
FAMILIES = {"jo": ("jo", "sub", "sib"), "sub": ("sub",), "eve": ("eve", "eves"), "eves": ("eves",), "tom": ("tom",)}
"""Whose things each customer may see."""


class StrictStore(NowStore):
    """Refuses what a database would refuse that is not SQLite."""

    async def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await super().run(_strict(unit), *args, **kwargs)


def _strict(unit: Callable[P, Unit[T]]) -> Callable[P, Unit[T]]:
    def checked(*args: P.args, **kwargs: P.kwargs) -> Unit[T]:
        steps, rows = unit(*args, **kwargs), None
        while True:
            try:
                statement = steps.send(rows)  # type: ignore[arg-type]
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            for values in statement.params if isinstance(statement.params, list) else [statement.params]:
                for name, value in values.items():
                    assert not isinstance(value, str) or "\0" not in value.encode().decode(), (name, value)
                    assert not isinstance(value, int) or -(2**63) <= value < 2**63, (name, value)
            rows = yield statement

    return checked


OPEN = ("/static/", "/api/docs", "/healthz", "/readyz", "/proxy.pac", "/.well-known/")
"""Where the paths begin that ask for no credential."""


@dataclass(frozen=True)
class Route:
    """One that is mounted."""

    method: str
    path: str
    fields: tuple[str, ...]

    @property
    def room(self) -> str:
        if self.path.startswith(OPEN) or "openapi" in self.path:
            return "open"
        if self.path.startswith("/api/"):
            return "operators" if self.path.startswith("/api/admin") else "account"
        return "visitors" if self.path.startswith("/sign-in/") else "pages"

    @cached_property
    def variables(self) -> tuple[str, ...]:
        return tuple(part.partition("}")[0] for part in self.path.split("{")[1:])

    def filled(self, values: dict[str, str]) -> str:
        """The path with its variables; those without a value are `x`."""
        path = self.path
        for name in self.variables:
            path = path.replace(f"{{{name}}}", values.get(name, "x"))
        return path

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Stage(AdminWorld):
    """Each of PEOPLE with a token, an address, a hostname, an exchange, and words of her own: `canary-jo-…`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.store.__class__ = StrictStore
        self.set_topology(hosts=Hosting())
        self.sib = self.sub_account(self.jo, "sib")
        self.op2 = self.account("op2", plan="10", role="admin")
        self.accounts_by = {
            name: account
            for name, account in {**self.__dict__, "admin": self.root, "eves": self.foreign}.items()
            if isinstance(account, Account) and name in PEOPLE
        }
        assert set(self.accounts_by) == set(PEOPLE)
        self.tokens = {name: self._tokens(name) for name in PEOPLE}
        for number, name in enumerate(PEOPLE):
            self._give(number, self.accounts_by[name])
        opens = [self._open(number, self.accounts_by[name]) for number, name in enumerate(PEOPLE)]
        self.store.file.run(opened.write, "node", NOON, len(opens), opens)
        for ban in (Ban("192.0.2.77", "ghost", NOON + 999), Ban("192.0.2.78", "*", NOON + 999)):
            self.store.file.run(bans.add, ban)
        self._publish()
        self._browsers: dict[str, Browser] = {}
        self._dumped: tuple[int, list[str]] = (-1, [])

    def _publish(self) -> None:
        """Resource 1 is a proxy host; an admin has a token for managing it, and there is a record of a request."""
        run, settings = self.store.file.run, {"domain_names": ["canary.example.com"], "forward_host": "10.0.0.9"}
        for kind, given in (
            ("proxy-hosts", settings | {"forward_port": 81}),
            ("access-lists", {"name": "canary-op-list"}),
            ("certificates", {"domain_names": ["canary.example.com"]}),
        ):
            run(resources.create, Operator(), kind, forms.read(kind, given), now=NOON)  # type: ignore[arg-type]
        run(hosttokens.create, self.op.id, name="canary-op-access", digest=bytes(32), now=NOON)
        run(hostaudit.record, at=NOON, action="request", username="op", details={"path": "/api/proxy-hosts"})

    def _tokens(self, name: str) -> dict[str, Any]:
        account = self.accounts_by[name]
        if account.parent_id is not None:
            parent = "jo" if account.parent_id == self.jo.id else "eve"
            return self.new_token(parent, label=f"canary-{name}-label", username=name)
        if account.plan == "trial" or account.role == "viewer":
            return {"id": 0, "token": ""}
        return self.new_token(name, label=f"canary-{name}-label")

    def _give(self, number: int, account: Account) -> None:
        name, perform = account.username, self.accounts.perform
        profile = Profile(
            first_name=f"canary-{name}-first", last_name=f"canary-{name}-last", email=f"canary-{name}@mail.example"
        )
        result(perform(subaccounts.edit, Operator(), name, profile, at=NOON))
        if account.role in ("customer", "admin", "root"):
            self.post("/api/ip/add/", {"ip": f"8.8.{number}.1", "label": f"canary-{name}-ip"}, who=name)
            self.post("/api/hostname/add/", {"domain": f"canary-{name}-host.example.com"}, who=name)
        self.sql("update accounts set notes = ? where id = ?", f"canary-{name}-notes", account.id)
        family = account.parent_id or account.id
        ended = Exchange(
            f"canary-{name}-past", NOON - 60, 1.0, account.id, name, 0, "us", f"203.0.113.{number}", "CONNECT",
            f"canary-{name}-target.example", 443, "us-0", 502, "connection_refused", 7, 9, "us-0",
        )  # fmt: skip
        self.store.file.run(activity.add, [ended])
        assert family
        if account.parent_id is None and account.role == "customer" and account.plan != "trial":
            self.sql("update accounts set monthly_limit = 1000000000 where id = ?", account.id)
            unit = topups.add
            result(perform(unit, Operator(), name, 10**9, f"canary-{name}-paid", note="n", plans=PLANS, now=NOON))

    def _open(self, number: int, account: Account) -> OpenExchange:
        name = account.username
        whose = (account.id, account.parent_id or account.id, name, 0, "us", f"203.0.113.{number}")
        return OpenExchange(
            f"canary-{name}-open",
            (NOON - 9) * 1000,
            *whose,
            "CONNECT",
            f"canary-{name}-live.example",
            443,
            "us-0",
            1,
            2,
        )

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Straight to the file, past all rules."""
        connection = self.store.file._connection
        assert connection is not None
        rows = connection.execute(statement, values).fetchall()
        return list(rows)

    @property
    def routes(self) -> list[Route]:
        """All that are mounted, those of later days too; but for `/v1`, which is switched off here (`threats.v1`)."""
        fields = self.site.api.fields
        known = {("POST", "/sign-in/"): ("username", "password", "next"), ("POST", "/sign-in/code/"): ("code", "next")}
        known |= {("GET", "/sign-in/"): ("next",), ("GET", "/sign-in/code/"): ("next",)}
        return [
            Route(method, path, tuple(fields.get((method, path)) or known.get((method, path), ())))
            for method, path in sorted(self.site.api.mounted)
            if not path.startswith("/v1/")
        ]

    def browser(self, name: str) -> Browser:
        """Somebody's, signed in; always the same one."""
        if name not in self._browsers:
            self._browsers[name] = self.another(name)
        return self._browsers[name]

    def forget(self, name: str) -> None:
        """Let somebody sign in anew when she is asked for again."""
        self._browsers.pop(name, None)

    def visitor(self) -> Browser:
        """Somebody's who is not signed in, and was shown the form to do so."""
        made = Browser(self)
        made.open("/sign-in/")
        return made

    def another(self, name: str) -> Browser:
        made = Browser(self)
        page = made.sign_in(name)
        assert "Sign out" in page.text, page.text
        return made

    def with_factor(self, name: str) -> None:
        """A second factor, for somebody who has none."""
        code = TOTP(TOTP_SECRET).at(int(self.now))
        unit = secondfactor.switch_on
        result(self.accounts.perform(unit, self.accounts_by[name].id, TOTP_SECRET, code, RECOVERY, now=int(self.now)))
        self.later(30)

    def dump(self) -> list[str]:
        """All rows but those that count failures; read anew only where something was written since."""
        connection = self.store.file._connection
        assert connection is not None
        if self._dumped[0] != connection.total_changes:
            self._dumped = (connection.total_changes, rows_of(connection))
        return self._dumped[1]

    def raw(self, data: bytes) -> list[Answer]:
        """What is answered to these bytes on a connection of their own."""
        line = Line(self.site)
        line.say(data)
        answers = read_answers(line.heard())
        line.hang_up()
        return answers


def rows_of(connection: Any) -> list[str]:
    """All rows of a store's connection but those that count failures."""
    passed = ('INSERT INTO "failures"', 'INSERT INTO "bans"', 'INSERT INTO "sqlite_sequence"')
    return [line for line in connection.iterdump() if not line.startswith(passed)]


@dataclass(frozen=True)
class Asked:
    """A request before it is sent, to be forged."""

    method: str
    target: str
    form: dict[str, str]
    fields: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """In the place of the form."""

    def having(self, **form: str) -> Asked:
        return replace(self, form={**self.form, **form})

    def without(self, *names: str) -> Asked:
        return replace(self, form={name: text for name, text in self.form.items() if name not in names})

    def told(self, *fields: tuple[str, str]) -> Asked:
        return replace(self, fields=(*self.fields, *fields))

    def send(self, stage: Stage) -> Answer:
        sent = list(self.fields)
        if self.cookies:
            sent.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies)))
        body = self.body
        if body is None and self.method != "GET":
            body = urlencode(self.form).encode()
            sent.append(("Content-Type", "application/x-www-form-urlencoded"))
        line = Line(stage.site)
        line.say(request(self.method, self.target, *sent, body=body or b""))
        (answer,) = read_answers(line.heard(), bodiless=self.method == "HEAD")
        line.hang_up()
        return answer


def token_of(browser: Browser, cookie: str = cookies.SESSION) -> str:
    """What the forms have that are shown to the browser with this cookie."""
    return cookies.token(urlsafe_b64decode(browser.cookies[cookie] + "="))


VALUES = {
    "ip": "9.9.9.9",
    "label": "a label",
    "domain": "a.example.com",
    "hostname": "a.example.com",
    "proxy": "us",
    "name": "us",
    "username": "brandnew",
    "expires_at": "2027-01-01",
    "email": "a@b.example",
    "id": "1",
    "exit": "us-0",
    "first_name": "Jo",
    "last_name": "Who",
    "monthly_limit": "1",
    "total_limit": "1",
    "current": "wrong",
    "password": "secret2",
    "again": "secret2",
    "code": "123456",
    "next": "/account/usage/",
    "address": "192.0.2.77",
    "kind": "proxy-hosts",
    "domain_names": "a.example.com",
    "forward_host": "10.0.0.9",
    "forward_port": "81",
    "certificate_id": "0",
    "access_list_id": "0",
    "seen": "1",
}
"""What a form of ours may well hold, by the name of its field."""


def basic_of(name: str) -> tuple[str, bytes]:
    return "Authorization", basic(name, "secret")


def as_json(values: dict[str, Any]) -> bytes:
    return json.dumps(values).encode()
