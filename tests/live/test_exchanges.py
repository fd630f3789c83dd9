"""What is open now, as a second process sees it, and ending it from there."""

from __future__ import annotations

from itertools import count
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin

daemon: LiveDaemon
echo: RecordingOrigin
origin: RecordingOrigin
names = count(1)


def setUpModule() -> None:
    global daemon, echo, origin  # noqa: PLW0603
    daemon = LiveDaemon()
    echo = RecordingOrigin(raw="echo")
    origin = RecordingOrigin()


def tearDownModule() -> None:
    for each in (echo, origin, daemon):
        each.close()


def listed(name: str) -> list[dict[str, Any]]:
    return list(daemon.cli("exchange", "list", "--account", name))


def reasons(name: str) -> list[str]:
    return [each["reason"] for each in daemon.exchanges() if each["username"] == name]


class ExchangesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.name = f"anna{next(names)}"
        self.credential = basic(self.name, daemon.account(self.name))

    def tunnel(self) -> Raw:
        raw = Raw(self, daemon.proxy_port)
        self.assertEqual(raw.tunnel(f"127.0.0.1:{echo.port}", self.credential), 200)
        self.assertTrue(raw.echoes())
        return raw

    def test_a_tunnel_is_seen_and_ended(self) -> None:
        """With what it has moved so far; the one beside it goes on."""
        first, second = self.tunnel(), self.tunnel()
        rows = until(lambda: len(found := listed(self.name)) == 2 and found, "both are told")
        self.assertEqual({(each["method"], each["to"]) for each in rows}, {("CONNECT", f"127.0.0.1:{echo.port}")})
        self.assertTrue(all(each["up"] and each["down"] and each["client"] == "127.0.0.1" for each in rows))
        name = daemon.cli("exit", "list")[0]["name"]
        at = rows[0]["began"]
        known = {each["id"] for each in daemon.cli("exchange", "list", "--account", self.name, "--exit", name)}
        self.assertEqual(known, {each["id"] for each in rows})
        self.assertLessEqual(known, {each["id"] for each in daemon.cli("exit", "users", name, "--at", at)})
        daemon.cli("exchange", "end", rows[0]["id"])
        self.assertTrue(first.ends())
        self.assertTrue(second.echoes())
        until(lambda: reasons(self.name) == ["ended-by-operator"], "its line is written")
        second.close()
        until(lambda: not listed(self.name), "nothing is open")

    def test_what_has_ended_is_summed_up(self) -> None:
        """By target host for its account, by exit and by outcome for the operator."""
        raw = Raw(self, daemon.proxy_port)
        self.assertEqual(raw.get(origin.url("/status/204"), self.credential), 204)
        (row,) = until(lambda: daemon.cli("usage", self.name, "--domains"), "the report is written")
        self.assertEqual((row["domain"], row["exchanges"], row["failures"]), ("127.0.0.1", 1, 0))
        (line,) = until(lambda: [each for each in daemon.exchanges() if each["username"] == self.name], "its line")
        self.assertEqual((row["up_bytes"], row["down_bytes"]), (line["up"], line["down"]))
        (exit_,) = daemon.cli("exit", "usage", "--span", "hour")
        hour = daemon.cli("overview")["spans"]["hour"]
        self.assertEqual(exit_["exit"], daemon.cli("exit", "list")[0]["name"])
        self.assertGreaterEqual(exit_["exchanges"], 1)
        self.assertGreaterEqual(hour["outcomes"]["served"], 1)
        self.assertGreaterEqual(hour["up_bytes"], row["up_bytes"])
        self.assertGreaterEqual(hour["accounts_active"], 1)
        users = daemon.cli("exit", "users", exit_["exit"], "--at", line["at"][:19])
        self.assertIn((line["id"], self.name), {(each["id"], each["account"]) for each in users})

    def test_a_request_without_an_answer_gets_one(self) -> None:
        """The origin has not said anything yet: the client is told who has ended it."""
        raw = Raw(self, daemon.proxy_port)
        raw.send(b"GET " + origin.url("/slow/30").encode() + b" HTTP/1.1\r\nHost: x\r\n" + self.credential + b"\r\n")
        (row,) = until(lambda: listed(self.name), "it is told")
        daemon.cli("exchange", "end", row["id"], "--account", self.name)
        self.assertTrue(raw.head().startswith(b"HTTP/1.1 403 ended by the operator\r\n"))
