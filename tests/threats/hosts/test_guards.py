"""Lists, logins and rates that guard a published host, and the ways that might lead past them."""

from __future__ import annotations

from base64 import b64encode

from meshd.auth.passwords import hash_now
from tests.support.origin import RecordingOrigin
from tests.threats.hosts.support import NAME, HostileCase, Visit, get, own

GUARDED = "guarded.example"
CLOSED = "closed.example"
HELD = "held.example"
PARTED = "parted.example"

PATHS = (
    "/",
    "/%67uarded",
    "/.well-known/acme-challenge/x",
    "/.well-known/acme-challenge/../../echo",
    "/.well-known/acme-challenge/..%2f..%2fecho",
    "//echo",
    "/./echo",
    "/x/../echo",
    "/%2e%2e/echo",
    "/echo;x=y",
    "/echo?x=/.well-known/acme-challenge/x",
)


def basic(name: str, password: str) -> bytes:
    return b"Authorization: Basic %b\r\n" % b64encode(f"{name}:{password}".encode())


class GuardCase(HostileCase):
    @classmethod
    def publish_more(cls) -> None:
        world = cls.world
        hashes = {"items": {"ann": hash_now("correct horse")}}
        office = world.publish("access-lists", hashes, name="office", items=[{"username": "ann"}])
        near = [{"directive": "allow", "address": "127.0.0.7"}]
        closed = world.publish("access-lists", name="near", clients=near)
        cls.publish(GUARDED, access_list_id=office.id)
        cls.publish(CLOSED, access_list_id=closed.id)
        cls.publish(HELD, rate_limit={"enabled": True, "requests": 3, "window": 3600})


class ListTest(GuardCase):
    def test_threat_no_path_leads_past_a_list(self) -> None:
        for path in PATHS:
            for method in ("GET", "HEAD", "POST", "OPTIONS", "FR-OB"):
                for host, status in ((GUARDED, 401), (CLOSED, 403)):
                    answer = self.ask(get(path, host=host, method=method))
                    self.assertEqual((answer.status, own(answer)), (status, True), (path, method))
        self.nothing_arrived()

    def test_threat_no_spelling_of_the_name_leads_past_a_list(self) -> None:
        for host in (GUARDED.upper(), f"{GUARDED}.", f"{GUARDED}:81", f"{GUARDED}.:80"):
            for target in ("/echo", f"http://{host}/echo"):
                self.assertEqual(self.ask(get(target, host=host)).status, 401, host)
                closed = host.lower().replace(GUARDED, CLOSED)
                self.assertEqual(self.ask(get(target.lower().replace(GUARDED, CLOSED), host=closed)).status, 403, host)
        self.nothing_arrived()

    def test_threat_no_field_leads_past_a_list(self) -> None:
        lines = b"X-Forwarded-For: 127.0.0.7\r\nX-Real-IP: 127.0.0.7\r\nForwarded: for=127.0.0.7\r\n"
        lines += b"X-Forwarded-Host: hostile.example\r\nX-Original-URL: /\r\nX-Authenticated-User: ann\r\n"
        self.assertEqual(self.ask(get("/echo", lines, host=CLOSED)).status, 403)
        self.assertEqual(self.ask(get("/echo", lines, host=GUARDED)).status, 401)
        self.nothing_arrived()
        self.assertEqual(self.ask(get(host=CLOSED), source="127.0.0.7").status, 200)

    def test_threat_no_request_before_leads_past_a_list(self) -> None:
        """Neither one of an open host on the same connection, nor one that has signed in."""
        login = basic("ann", "correct horse")
        with Visit(self.world) as visit:
            self.assertEqual(visit.ask(get("/open")).status, 200)
            self.assertEqual(visit.ask(get("/shut", host=CLOSED)).status, 403)
            self.assertEqual(visit.ask(get("/shut", host=GUARDED)).status, 401)
            self.assertEqual(visit.ask(get("/let-in", login, host=GUARDED)).status, 200)
            self.assertEqual(visit.ask(get("/shut", host=GUARDED)).status, 401)
            self.assertEqual(visit.ask(get("/shut", basic("ann", "wrong"), host=GUARDED)).status, 401)
            self.assertEqual(visit.ask(get("/shut", login, login, host=GUARDED)).status, 401)
        self.assertEqual(sorted(request.target for request in self.arrived), ["/let-in", "/open"])

    def test_threat_a_refused_request_hides_none(self) -> None:
        """A refused request with a body ends the connection, and what its body was made of is no request."""
        body = get("/hidden")
        for lines in (b"Content-Length: %d\r\n" % len(body), b"Transfer-Encoding: chunked\r\n"):
            answers = self.played(get("/echo", lines, host=CLOSED, method="POST", body=body))
            self.assertEqual([answer.status for answer in answers], [403])
        self.nothing_arrived()

    def test_threat_the_password_stays_here(self) -> None:
        """What a host's own list has checked is not the origin's to know."""
        self.ask(get("/echo", basic("ann", "correct horse"), host=GUARDED))
        (request,) = self.arrived
        self.assertIsNone(request.field("authorization"))


