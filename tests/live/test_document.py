"""What the two documents say that only a real daemon shows: their examples as they stand, and who passes the proxy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic, bearer
from tests.support.daemon import LiveDaemon, clean_environment, free_port
from tests.support.origin import RecordingOrigin, authority
from tests.web.api.sentences import says

API_CURL = "API Requests with Bearer Tokens"
PROXY = "Proxy Requests with Bearer Tokens"

CREATE = r"""
curl -u username:password -X POST -d "label=production" \
  https://mesh.example/api/token/create/
"""

PROXIES = r"""
curl -H "Authorization: Bearer pm_YOUR_TOKEN" \
  https://mesh.example/api/proxies/
"""

REQUESTS = """
import requests

response = requests.get(
    "https://mesh.example/api/proxies/",
    headers={"Authorization": "Bearer pm_YOUR_TOKEN"},
)
"""

THROUGH = r"""
curl -x "http://us.mesh.example:31280" \
  --proxy-header "Proxy-Authorization: Bearer pm_YOUR_TOKEN" \
  https://example.com/
"""

EXITS = {
    "127.0.0.21": ("open", "US"),
    "127.0.0.22": ("open", "US"),
    "127.0.0.23": ("open", "DE"),
    "127.0.0.24": ("world", "JP"),
    "127.0.0.25": ("world", "DE"),
}
"""By address: the proxy that it serves, and its country."""

daemon: LiveDaemon
origin: RecordingOrigin
secure: RecordingOrigin
echo: RecordingOrigin


def setUpModule() -> None:
    global daemon, origin, secure, echo  # noqa: PLW0603
    daemon = LiveDaemon()
    daemon.account("username", "password")
    daemon.account("sub", "sub's", parent="username")
    origin, secure, echo = RecordingOrigin(), RecordingOrigin(tls=True), RecordingOrigin(raw="echo")


def tearDownModule() -> None:
    for each in (origin, secure, echo, daemon):
        each.close()


def run(words: list[str], trusted: str) -> str:
    """What a command prints that trusts this authority alone."""
    environ = {**clean_environment(), "CURL_CA_BUNDLE": trusted, "REQUESTS_CA_BUNDLE": trusted}
    done = subprocess.run(words, capture_output=True, text=True, env=environ, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def here(example: str, token: str = "") -> str:
    """The example with the places and the token of this world."""
    return (
        example.replace("https://mesh.example", daemon.api)
        .replace("us.mesh.example:31280", daemon.proxy)
        .replace("https://example.com/", secure.url("/echo"))
        .replace("pm_YOUR_TOKEN", token)
    )


def shell(example: str, token: str = "", *, trusted: str = "") -> Any:
    """The JSON that the example prints."""
    return json.loads(run(["sh", "-c", here(example, token)], trusted or str(daemon.certificate)))


class ExampleTests(SynchronousTestCase):
    """Each example, pasted."""

    @says("Manage Tokens via the API", CREATE)
    def test_curl_creates_a_token(self) -> None:
        """The answer has the secret, and it opens the API."""
        made = shell(CREATE)
        self.assertEqual((made["label"], made["is_active"], made["expires_at"]), ("production", True, None))
        self.assertEqual(shell(PROXIES, made["token"]), {"proxies": [daemon.proxy]})

    @says(API_CURL, PROXIES)
    @says(
        "Bearer Token Authentication",
        "Bearer tokens are an optional alternative to username:password for authenticating to the ProxyMesh API and "
        "proxy servers.",
    )
    def test_curl_lists_the_proxies_with_a_bearer_token(self) -> None:
        """And through the first of them the same token passes."""
        token = daemon.token("username")
        (entry,) = shell(PROXIES, token)["proxies"]
        self.assertEqual(Raw(self, int(entry.rpartition(":")[2])).get(origin.url(), bearer(token)), 200)

    @says(API_CURL, REQUESTS)
    def test_requests_lists_the_proxies_with_a_bearer_token(self) -> None:
        """The example and one line that prints what came."""
        code = here(REQUESTS, daemon.token("username")) + "print(response.status_code, response.text)"
        status, _, text = run([sys.executable, "-c", code], str(daemon.certificate)).partition(" ")
        self.assertEqual((status, list(json.loads(text))), ("200", ["proxies"]))

    @says(
        PROXY,
        THROUGH,
        "Bearer tokens work well for HTTPS proxy requests when your client sends the header with the initial CONNECT "
        "method.",
        "Use the proxy host and port without credentials, and send the bearer header on the CONNECT request for HTTPS "
        "targets.",
    )
    def test_curl_goes_through_the_proxy_with_a_bearer_token(self) -> None:
        """The origin gets the request, and nothing of the token."""
        token = daemon.token("username")
        self.assertEqual(shell(THROUGH, token, trusted=authority().file)["method"], "GET")
        self.assertNotIn(token.encode(), secure.received)


class BearerTests(SynchronousTestCase):
    """How a token is sent to the proxy."""

    @says(
        PROXY,
        "For proxy connections, send the token in a Proxy-Authorization header (preferred).",
        "Some clients accept Authorization: Bearer … instead when they do not support proxy-specific headers.",
    )
    @says(
        "Bearer Token Authentication",
        "Each token is an opaque string prefixed with pm_ that you send in an Authorization or Proxy-Authorization "
        "header.",
    )
    def test_either_header_passes_and_the_proxys_own_is_preferred(self) -> None:
        """A wrong token in the preferred one is wrong, whatever the other says."""
        right, wrong = daemon.token("username"), "pm_" + "0" * 49
        self.assertTrue(right.startswith("pm_"))
        ours, other = bearer(right), f"Authorization: Bearer {right}\r\n".encode()
        for field, status in ((ours, 200), (other, 200), (bearer(wrong) + other, 407), (b"", 407)):
            self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), field), status)
            self.assertEqual(Raw(self, daemon.proxy_port).tunnel(echo.authority, field), status)

    @says(
        "Limitations",
        "No sticky IP format: Bearer auth does not support the username:ip_hash:password sticky-IP credential format "
        "available with Basic auth.",
    )
    def test_no_sticky_form_with_bearer(self) -> None:
        """Basic has it; in a bearer field it is no token at all."""
        token = daemon.token("username")
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), basic("username", "browser-7:password")), 200)
        for credential in (
            f"username:browser-7:{token}",
            f"browser-7:{token}",
            f"{token}:browser-7",
            f"username:{token}",
        ):
            self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), bearer(credential)), 407, credential)


class DeactivatedTests(SynchronousTestCase):
    @says(
        "Deactivate a Sub-Account",
        "Deactivating a sub-account will cause all proxy requests for that sub-account to return a 402 error code.",
    )
    @says(
        "Deactivate a Sub-Account",
        "If they update their payment information or re-activate their account with you, then you can reactivate "
        "their sub-account.",
    )
    def test_all_proxy_requests_of_a_deactivated_sub_account_return_402(self) -> None:
        """By password and by token, plain and CONNECT, on a new connection and on a kept one; its parent goes on."""
        token = daemon.token("sub")
        fields = (basic("sub", "sub's"), basic("sub", "key:sub's"), bearer(token))
        kept = Raw(self, daemon.proxy_port)
        self.assertEqual(self.statuses(kept, fields), [200])
        self.change("deactivate")
        self.assertEqual(self.statuses(kept, fields), [402])
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), basic("username", "password")), 200)
        self.change("activate")
        self.assertEqual(self.statuses(kept, fields), [200])

    def statuses(self, kept: Raw, fields: tuple[bytes, ...]) -> list[int]:
        """Each that was seen, once."""
        found = [kept.get(origin.url(), fields[0])]
        for field in fields:
            found.append(Raw(self, daemon.proxy_port).get(origin.url(), field))
            found.append(Raw(self, daemon.proxy_port).tunnel(echo.authority, field))
        return sorted(set(found))

    def change(self, verb: str) -> None:
        """By its parent, through the API: the answer is the moment from which it holds in this process."""
        form = f'curl -u username:password -d "username=sub" https://mesh.example/api/sub/{verb}/'
        self.assertEqual(shell(form)["active"], verb == "activate")


class CountryTests(SynchronousTestCase):
    @says(
        "Geo IPs",
        "The open and world proxies have IPs around the world, but you can use the X-ProxyMesh-Country header if you "
        "only want to use IPs from a certain country.",
        "These API methods give you a way to programmatically get the supported ISO country codes and IP counts for "
        "either the open or world proxy servers.",
    )
    def test_each_country_that_is_told_can_be_asked_for(self) -> None:
        """The exit is one of that country and of that proxy; a country that is not told is 503."""
        ports = {"open": free_port(), "world": free_port()}
        daemon = LiveDaemon(self, "".join([*map(listener, ports.items()), *map(exit_of, EXITS)]))
        ports["open"] = daemon.proxy_port  # the settings' first takes what the daemon was given to listen on
        daemon.account("anna", "secret")
        told = {"open": {"US": 2, "DE": 1}, "world": {"JP": 1, "DE": 1}}
        for proxy, port in ports.items():
            words = ["curl", "-s", "-u", "anna:secret", f"{daemon.api}/api/geoips/{proxy}/"]
            self.assertEqual(json.loads(run(words, str(daemon.certificate))), told[proxy])
            for code in ("US", "DE", "JP", "de"):
                for _ in range(5):
                    head = self.asked(port, code)
                    if code.upper() not in told[proxy]:
                        self.assertIn(b" 503 ", head.partition(b"\r\n")[0])
                        continue
                    (address,) = re.findall(rb"(?i)x-proxymesh-ip: ([0-9.]+)", head)
                    self.assertEqual(EXITS[address.decode()], (proxy, code.upper()))

    def asked(self, port: int, code: str) -> bytes:
        """The head that answers a request for an exit of this country."""
        raw = Raw(self, port)
        fields = basic("anna", "secret") + f"X-ProxyMesh-Country: {code}\r\n".encode()
        raw.send(b"CONNECT %s HTTP/1.1\r\n%s\r\n" % (echo.authority.encode(), fields))
        return raw.head()


def listener(proxy: tuple[str, int]) -> str:
    name, port = proxy
    return f'[proxies.{name}]\nlisten = ["tcp:{port}"]\nexits = {{ tag = ["{name}"] }}\n'


def exit_of(address: str) -> str:
    proxy, country = EXITS[address]
    facts = f'name = "exit-{address[-2:]}"\ncountry = "{country}"\ntags = ["{proxy}"]'
    return f'[[exits]]\nkind = "local"\naddress = "{address}"\n{facts}\n'
