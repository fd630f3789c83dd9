"""`meshd explain` against the daemon itself: what it says of a request is what the request gets."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic, bearer
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.origin import RecordingOrigin

EXITS = {"rack-21": "US", "rack-22": "US", "rack-23": "GB"}
CONFIG = "".join(
    f'[[exits]]\nname = "{name}"\nkind = "local"\naddress = "127.0.0.{name[-2:]}"\ncountry = "{country}"\n'
    for name, country in EXITS.items()
)
RULES = """
[destinations]
allow = ["127.0.0.1", "::1"]
deny_hosts = ["bad.example"]
[proxies.all]
[proxies.gb]
listen = ["tcp:{port}"]
exits = {{country = ["GB"]}}
"""
SOME = 3000
"""Bytes, more than the smallest limit."""

DETAILS = re.compile(rb'details="([a-z-]+)')


class Row(NamedTuple):
    """A request, and its status and reason."""

    sentence: str
    expected: tuple[int, str]
    who: str = "alice"
    to: str = ""
    """The origin's where it is empty."""
    select: str = ""
    proxy: str = "all"
    plain: bool = False
    token: str = ""
    """Its label."""


PASSES = 200, ""

ROWS = (
    Row("a tunnel", PASSES),
    Row("a request", PASSES, plain=True),
    Row("one exit", PASSES, select="exit-rack%2D22"),
    Row("by a key", PASSES, select="session-one-strict"),
    Row("in a country", PASSES, select="country-uk"),
    Row("by a proxy with one exit", PASSES, proxy="gb"),
    Row("by a name", PASSES, to="localhost:{port}"),
    Row("with a token that asks for a country", PASSES, token="british"),
    Row("with a token for another proxy", (402, "proxy-not-authorized"), token="only gb"),
    Row("with a token out of use", (407, "auth-invalid"), token="retired"),
    Row("a country of the token that its proxy does not have", (503, "no-exit"), token="norwegian"),
    Row("a country that the proxy does not have", (503, "no-exit"), proxy="gb", select="country-us"),
    Row("none of its exits", (503, "no-exit"), proxy="gb", select="not-rack%2D23"),
    Row("a bad selection", (400, "bad-selection"), select="country-usx"),
    Row("a bad selection of who may not pass", (400, "bad-selection"), who="asleep", select="ttl-long"),
    Row("an account that is not active", (402, "account-inactive"), who="asleep"),
    Row("whose parent is not", (402, "account-inactive"), who="child"),
    Row("another's proxy", (402, "proxy-not-authorized"), who="bob", proxy="gb"),
    Row("a limit that is reached", (509, "quota-total"), who="spent"),
    Row("the same before a bad port", (509, "quota-total"), who="spent", to="127.0.0.1:25"),
    Row("a port", (403, "acl-port"), to="127.0.0.1:6667"),
    Row("a bad exit before a bad port", (503, "no-exit"), to="127.0.0.1:6667", select="country-no"),
    Row("a name", (403, "acl-host"), to="www.bad.example:443"),
    Row("an inner address", (403, "acl-private"), to="10.0.0.1:443"),
    Row("another of this host", (403, "acl-private"), to="127.0.0.2:{port}", plain=True),
    Row("meshd's own API", (403, "acl-private"), to="127.0.0.1:{api}"),
    Row("an address in a spelling that is none", (502, "dns-error"), to="1.2.3.999:443"),
    Row("an address that no exit can reach", (502, "unreachable"), to="[::1]:{port}"),
    Row("meshd itself", PASSES, to="meshd.internal", plain=True),
)