class RateTest(GuardCase):
    def test_threat_a_rate_is_an_addresses(self) -> None:
        """Neither another X-Forwarded-For, nor another connection, spelling or path has a rate of its own."""
        statuses = []
        for number in range(8):
            lines = b"X-Forwarded-For: 203.0.113.%d\r\nX-Real-IP: 203.0.113.%d\r\n" % (number, number)
            host = (HELD, HELD.upper(), f"{HELD}.")[number % 3]
            statuses.append(self.ask(get(f"/{number}", lines, host=host)).status)
        self.assertEqual(statuses, [200] * 3 + [429] * 5)
        self.assertEqual(len(self.arrived), 3)
        self.assertEqual(self.ask(get(host=HELD), source="127.0.0.88").status, 200)
        self.assertEqual(self.ask(get()).status, 200, "another host has nothing to do with it")

    def test_threat_a_rate_on_one_connection(self) -> None:
        with Visit(self.world, source="127.0.0.89") as visit:
            statuses = [visit.ask(get(host=HELD)).status for _ in range(5)]
            visit.send(get(host=HELD) * 5)
            statuses += [answer.status for _ in range(5) if (answer := visit.answer())]
        self.assertEqual(statuses, [200] * 3 + [429] * 7)


class LocationTest(HostileCase):
    """A location leads to another upstream: which of the two a path is for is read in one way alone."""

    inner: RecordingOrigin

    @classmethod
    def publish_more(cls) -> None:
        cls.inner = RecordingOrigin(cls)
        where = {"forward_scheme": "http", "forward_host": "127.0.0.1", "forward_port": cls.inner.port}
        places = [{"path": "/api", "forward_path": "/inner/", **where}, {"path": "/admin", **where}]
        cls.publish(PARTED, locations=places)

    def went(self, path: str) -> tuple[int, list[str], list[str]]:
        self.origin.forget()
        self.inner.forget()
        status = self.ask(get(path, host=PARTED)).status
        return status, [each.target for each in self.arrived], [each.target for each in self.inner.requests]

    def test_threat_a_path_in_other_words(self) -> None:
        """Escapes and doubled slashes lead where the plain path leads, so that nobody reaches what is behind it."""
        for path, outer, inner in (
            ("/admin", [], ["/admin"]),
            ("/admin/x?y", [], ["/admin/x?y"]),
            ("/%61dmin", [], ["/%61dmin"]),
            ("/%61%64min/x", [], ["/%61%64min/x"]),
            ("//admin", [], ["//admin"]),
            ("/administer", ["/administer"], []),
            ("/x?/admin", ["/x?/admin"], []),
            ("/api", [], ["/inner/"]),
            ("/api/x%2fy?z=%61", [], ["/inner/x%2fy?z=%61"]),
            ("/admin;x=y/z", [], ["/admin;x=y/z"]),
            ("/x%2f..y", ["/x%2f..y"], []),
            ("/api//x", [], ["/inner//x"]),
            ("/api;x/y", [], ["/inner/;x/y"]),
            ("/apis", ["/apis"], []),
        ):
            self.assertEqual(self.went(path), (200, outer, inner), path)

    def test_threat_a_path_that_is_written_anew(self) -> None:
        """Where a location's path is replaced by another one, it is replaced as it was published, or not at all."""
        for path in ("/%61pi/x", "//api/x", "/;x/api/x"):
            self.assertEqual(self.went(path), (400, [], []), path)

    def test_threat_a_path_that_climbs(self) -> None:
        """Segments of dots would lead out of a location behind it: they are refused, escaped ones too."""
        for path in (
            "/api/../secret",
            "/api/%2e%2e/secret",
            "/api/.%2E/secret",
            "/api/..%2fsecret",
            "/api/..%5csecret",
            "/api%2f..%2fsecret",
            "/api/x/../../secret",
            "/api/./x",
            "/x/../admin",
            "/api/..;/secret",
            "/api/..;x=y/secret",
            "/api/..",
            "/api/..?x",
            "/x/%2e%2e/admin",
        ):
            self.assertEqual(self.went(path), (400, [], []), path)
        self.assertEqual(self.went("/api/..x/.y/...?a=/../b"), (200, [], ["/inner/..x/.y/...?a=/../b"]))

    def test_threat_without_locations_a_path_is_the_origins(self) -> None:
        """A host with one upstream passes every path as it was written: there is nothing to climb out of."""
        for path in ("/a/../b", "/%2e%2e/x", "//x", "/a%2fb"):
            self.origin.forget()
            self.assertEqual(self.ask(get(path, host=NAME)).status, 200)
            self.assertEqual([each.target for each in self.arrived], [path])
