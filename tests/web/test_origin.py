from __future__ import annotations

import os
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.topology import V1
from meshd.web.origin import Source, is_foreign
from tests.web.support import Answer, Line, World, basic, named, read_answer, request

OURS, THEIRS = False, True

SITES: dict[bytes | None, bool] = {
    None: OURS,
    b"same-origin": OURS,
    b"none": OURS,
    b"same-site": THEIRS,
    b"cross-site": THEIRS,
    b"": THEIRS,
    b"Same-Origin": THEIRS,
    b"something new": THEIRS,
}
"""What `Sec-Fetch-Site` may say."""

ORIGINS: list[tuple[bytes, bytes | None, bool]] = [
    (b"https://mesh.example:8443", b"mesh.example:8443", OURS),
    (b"https://MESH.example:8443", b"mesh.Example:8443", OURS),
    (b"https://mesh.example", b"mesh.example", OURS),
    (b"https://mesh.example", b"mesh.example:443", OURS),
    (b"https://mesh.example:443", b"mesh.example", OURS),
    (b"https://mesh.example", b"mesh.example:", OURS),
    (b"https://127.0.0.1:8443", b"127.0.0.1:8443", OURS),
    (b"https://[::1]:8443", b"[::1]:8443", OURS),
    (b"https://[2001:DB8::1]", b"[2001:db8::1]:443", OURS),
    (b"https://evil.example:8443", b"mesh.example:8443", THEIRS),
    (b"https://mesh.example:8444", b"mesh.example:8443", THEIRS),
    (b"https://mesh.example", b"mesh.example:8443", THEIRS),
    (b"https://mesh.example:8443", b"mesh.example", THEIRS),
    (b"https://mesh.example.evil.example:8443", b"mesh.example:8443", THEIRS),
    (b"https://evil-mesh.example:8443", b"mesh.example:8443", THEIRS),
    (b"https://mesh.example:8443@evil.example", b"mesh.example:8443", THEIRS),
    (b"https://mesh.example:8443/", b"mesh.example:8443", THEIRS),
    (b"https://[::1]:8443", b"[::2]:8443", THEIRS),
    (b"https://[::1]", b"[::1]:8443", THEIRS),
    (b"null", b"mesh.example:8443", THEIRS),
    (b"null", b"null", THEIRS),
    (b"", b"mesh.example:8443", THEIRS),
    (b"mesh.example:8443", b"mesh.example:8443", THEIRS),
    (b"chrome-extension://mesh.example:8443", b"mesh.example:8443", THEIRS),
    (b"https://mesh.example:8443 https://mesh.example:8443", b"mesh.example:8443", THEIRS),
    (b"https://mesh.example:8443", None, THEIRS),
    (b"https://mesh.example:8443", b"", THEIRS),
]
"""`Origin`, `Host`, and which it is where there is no `Sec-Fetch-Site`."""

FOREIGN_FIELDS = [
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "same-site")],
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")],
    [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://localhost:8443")],
    [("Origin", "https://evil.example")],
    [("Origin", "https://localhost:8444")],
    [("Origin", "null")],
]

OWN_FIELDS = [
    [],
    [("Sec-Fetch-Site", "same-origin"), ("Origin", "https://localhost:8443")],
    [("Sec-Fetch-Site", "none")],
    [("Origin", "https://localhost:8443")],
    [("Sec-Fetch-Site", "same-origin"), ("Origin", "null")],  # a page without a referrer
]


class SourceTests(SynchronousTestCase):
    def test_the_browser_says_whose_page_it_was(self) -> None:
        """Fetch metadata first; a value that nobody knows yet is nobody's to trust."""
        for site, foreign in SITES.items():
            for origin in (None, b"null", b"https://a.example"):
                with named((site, origin)):
                    source = Source(site, origin, b"a.example")
                    expected = foreign if site is not None else origin == b"null"
                    self.assertIs(is_foreign(source, reads=False), expected)

    def test_without_fetch_metadata_the_origin_must_be_the_host(self) -> None:
        """Older browsers: host and port, the scheme's own port where none is named."""
        for origin, host, foreign in ORIGINS:
            with named((origin, host)):
                self.assertIs(is_foreign(Source(None, origin, host), reads=False), foreign)
                self.assertIs(is_foreign(Source(None, origin, host, tls=True), reads=False), foreign)

    def test_a_page_without_tls_is_no_page_of_an_api_that_has_it(self) -> None:
        """Whoever sits on the line can write one.  Where a balancer takes the TLS off, the origin still says https."""
        origin, host = b"http://mesh.example:8443", b"mesh.example:8443"
        self.assertTrue(is_foreign(Source(None, origin, host, tls=True), reads=False))
        self.assertFalse(is_foreign(Source(None, origin, host), reads=False))

    def test_a_link_may_be_followed_to_what_changes_nothing(self) -> None:
        """From any page, in a page of its own."""
        link = Source(b"cross-site", None, b"a", followed=True)
        self.assertFalse(is_foreign(link, reads=True))
        self.assertTrue(is_foreign(link, reads=False))