class ExplainTests(SynchronousTestCase):
    daemon: LiveDaemon
    origin: RecordingOrigin
    second: int
    """The port of the other proxy."""
    passwords: dict[str, str]
    tokens: dict[str, dict[str, Any]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.second = free_port()
        cls.daemon = daemon = LiveDaemon(cls, CONFIG + RULES.format(port=cls.second))
        cls.origin = RecordingOrigin(cls)
        cls.passwords = {name: daemon.account(name) for name in ("alice", "bob", "asleep")}
        cls.passwords["spent"] = daemon.account("spent", total_limit="0.000001")
        cls.passwords["child"] = daemon.account("child", parent="asleep")
        daemon.cli("account", "deactivate", "asleep")
        daemon.cli("proxy", "revoke", "bob", "gb")
        cls.tokens = {
            label: daemon.new_token("alice", label=label, **options)
            for label, options in {
                "british": {"select": "country-gb"},
                "norwegian": {"select": "country-no"},
                "only gb": {"proxies": "gb"},
                "retired": {},
            }.items()
        }
        daemon.cli("token", "deactivate", str(cls.tokens["retired"]["id"]))

    def spend(self) -> None:
        raw = Raw(self, self.daemon.proxy_port)
        self.assertEqual(raw.tunnel(self.origin.authority, basic("spent", self.passwords["spent"])), 200)
        raw.send(f"GET /bytes/{SOME} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        raw.rest()
        until(lambda: self.daemon.total("spent") >= 1000, "the bytes to arrive")

    def target(self, row: Row) -> str:
        text = row.to.format(port=self.origin.port, api=self.daemon.api_port)
        return text or self.origin.authority

    def explained(self, row: Row) -> dict[str, Any]:
        """What the command says, and that its status fits."""
        words = ["--as", row.who, "--to", self.target(row), "--proxy", row.proxy]
        words += ["--select", row.select] if row.select else []
        words += ["--token", str(self.tokens[row.token]["id"])] if row.token else []
        words += ["--plain"] if row.plain else []
        status, out, err = self.daemon.run_cli("--json", "explain", *words)
        self.assertEqual(err, "", row.sentence)
        found: dict[str, Any] = json.loads(out)
        self.assertEqual(status, 0 if found["passes"] else 1, row.sentence)
        return found

    def got(self, row: Row) -> tuple[tuple[int, str], str]:
        """The status, the reason and the exit of the request itself."""
        name = f"{row.who}-{row.select}" if row.select else row.who
        field = bearer(self.tokens[row.token]["token"]) if row.token else basic(name, self.passwords[row.who])
        target = self.target(row).encode()
        line = b"GET http://%b/echo HTTP/1.1" % target if row.plain else b"CONNECT %b HTTP/1.1" % target
        raw = Raw(self, self.daemon.proxy_port if row.proxy == "all" else self.second)
        raw.send(line + b"\r\nHost: " + target + b"\r\n" + field + b"\r\n")
        head = raw.head()
        raw.close()
        status = int(head.split(b" ", 2)[1])
        details = DETAILS.search(head)
        label = re.search(rb"\r\nX-ProxyMesh-IP: ([^\r]+)", head)
        reason = details[1].decode() if details and status != 200 else ""
        return (status, reason), label[1].decode() if label else ""

    def test_each_request_gets_what_was_said(self) -> None:
        """Status, reason, and one of the exits; a selection stands in the user name, as clients have it."""
        self.spend()
        for row in ROWS:
            said = self.explained(row)
            outcome, label = self.got(row)
            self.assertEqual((row.sentence, outcome), (row.sentence, row.expected))
            self.assertEqual((row.sentence, said["status"] or 200, said["reason"] or ""), (row.sentence, *outcome))
            # A client that pinned an exit is told the very text that it asked for.
            exits = {text for name in said["exits"] for text in (name, f"127.0.0.{name[-2:]}")}
            self.assertEqual(label in exits, bool(exits), f"{row.sentence}: {label} of {exits}")

    def test_a_key_is_told_its_exit(self) -> None:
        """The very one, before any request."""
        for number in range(12):
            row = Row("by a key", PASSES, select=f"session-{number}")
            (name,) = self.explained(row)["exits"]
            self.assertEqual(self.got(row), (PASSES, f"127.0.0.{name[-2:]}"))

    def test_a_drained_exit(self) -> None:
        """Its strict keys fail, its soft ones move to the very exit that was said."""
        strict, soft = (Row("by a key", PASSES, select=f"session-one{end}") for end in ("-strict", ""))
        gone = 502, "session-exit-gone"
        (name,) = self.explained(strict)["exits"]
        self.daemon.cli("exit", "drain", name)
        try:
            until(lambda: self.got(strict)[0] == gone, "the daemon to hear of it")
            said = self.explained(strict)
            self.assertEqual((said["status"], said["reason"]), gone)
            (heir,) = self.explained(soft)["exits"]
            self.assertNotEqual(heir, name)
            self.assertEqual(self.got(soft), (PASSES, f"127.0.0.{heir[-2:]}"))
        finally:
            self.daemon.cli("exit", "undrain", name)
            until(lambda: self.got(strict)[0] == PASSES, "the daemon to hear of it")
