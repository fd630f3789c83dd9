"""The API's routes over TLS, asked by curl and by requests, and what they change at the proxy."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.secrets import looks_like_token
from tests.live.raw import Raw, bearer
from tests.support.daemon import LiveDaemon, clean_environment, until
from tests.support.origin import RecordingOrigin
from tests.web.api.sentences import says

daemon: LiveDaemon
origin: RecordingOrigin
echo: RecordingOrigin


def setUpModule() -> None:
    global daemon, origin, echo  # noqa: PLW0603
    daemon = LiveDaemon()
    origin = RecordingOrigin()
    echo = RecordingOrigin(raw="echo")


def tearDownModule() -> None:
    for each in (origin, echo, daemon):
        each.close()


@dataclass
class Answer:
    status: int
    fields: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Question:
    method: str
    path: str
    basic: tuple[str, str] | None = None
    token: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


def by_curl(asked: Question) -> Answer:
    words = ["curl", "-sSi", "--cacert", str(daemon.certificate), "-X", asked.method, "--max-time", "20"]
    if asked.basic:
        words += ["-u", ":".join(asked.basic)]
    if asked.token:
        words += ["-H", f"Authorization: Bearer {asked.token}"]
    for name, value in asked.form.items():
        words += ["--data-urlencode" if asked.method == "POST" else "--url-query", f"{name}={value}"]
    done = subprocess.run([*words, daemon.api + asked.path], capture_output=True, env=clean_environment(), check=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields: dict[str, str] = {}
    for name, value in (line.split(": ", 1) for line in lines[1:]):
        fields[name.lower()] = ", ".join(filter(None, [fields.get(name.lower()), value]))
    return Answer(int(lines[0].split(" ")[1]), fields, body)


def by_requests(asked: Question) -> Answer:
    with requests.Session() as session:
        session.trust_env = False
        found = session.request(
            asked.method,
            daemon.api + asked.path,
            auth=asked.basic,
            headers={"Authorization": f"Bearer {asked.token}"} if asked.token else {},
            params=asked.form if asked.method == "GET" else None,
            data=asked.form if asked.method == "POST" else None,
            verify=str(daemon.certificate),
            allow_redirects=False,
            timeout=60,
        )
    return Answer(found.status_code, {name.lower(): value for name, value in found.headers.items()}, found.content)


class RoutesOverTLS:
    """Each route, by a client that trusts nothing but the daemon's own certificate."""

    ask: Callable[[Question], Answer]
    name: str

    def setUp(self) -> None:
        self.owner = self.name, _password(self.name)
        _password(f"{self.name}.sub", parent=self.name)

    def get(self, path: str, **form: str) -> Answer:
        return type(self).ask(Question("GET", path, self.owner, form=form))

    def post(self, path: str, **form: str) -> Answer:
        return type(self).ask(Question("POST", path, self.owner, form=form))

    def test_proxies_are_listed_as_they_can_be_dialled(self) -> None:
        """With a password and with a bearer token, with and without the last slash."""
        token = daemon.token(self.name)
        for path in ("/api/proxies/", "/api/proxies"):
            self.assertEqual(self.get(path).json, {"proxies": [daemon.proxy]})
            answer = type(self).ask(Question("GET", path, token=token))
            self.assertEqual((answer.status, answer.json), (200, {"proxies": [daemon.proxy]}))

    def test_a_token_is_made_listed_switched_and_deleted(self) -> None:
        """The five token routes, one after the other; the secret is in the first answer and in no other."""
        made = self.post("/api/token/create/", label="production", expires_at="2999-12-31")
        self.assertEqual(made.status, 200)
        secret = made.json["token"]
        self.assertTrue(looks_like_token(secret))
        shown = {key: value for key, value in made.json.items() if key != "token"}
        self.assertEqual(
            {key: shown[key] for key in ("label", "is_active", "expires_at")},
            {"label": "production", "is_active": True, "expires_at": "2999-12-31"},
        )
        self.assertIn(shown, self.get("/api/tokens/").json["tokens"])
        number = str(shown["id"])
        off = self.post("/api/token/deactivate/", id=number)
        self.assertEqual((off.status, off.json), (200, {**shown, "is_active": False}))
        on = self.post("/api/token/activate/", id=number)
        self.assertEqual((on.status, on.json), (200, shown))
        gone = self.post("/api/token/delete/", id=number)
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.assertEqual(self.post("/api/token/activate/", id=number).status, 404)
        self.assertNotIn(secret.encode(), self.get("/api/tokens/").body)

    def test_a_parent_makes_and_lists_its_sub_accounts_tokens(self) -> None:
        """By the username in the form and in the query."""
        made = self.post("/api/token/create/", username=f"{self.name}.sub")
        listed = self.get("/api/tokens/", username=f"{self.name}.sub").json["tokens"]
        self.assertIn(made.json["id"], [each["id"] for each in listed])
        self.assertNotIn(made.json["id"], [each["id"] for each in self.get("/api/tokens/").json["tokens"]])

    def test_a_bearer_token_manages_no_tokens(self) -> None:
        """401 on each of the five, whatever the token is good for otherwise."""
        token = daemon.token(self.name)
        for method, path in (
            ("GET", "/api/tokens/"),
            ("POST", "/api/token/create/"),
            ("POST", "/api/token/activate/"),
            ("POST", "/api/token/deactivate/"),
            ("POST", "/api/token/delete/"),
        ):
            self.assertEqual(type(self).ask(Question(method, path, token=token, form={"id": "1"})).status, 401, path)

    def test_a_sub_accounts_details_are_its_parents_only(self) -> None:
        """Another's and nobody's look alike."""
        answer = self.get("/api/sub/get/", username=f"{self.name}.sub")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.json,
            {
                "username": f"{self.name}.sub",
                "active": True,
                "monthly_bandwidth": 0.0,
                "monthly_bandwidth_limit": 0,
                "total_bandwidth": 0.0,
                "total_bandwidth_limit": 0,
            },
        )
        _password("stranger")
        _password("stranger.sub", parent="stranger")
        foreign, nobody = (self.get("/api/sub/get/", username=name) for name in ("stranger.sub", "nobody.at.all"))
        self.assertEqual((foreign.status, nobody.status), (403, 403))
        self.assertEqual(foreign.body, nobody.body)

    def test_nobody_gets_in_without_a_credential(self) -> None:
        """401 with both challenges."""
        answer = type(self).ask(Question("GET", "/api/proxies/"))
        self.assertEqual(answer.status, 401)
        self.assertRegex(answer.fields["www-authenticate"], "Basic .*Bearer ")

    def test_health_is_told_to_anybody(self) -> None:
        """Alive, and ready: the store answers and the listeners are open."""
        for path in ("/healthz", "/readyz"):
            answer = type(self).ask(Question("GET", path))
            self.assertEqual((answer.status, answer.json), (200, {"status": "ok"}))