class EveryRouteTests(SynchronousTestCase):
    """Held against whatever is mounted: a new route is in these tests from its first day."""

    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))
        self.world.set_topology(v1=V1())
        self.mounted = sorted(self.world.site.api.mounted)

    def ask(self, method: str, path: str, fields: list[tuple[str, str]], **options: Any) -> Answer:
        return self.world.ask(method, re.sub(r"{\w+}", "us", path), *fields, **options)

    def test_another_sites_page_changes_nothing(self) -> None:
        """With and without the slash, in each form that a page can send, before anybody is signed in."""
        posts = [path for method, path in self.mounted if method == "POST"]
        self.assertGreater(len(posts), 10)
        for path in posts:
            for fields in FOREIGN_FIELDS:
                for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
                    for spelling in (path, path.rstrip("/")):
                        with named((spelling, fields, kind)):
                            answer = self.ask("POST", spelling, [*fields, ("Content-Type", kind)], body=b"ip=9.9.9.9")
                            self.assertEqual(answer.status, 403)
                            self.assertIn(b"nother site", answer.body)
        self.assertEqual(self.world.door.asked, [])

    def test_another_sites_page_reads_nothing(self) -> None:
        """No answer, no question that keeps the account's own waiting, no failure that ends in a ban."""
        gets = [path for method, path in self.mounted if method == "GET" and path.startswith("/api/")]
        closed = {path for path in gets if not path.startswith("/api/docs/")}
        for path in closed - {"/api/openapi.json", "/api/admin/openapi.json"}:
            for method in ("GET", "HEAD"):
                with named((method, path)):
                    answer = self.ask(method, path, [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")])
                    self.assertEqual(answer.status, 403)
        self.assertEqual(self.world.door.asked, [])

    def test_a_link_is_followed(self) -> None:
        """A customer clicks on one in a mail."""
        link = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
        self.assertEqual(self.ask("GET", "/api/ips/", link).seen, (200, {"ips": []}))
        frame = [*link[:2], ("Sec-Fetch-Dest", "iframe")]
        self.assertEqual(self.ask("GET", "/api/ips/", frame).status, 403)

    def test_wrong_credentials_from_another_sites_page_ban_nobody(self) -> None:
        """An address of the API can carry a name and a password, and a page can send a browser there."""
        for number in range(10):
            wrong = basic("jo", f"wrong {number}")
            self.assertEqual(self.ask("POST", "/api/ip/add/", FOREIGN_FIELDS[0], who=wrong).status, 403)
        self.assertEqual(self.world.get("/api/ips/").status, 200)

    def test_who_says_nothing_or_is_at_home_goes_on_working(self) -> None:
        """Programs, and pages of the API's own origin."""
        for number, fields in enumerate(OWN_FIELDS):
            with named(fields):
                answer = self.ask("POST", "/api/ip/add/", fields, form={"ip": f"9.9.9.{number}"})
                self.assertEqual(answer.status, 200)

    def test_a_preflight_is_told_nothing(self) -> None:
        """Without it no page can send an Authorization of its own, or another method."""
        asked = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")]
        for method, path in self.mounted:
            with named((method, path)):
                answer = self.ask("OPTIONS", path, asked, who=None)
                self.assertEqual(answer.status, 405)
                self.assertEqual([name for name, _ in answer.fields if name.lower().startswith("access-control")], [])

    def test_what_is_said_twice_is_refused(self) -> None:
        """Nobody has to choose which of the two counts."""
        for name, value in (("Origin", "https://localhost:8443"), ("Sec-Fetch-Site", "same-origin")):
            line = Line(self.world.site)
            line.say(request("POST", "/api/ip/add/", (name, value), (name, value), ("Authorization", basic("jo", "s"))))
            self.assertEqual(read_answer(line.heard()).seen, (400, {"__all__": ["repeated header field"]}))
