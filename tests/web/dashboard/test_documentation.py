"""The documentation of the two APIs as people read it."""

from __future__ import annotations

import re
from html import unescape

from meshd.web.admin.answers import KINDS, problem
from meshd.web.admin.explained import ADVICE
from meshd.web.dashboard.documentation import prose
from meshd.web.openapi import document
from meshd.web.reference import reference
from tests.web.dashboard.support import Page, PagesTestCase
from tests.web.support import named

ACCOUNT, OPERATORS = "/api/docs/", "/api/docs/admin/"
BOOKS = {ACCOUNT: "meshd.web.api", OPERATORS: "meshd.web.admin"}
MOST_BYTES = 80_000
"""Of a page, so that it stays under 100 kB with the style sheet and the script."""


class DocumentationTests(PagesTestCase):
    def read(self, path: str) -> Page:
        return self.browser.ask("GET", path)

    def pages(self) -> list[str]:
        sections = {path: reference(document(package)).sections for path, package in BOOKS.items()}
        return [*BOOKS, *(f"{path}{each.name}/" for path, found in sections.items() for each in found)]

    def test_for_everyone(self) -> None:
        """Without a sign-in, also while the store is away; short, kept for minutes, from this host alone."""
        self.world.store.away = ConnectionError()
        for path in self.pages():
            with named(path):
                answer = self.read(path).answer
                self.assertEqual((answer.status, answer.all("Set-Cookie")), (200, []))
                self.assertEqual(answer.all("Cache-Control"), ["public, max-age=300"])
                self.assertLess(len(answer.body), MOST_BYTES)
                loaded = re.findall(rb'(?:src|href|action)="([^"]*)"', answer.body)
                self.assertEqual([each for each in loaded if not each.startswith((b"/", b"#"))], [])
                self.assertNotIn(b"style=", answer.body)
                self.assertEqual(self.world.ask("HEAD", path, who=None).status, 200)

    def test_every_operation(self) -> None:
        """With its path, its example and what it takes and tells; found from the index."""
        for path, package in BOOKS.items():
            index = self.read(path)
            for section in reference(document(package)).sections:
                page = self.read(f"{path}{section.name}/")
                for each in section.operations:
                    with named(each.id):
                        self.assertEqual(index.links[each.summary], f"{path}{section.name}/#{each.id}")
                        self.assertIn(f'id="{each.id}"', page.html)
                        self.assertIn(f"{each.method} {each.path}", page.html)
                        self.assertIn(each.example, page.html)
                        for member in (*each.parameters, *each.body, *(m for a in each.answers for m in a.members)):
                            self.assertIn(f"<code>{member.name}</code>", page.html)

    def test_no_link_leads_nowhere(self) -> None:
        """Neither to a page nor to a place in one."""
        bodies = {path: self.read(path).answer.body.decode() for path in self.pages()}
        for path, body in bodies.items():
            for href in map(unescape, re.findall(r'<a [^>]*href="([^"]*)"', body)):
                page, _, place = href.partition("#")
                with named((path, href)):
                    target = bodies.get(page or path)
                    self.assertTrue(target is None or not place or f'id="{place}"' in target)
                    if target is None:
                        self.assertIn(self.read(page).status, (200, 303))

    def test_problems(self) -> None:
        """Each type of a problem is an address of this page, with what to do."""
        self.assertEqual(list(ADVICE), list(KINDS))
        html = self.read(OPERATORS).html
        for kind, each in KINDS.items():
            with named(kind):
                body = problem(kind).body
                assert isinstance(body, dict)
                page, _, place = str(body["type"]).partition("#")
                self.assertEqual(page, OPERATORS)
                found = html.partition(f'<div id="{place}">')[2].partition("</div>")[0]
                for text in (kind, str(each.status), each.title):
                    self.assertIn(text, found)
                self.assertIn(str(prose(ADVICE[kind])), self.read(OPERATORS).answer.body.decode())

    def test_the_conventions(self) -> None:
        text = self.read(OPERATORS).text
        for title in ("Idempotency keys", "Cursors", "ETag and If-Match", "Problems"):
            self.assertIn(title, text)

    def test_the_host(self) -> None:
        """Is the daemon's own in every example, also after it has changed; HOST where it is not known."""
        self.assertIn("https://HOST/api/tokens/", self.read(f"{ACCOUNT}tokens/").html)
        for host in ("mesh.example:8443", "api.example"):
            object.__setattr__(self.world.services, "settings", lambda host=host: [("api.domain", host, "x")])
            for path in self.pages():
                html = self.read(path).html
                self.assertNotIn("https://HOST", html)
            self.assertIn(f"https://{host}/api/admin/openapi.json", self.read(f"{OPERATORS}service/").html)

    def test_prose(self) -> None:
        """Code where backticks say so; everything else is text."""
        self.assertEqual(str(prose("a `b<c>` & `d`, `")), "a <code>b&lt;c&gt;</code> &amp; <code>d</code>, `")

    def test_where_it_is_linked(self) -> None:
        """For those who are signed in; that of operators for operators."""
        self.world.account("ada", plan="20", role="admin")
        self.browser.sign_in("jo")
        for path in ("/account/settings/", "/account/dashboard/"):
            links = set(self.browser.open(path).links.values())
            self.assertEqual(links & set(BOOKS), {ACCOUNT})
            self.assertEqual(set(self.signed_in("ada").open(path).links.values()) & set(BOOKS), set(BOOKS))