class CurlTests(RoutesOverTLS, SynchronousTestCase):
    ask = by_curl
    name = "curl"


class RequestsTests(RoutesOverTLS, SynchronousTestCase):
    ask = by_requests
    name = "requests"


class AtTheProxyTests(SynchronousTestCase):
    """What a change of the API does to what passes."""

    def setUp(self) -> None:
        self.password = _password("anna")

    def post(self, path: str, **form: str) -> Answer:
        answer = by_requests(Question("POST", path, ("anna", self.password), form=form))
        self.assertIn(answer.status, (200, 204), answer.body)
        return answer

    def test_a_new_token_passes_within_a_second(self) -> None:
        """The first request with it, right after the API's answer."""
        token = self.post("/api/token/create/").json["token"]
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), bearer(token)), 200)

    @says(
        "Limitations",
        "Proxy cache delay: After you deactivate a token, proxy servers may accept it for up to about five minutes "
        "before rejecting it.",
    )
    def test_a_deactivated_token_stops_and_passes_again_when_activated(self) -> None:
        """On a new connection, on one that was kept, and in a tunnel; another token's tunnel runs on."""
        made, other = (self.post("/api/token/create/").json for _ in range(2))
        kept, tunnel, others = (Raw(self, daemon.proxy_port) for _ in range(3))
        self.assertEqual(kept.get(origin.url(), bearer(made["token"])), 200)
        self.assertEqual(tunnel.tunnel(echo.authority, bearer(made["token"])), 200)
        self.assertEqual(others.tunnel(echo.authority, bearer(other["token"])), 200)
        self.assertTrue(tunnel.echoes())

        self.post("/api/token/deactivate/", id=str(made["id"]))
        self.assertTrue(tunnel.ends(), "the tunnel runs on")
        self.assertEqual(kept.get(origin.url(), bearer(made["token"])), 407)
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), bearer(made["token"])), 407)
        self.assertTrue(others.echoes())

        self.post("/api/token/activate/", id=str(made["id"]))
        passed = until(lambda: self.passes(made["token"]), "the token passes again")
        self.assertTrue(passed)

    def test_a_deleted_token_stops(self) -> None:
        """And its tunnel with it."""
        made = self.post("/api/token/create/").json
        tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(echo.authority, bearer(made["token"])), 200)
        self.post("/api/token/delete/", id=str(made["id"]))
        self.assertTrue(tunnel.ends(), "the tunnel runs on")
        self.assertFalse(self.passes(made["token"]))

    def test_what_the_command_line_switches_holds(self) -> None:
        """The same by `meshd token deactivate` and `activate`, which tell the daemon through the store alone."""
        made = daemon.new_token("anna")
        tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(echo.authority, bearer(made["token"])), 200)
        daemon.cli("token", "deactivate", "anna", str(made["id"]))
        self.assertTrue(tunnel.ends(), "the tunnel runs on")
        self.assertFalse(self.passes(made["token"]))
        daemon.cli("token", "activate", "anna", str(made["id"]))
        until(lambda: self.passes(made["token"]), "the token passes again")

    def passes(self, token: str) -> bool:
        status = Raw(self, daemon.proxy_port).get(origin.url(), bearer(token))
        self.assertIn(status, (200, 407))
        return status == 200

    def test_the_usage_of_a_sub_account_is_told_to_its_parent(self) -> None:
        """What went through the proxy stands in the details, in GB, to the byte."""
        _password("anna.sub", parent="anna")
        token = daemon.token("anna.sub")
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url("/bytes/250000"), bearer(token)), 200)
        until(lambda: daemon.total("anna.sub") >= 250_000, "the bytes are in the store")
        asked = Question("GET", "/api/sub/get/", ("anna", self.password), form={"username": "anna.sub"})
        details = by_requests(asked).json
        self.assertEqual(round(details["total_bandwidth"] * 10**9), daemon.total("anna.sub"))
        self.assertEqual(details["monthly_bandwidth"], details["total_bandwidth"])


class PlainTests(SynchronousTestCase):
    def test_plain_http_on_the_same_port_is_sent_to_https(self) -> None:
        """302, without a look at the credentials."""
        with socket.create_connection(("127.0.0.1", daemon.api_port), 60) as plain:
            plain.sendall(b"GET /api/proxies/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % daemon.api_port)
            answer = plain.recv(65536)
        self.assertTrue(answer.startswith(b"HTTP/1.1 302 "), answer)
        self.assertIn(b"https://127.0.0.1:%d/api/proxies/" % daemon.api_port, answer)


_passwords: dict[str, str] = {}


def _password(name: str, **options: str) -> str:
    """Of an account that is made when it is first asked for."""
    if name not in _passwords:
        _passwords[name] = daemon.account(name, **options)
    return _passwords[name]
