"""Threat 15: whatever is stored or sent, a page has the elements and the attributes of its template, and no other.

Every text column of the store that may hold what somebody chose is filled with markup, so that a new one is in the
table from its first day; the settings' names too.  Each page is then read by a parser, as everybody, and held against
the same page with harmless texts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.pools import Pools
from meshd.store.statements import opened
from meshd.topology import PLANS, Exit, ExitRule, ProxyHost
from tests.threats.web.stage import PEOPLE, VALUES, Asked, Route, Stage, token_of
from tests.threats.web.test_attacks import OWN_SIGN_IN
from tests.web.support import NOON, Answer, named

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)' autofocus x='",
    '" onfocus="alert(1)" autofocus x="',
    "{{7*7}}{% raw %}{#",
    "javascript:alert(1)",
    "</title></textarea></script><svg onload=alert(1)>",
    "</code></pre><iframe srcdoc='<script>alert(1)</script>'>",
    "\u2028\u2029<b>\u202e\u2066\u200f\ufeff",
    "<!--<script>--!><math><mi//xlink:href='data:x,<script>'>",
    "&lt;script&gt;&#60;b&#62;&quot;&Tab;",
    "\x7f\x1b[31m\x85<b>\r\n\t<i>",
)
STORED = ["".join(HOSTILE[place : place + 3]) for place in range(0, len(HOSTILE), 3)]
"""Several in one, as a column holds them."""
PLAIN = "plain/text"

STRUCTURAL = re.compile(
    r"(_key|^role|^plan|_hash|^digest|^sha256|^proof|^expires_on|^selection|^bounds|^rules|^secret|^kind|^ended_by|^trace"
    r"|^content|^changed|^cause|^node|^id)$"
)
"""Columns of texts that meshd itself writes and reads again, and no person."""
KEPT = {
    ("published", "settings"),
    ("accounts", "username"),
    ("audit", "username"),
    ("schema_migrations", "name"),
    ("changes", "seq"),
}
"""Names that rules hold to a few characters (threat 42), and what no page shows."""
OF_PATHS = {"name": "sub", "username": "jo", "exit": "us-0", "kind": "proxy-hosts", "id": "1"}
DANGEROUS = re.compile(r"on|style$|srcdoc$|formaction$|xlink|ping$|background$", re.ASCII)
ABOUT = frozenset(
    {
        "aria-invalid",
        "aria-describedby",
        "role",
        "class",
        "id",
        "autocomplete",
        "selected",
        "checked",
        "open",
        "data-once",
    }
)
"""Attributes by which an element tells of what was sent, or of a problem with it."""
ADDRESSES = ("href", "src", "action", "data-once", "data-live", "data-copy", "cite", "data", "poster")


class Read(HTMLParser):
    """The elements of a page with the names of their attributes, in order, and what is dangerous in any case."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.wrong: list[object] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def updatepos(self, i: int, j: int) -> int:
        """Count no lines, which nobody asks for: an eighth of the time."""
        return j

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(sorted(name for name, _ in attrs))))
        if tag in ("iframe", "object", "embed", "base", "style", "template", "math", "foreignobject"):
            self.wrong.append(tag)
        for name, value in attrs:
            if DANGEROUS.match(name) or (name == "http-equiv"):
                self.wrong.append((tag, name))
            ours = re.match(r"/(?!/)|#|[a-z][a-z0-9-]*\Z", value or "") if name in ADDRESSES else True
            if not ours:
                self.wrong.append((tag, name, value))
        if tag == "script" and not (dict(attrs).get("src") or "").startswith("/static/"):
            self.wrong.append(attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.wrong.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        if decl != "doctype html":
            self.wrong.append(decl)

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(data)

    def handle_pi(self, data: str) -> None:
        self.wrong.append(data)


class Dressed(Stage):
    """A stage on which everything that can have a text has this one."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(path)
        self.text = text
        self.segment = text.replace("/", "|")[:60]
        """As it can be a part of a path: `%2F` is a slash there."""
        for name in PEOPLE:
            self.browser(name)
        self._settings()
        self._rows()

    def _settings(self) -> None:
        """The names of exits, as a list of somebody else's gives them, and of plans and proxies."""
        text = self.text
        facts = dict.fromkeys(("region", "city", "isp", "zip"), text)
        exits = (Exit(text, "direct", country="US", tags=frozenset({text}), **facts), Exit("us-0", "direct"))
        exits = (*exits, Exit(f"{self.segment}!", "direct", country="US"))
        host = ProxyHost(self.segment, (), f"{text}.mesh.example:31280", ExitRule(), exits)
        plans = {**PLANS, text: replace(PLANS["20"], name=text)}
        proxies = {**self.live.topology.proxies, self.segment: host}
        self.live.swap(
            replace(self.live.topology, plans=plans, proxies=proxies, exits=(*self.live.topology.exits, *exits))
        )
        self.pools = Pools(self.live.topology, self.pools)

    def _rows(self) -> None:
        """Each text of each row that there is, and rows for the tables that have none."""
        text, file = self.text, self.store.file
        self.sql("pragma foreign_keys = off")
        for statement, *values in (
            ("insert into drained_exits (name, at, by) values (?, ?, ?)", text, NOON, text),
            (
                "insert into exit_health (node, exit, until, failures, reason, at) values (?, ?, ?, 3, ?, ?)",
                text, text, NOON + 999, text, NOON,
            ),
            ("insert into withheld (account_id, kind, name, cause, at, by) values (?, 'ip', ?, 'operator', ?, ?)",
             self.jo.id, text, NOON, text),
            ("insert into hostname_addresses (account_id, hostname, address, since, left_at) values (?, ?, ?, ?, 0)",
             self.jo.id, text, "9.9.9.1", NOON),
            ("insert into audit (at, actor, action, account_id, detail, username, changed) values (?,?,?,?,?,?,?)",
             NOON, text, text, self.jo.id, text, "jo", '{"notes": ["x", "y"]}'),
        ):  # fmt: skip
            self.sql(statement, *values)
        members = ("name", "nice_name", "problem", "forward_host", "domain_names[0]", "meta.x")
        given = ", ".join(f"'$.{name}', ?" for name in members)
        self.sql(f"update published set settings = json_set(settings, {given})", *[text] * len(members))
        for table in ("usage_domains", "traffic_hours", "traffic_days"):
            self._counted(table)
        for table, column in self.columns():
            self._dress(table, column)
        for name in ("jo", "sub", "eve"):
            account = self.accounts_by[name].id
            self.sql(
                "insert into proxy_authorizations (account_id, proxy, created_at, token_id) values (?, ?, ?, 0)",
                account,
                self.segment,
                NOON,
            )
            self.sql("update accounts set plan = ? where id = ?", text, account)
        file.run(
            opened.write,
            text,
            NOON,
            1,
            [self._open(0, self.jo)._replace(host=text, exit=text, client=text, method=text, proxy=text)],
        )

    def _counted(self, table: str) -> None:
        at = NOON // 3600 if table.endswith("hours") else NOON // 86400
        columns = [row[1] for row in self.sql(f"pragma table_info({table})")]
        given = {"account_id": self.jo.id, "kind": "domain", "hour": at, "day": at, "name": self.text}
        for kind in ("domain", "exit", "proxy", "country", "reason"):
            row = [{**given, "kind": kind}.get(name, 1) for name in columns]
            self.sql(f"insert or replace into {table} values ({','.join('?' * len(row))})", *row)

    def columns(self) -> Iterator[tuple[str, str]]:
        for (table,) in self.sql("select name from sqlite_master where type = 'table'"):
            for row in self.sql(f"pragma table_info({table})"):
                if row[2] == "TEXT" and not STRUCTURAL.search(row[1]) and (table, row[1]) not in KEPT:
                    yield table, row[1]

    def _dress(self, table: str, column: str) -> None:
        """Where a text has to be the only one, numbered."""
        try:
            self.sql(f"update {table} set {column} = ?", self.text)
        except Exception:
            self.sql(f"update {table} set {column} = ? || rowid", self.text)


def parts(stage: Dressed, route: Route) -> list[dict[str, str]]:
    """The variables of a path by which the page is of something that is dressed."""
    if "proxy_status" in route.path:
        return [{"name": quote(stage.segment, safe="")}]
    return [{"exit": quote(f"{stage.segment}!", safe="")}] if "exit" in route.variables else [{}]


class MarkupCase(SynchronousTestCase):
    def setUp(self) -> None:
        self._read: dict[bytes, Read] = {}
        """By a page's bytes: two thirds of all pages are one that was read before."""

    def pages(self, stage: Stage) -> Iterator[tuple[str, Route]]:
        for route in stage.routes:
            if route.method == "GET" and (route.room in ("pages", "visitors") or route.path.startswith("/api/docs")):
                for who in ("admin", "vi", "jo", "sub"):
                    yield who, route

    def open(self, stage: Stage, who: str, route: Route, form: Mapping[str, str], **parts: str) -> Answer:
        target = route.filled(
            {"name": "sub", "username": "jo", "exit": "us-0", "kind": "proxy-hosts", "id": "1", **parts}
        )
        query = f"?{urlencode(form)}" if form else ""
        return Asked("GET", f"{target}{query}", {}, (), tuple(stage.browser(who).cookies.items())).send(stage)

    def read(self, answer: Answer) -> Read:
        read = self._read.get(answer.body)
        if read is None:
            read = self._read[answer.body] = Read(answer.body.decode())
        self.assertEqual(read.wrong, [])
        return read


class StoredTests(MarkupCase):
    """Labels, people's names, notes, browsers, targets, exits, plans, proxies, reasons, audits, payments."""

    def test_every_page_as_everybody(self) -> None:
        """Has the elements that it has with harmless texts."""
        plain = Dressed(os.path.join(self.mktemp()), PLAIN)
        known = {
            (who, str(route)): self.shape(self.open(plain, who, route, {}, **part))
            for who, route in self.pages(plain)
            for part in parts(plain, route)
        }
        for text in STORED:
            stage = Dressed(os.path.join(self.mktemp()), text)
            for who, route in self.pages(stage):
                for part in parts(stage, route):
                    with named((text, who, str(route))):
                        answer = self.open(stage, who, route, {}, **part)
                        self.assertEqual(self.shape(answer), known[who, str(route)])

    def shape(self, answer: Answer) -> object:
        if not answer.all("Content-Type") or not answer.one("Content-Type").startswith("text/html"):
            return answer.status
        return answer.status, self.read(answer).shape

    def test_they_are_shown(self) -> None:
        """So many of them that a page which lost its escaping would be found."""
        stage = Dressed(os.path.join(self.mktemp()), HOSTILE[0])
        shown = set()
        for who, route in self.pages(stage):
            for part in parts(stage, route):
                answer = self.open(stage, who, route, {}, **part)
                texts = "".join(Read(answer.body.decode("utf-8", "replace")).texts)
                if stage.text in texts or stage.segment in texts:
                    shown.add(route.path)
        for path in (
            "/account/activity/", "/account/dashboard/", "/account/edit_hostnames/", "/account/edit_ips/",
            "/account/edit_proxies/", "/account/edit_tokens/", "/account/sessions/", "/account/settings/",
            "/account/proxy_status/{name}/",
        ):  # fmt: skip
            with named(path):
                self.assertIn(path, shown)


class ReflectedTests(MarkupCase):
    """What somebody is made to send, in each field of each form and of each address, and in the address itself."""

    def setUp(self) -> None:
        super().setUp()
        self.stage = Stage(os.path.join(self.mktemp()))
        self.stage.live.limits = replace(self.stage.live.limits, failures=1000)
        self.known: set[tuple[str, tuple[str, ...]]] = set()
        for who, route in self.pages(self.stage):
            self.known |= set(self.read(self.open(self.stage, who, route, {}, name="sub")).shape)

    def check(self, answer: Answer) -> None:
        self.assertLess(answer.status, 500)
        if answer.all("Content-Type") == ["text/html; charset=utf-8"]:
            new = {each for each in set(self.read(answer).shape) if not self.is_known(each)}
            self.assertEqual(new, set())

    def is_known(self, each: tuple[str, tuple[str, ...]]) -> bool:
        """A problem of a form adds a paragraph and says in the field that it is wrong."""
        tag, names = each
        return each in self.known or any(tag == one and set(names) - ABOUT <= set(had) for one, had in self.known)

    def test_gets(self) -> None:
        for route in self.stage.routes:
            if route.method == "GET" and (route.room in ("pages", "visitors") or route.path.startswith("/api/docs")):
                for text in HOSTILE:
                    with named((text, str(route))):
                        who = "admin" if route.path.startswith("/operator") else "jo"
                        for name in route.fields:
                            self.check(self.open(self.stage, who, route, {name: text}))
                        self.check(self.open(self.stage, who, route, dict.fromkeys(route.fields, text)))
                        self.check(self.open(self.stage, who, route, {text: text}))
                        escaped = quote(text, safe="")
                        self.check(self.open(self.stage, who, route, {}, **dict.fromkeys(route.variables, escaped)))

    def test_posts(self) -> None:
        for route in self.stage.routes:
            if route.method == "POST" and route.room == "pages" and route.path != "/sign-out/":
                who = "admin" if route.path.startswith("/operator") else "jo"
                for text in HOSTILE:
                    for name in route.fields:
                        with named((text, str(route), name)):
                            if route.path.startswith(OWN_SIGN_IN):
                                self.stage.forget(who)
                            self._post(route, who, {**VALUES, name: text})

    def _post(self, route: Route, who: str, values: dict[str, str]) -> None:
        browser = self.stage.browser(who)
        form = {name: values.get(name, "1") for name in route.fields}
        jar = tuple(browser.cookies.items())
        target = route.filled(OF_PATHS)
        answer = Asked("POST", target, {**form, "csrf": token_of(browser)}, (), jar).send(self.stage)
        self.check(answer)
        if answer.status == 303:  # what is said next is said with what was sent
            jar += tuple(
                (line.partition("=")[0], line.partition("=")[2].partition(";")[0]) for line in answer.all("Set-Cookie")
            )
            self.check(Asked("GET", answer.one("Location"), {}, (), jar[::-1]).send(self.stage))

    def test_addresses(self) -> None:
        """Of no page: what is answered holds nothing of them."""
        for text in HOSTILE:
            for path in (
                quote(text, safe=""),
                f"account/{quote(text)}",
                f"sign-in/{quote(text)}",
                f"operator/{quote(text)}",
            ):
                with named(path):
                    answer = Asked("GET", f"/{path}", {}).send(self.stage)
                    self.check(answer)
                    self.assertNotIn(b"alert", answer.body)
