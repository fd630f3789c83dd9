"""What accounts, plans and tokens are held to, by a daemon that is told of it while it runs."""

from __future__ import annotations

import json
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic, bearer
from tests.support.daemon import CommandError, LiveDaemon, until
from tests.support.origin import RecordingOrigin, pattern


class TermsCase(SynchronousTestCase):
    """One daemon for all; each test has an account of its own."""

    daemon: LiveDaemon
    echo: RecordingOrigin

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = LiveDaemon(cls, "")
        cls.echo = RecordingOrigin(cls, raw="echo")
        cls.web = RecordingOrigin(cls)

    def setUp(self) -> None:
        self.name = f"anna{len(self.daemon.cli('account', 'list'))}"
        self.field = basic(self.name, self.daemon.account(self.name))

    def raw(self, source: str = "") -> Raw:
        return Raw(self, self.daemon.proxy_port, source=source)

    def opened(self, field: bytes = b"") -> Raw:
        """A tunnel that stands."""
        raw = self.raw()
        self.assertEqual(raw.tunnel(self.echo.authority, field or self.field), 200)
        self.assertTrue(raw.echoes())
        return raw

    def answer(self, field: bytes = b"") -> bytes:
        """Head and body of the answer to a CONNECT."""
        raw = self.raw()
        name = self.echo.authority.encode()
        raw.send(b"CONNECT " + name + b" HTTP/1.1\r\nHost: " + name + b"\r\n" + (field or self.field) + b"\r\n")
        head = raw.head()
        raw.socket.close()
        return head

    def comes_to(self, text: str, field: bytes = b"") -> None:
        """Wait until the answer has that in it."""
        until(lambda: text.encode() in self.answer(field), text)

    def rules(self, *words: str, name: str = "") -> None:
        self.daemon.cli("account", "rules", name or self.name, *words)


class RulesTests(TermsCase):
    def test_an_accounts_rules_end_what_they_do_not_allow(self) -> None:
        """And nobody else's; the operator's words are told; what is taken back holds no more."""
        other = basic("other", self.daemon.account("other"))
        mine, others = self.opened(), self.opened(other)
        self.rules("--only", "example.com", "--words", "Ask us first")
        self.assertTrue(mine.ends())
        self.assertTrue(others.echoes())
        answer = self.answer()
        self.assertIn(b"HTTP/1.1 403 Ask us first\r\nX-ProxyMesh-Error: Ask us first\r\n", answer)
        self.assertIn(b"acl-account", answer)
        self.rules("--none")
        self.comes_to("HTTP/1.1 200")

    def test_by_address_and_port(self) -> None:
        """For tunnels and for plain requests, on a kept connection too."""
        self.rules("--except", f"127.0.0.0/8:{self.web.port}")
        self.comes_to("HTTP/1.1 200")
        until(lambda: self.raw().get(self.web.url(), self.field) == 403, "refused by its address")
        self.rules("--only", "127.0.0.1")
        raw = self.raw()
        until(lambda: raw.get(self.web.url(), self.field) == 200, "allowed by its address")
        self.rules("--except", "127.0.0.1")
        until(lambda: raw.get(self.web.url(), self.field) == 403, "refused on a kept connection")

    def test_observed_rules_are_told_in_the_log(self) -> None:
        """What they would refuse passes, until they are enforced; what is open then ends."""
        self.rules("--only", "example.com", "--observe")
        open_ = self.opened()
        until(self._passed_observed, "a line of the log")
        self.assertTrue(open_.echoes())
        self.rules("--enforce")
        self.assertTrue(open_.ends())

    def _passed_observed(self) -> bool:
        self.opened().socket.close()
        lines = [line for line in self.daemon.exchanges() if line.get("username") == self.name]
        return any(line["reason"] == "acl-observed" and line["status"] == 200 for line in lines)

    def test_a_tokens_rules(self) -> None:
        """Hold for it alone."""
        made = self.daemon.new_token(self.name)
        field = bearer(made["token"])
        by_token, by_password = self.opened(field), self.opened()
        self.daemon.cli("token", "rules", str(made["id"]), "--except", "127.0.0.1")
        self.assertTrue(by_token.ends())
        self.assertTrue(by_password.echoes())
        self.comes_to("acl-token", field)
        self.comes_to("HTTP/1.1 200")

    def test_a_parents_rules_hold_for_its_sub_accounts(self) -> None:
        """Beside their own."""
        kid = f"kid-of-{self.name}"
        field = basic(kid, self.daemon.account(kid, parent=self.name))
        tunnel = self.opened(field)
        self.rules("--only", "example.com")
        self.assertTrue(tunnel.ends())
        self.comes_to("acl-parent", field)

    def test_a_plans_rules_come_with_a_reload(self) -> None:
        """And end what is open."""
        self.daemon.cli("account", "set", self.name, "--plan", "50")
        tunnel = self.opened()
        self.daemon.reload('[plans.50.rules]\nexcept = ["127.0.0.1"]\nwords = "Not in this plan"\n')
        self.addCleanup(self.daemon.reload, "")
        self.assertTrue(tunnel.ends())
        self.comes_to("403 Not in this plan")

    def test_explain_tells_them(self) -> None:
        """By the step that refuses."""
        self.rules("--only", "example.com", "--words", "No")
        status, out, _ = self.daemon.run_cli("explain", "--as", self.name, "--to", "example.net", "--no-resolve")
        self.assertEqual(status, 1)
        self.assertIn('example.net port 443 is refused by the rules of the account, who is told "No"', out)
        self.assertIn("403 acl-account", out)

    def test_the_command_shows_and_keeps_what_it_is_not_told(self) -> None:
        """A list stays when only its words change; without a list there is nothing to observe."""
        refused = self.assertRaises(CommandError, self.rules, "--observe")
        self.assertIn("there are no rules yet", refused.err)
        self.rules("--only", "b.example,a.example:443")
        self.rules("--words", "No")
        shown = self.daemon.cli("account", "rules", self.name)
        self.assertEqual(shown["rules"], {"only": ["b.example", "a.example:443"], "words": "No"})
        self.daemon.cli("account", "rules", self.name, "--except", "-", input="*:25\n\n10.0.0.0/8\n")
        self.assertEqual(self.daemon.cli("account", "rules", self.name)["rules"]["except"], ["*:25", "10.0.0.0/8"])
        wrong = self.assertRaises(CommandError, self.rules, "--only", "http://x")
        self.assertIn("http://x", wrong.err)


class BoundsTests(TermsCase):
    def bounds(self, *words: str) -> list[dict[str, str]]:
        return list(self.daemon.cli("account", "bounds", self.name, *words))

    def test_distinct_addresses_of_clients(self) -> None:
        """One is free when its last exchange has ended; the others of an address pass."""
        self.bounds("client_addresses=1")
        self.comes_to("HTTP/1.1 200")
        first = self.opened()

        def second() -> int:
            return self.raw("127.0.0.2").tunnel(self.echo.authority, self.field)

        until(lambda: second() == 429, "one address too many")
        other = self.opened()
        first.socket.close()
        self.assertEqual(second(), 429)
        other.socket.close()
        until(lambda: second() == 200, "the last exchange of the first one has ended")

    def test_tunnels_at_a_time(self) -> None:
        """The plan's number first, the account's in its place; they wait, and then are refused."""
        self.daemon.cli("account", "set", self.name, "--plan", "20")
        self.daemon.reload("[plans.20]\ntunnels = 1\n[timeouts]\nturn = 0\n")
        self.addCleanup(self.daemon.reload, "")
        first = self.opened()
        self.assertEqual(self.raw().tunnel(self.echo.authority, self.field), 429)
        (row,) = self.bounds("tunnels=2", "requests_per_second=")
        self.assertEqual((row["bound"], row["value"]), ("tunnels", 2))
        until(lambda: self.raw().tunnel(self.echo.authority, self.field) == 200, "a second one")
        self.assertTrue(first.echoes())

    def test_mistakes(self) -> None:
        """Are told by name, and change nothing."""
        for word in ("tunnel=5", "tunnels=x", "tunnels"):
            refused = self.assertRaises(CommandError, self.bounds, word)
            self.assertIn(word.partition("=")[0], refused.err)
        self.assertEqual(json.dumps(self.bounds()), "[]")


class ShapingTests(TermsCase):
    """Judged by counted bytes alone, with room for a machine that is busy."""

    def test_a_download_and_an_upload_arrive_whole(self) -> None:
        """Plain requests, held to two megabytes a second."""
        self.daemon.cli("account", "bounds", self.name, "kbit_down=16000", "kbit_up=16000")
        size = 700_000
        raw = self.raw()
        raw.send(f"GET {self.web.url(f'/bytes/{size}')} HTTP/1.1\r\nHost: x\r\n".encode() + self.field + b"\r\n")
        self.assertIn(b" 200 ", raw.head())
        self.assertEqual(raw.exactly(size), pattern(size))
        head = f"POST {self.web.url('/echo')} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n".encode()
        raw.send(head + self.field + b"\r\n" + pattern(size))
        self.assertIn(b" 200 ", raw.head())
        self.web.wait_for_requests(2)
        self.assertEqual(len(self.web.requests[-1].body), size)

    def test_a_tunnel_moves_no_more_than_its_rate(self) -> None:
        """Either way; what is sent while it waits is not lost, and others are as fast as ever."""
        self.daemon.cli("account", "bounds", self.name, "kbit_up=800")
        self.comes_to("HTTP/1.1 200")
        other = basic(f"other-of-{self.name}", self.daemon.account(f"other-of-{self.name}"))
        slow, fast = self.opened(), self.opened(other)
        words = pattern(200_000)
        began = time.monotonic()
        slow.send(words)
        fast.send(words)
        self.assertEqual(fast.exactly(len(words)), words)
        self.assertEqual(slow.exactly(len(words)), words)
        self.assertGreater(time.monotonic() - began, 1.5)  # 200 kB at 100 kB a second, less what may be saved up

    def test_a_first_rate_holds_for_a_tunnel_that_is_open(self) -> None:
        """Which was opened when there was none."""
        tunnel = self.opened()
        self.daemon.cli("account", "bounds", self.name, "kbit_down=800")
        words = pattern(200_000)

        def slow() -> bool:
            began = time.monotonic()
            tunnel.send(words)
            self.assertEqual(tunnel.exactly(len(words)), words)
            return time.monotonic() - began > 1.5

        until(slow, "the tunnel is held to its rate")

    def test_at_a_byte_limit_an_account_may_go_on_slowly(self) -> None:
        """It is billed on, and its exchanges neither end nor are refused."""
        self.daemon.cli("account", "bounds", self.name, "on_limit=slow")
        self.daemon.cli("account", "set", self.name, "--total-limit", "0.0001")
        self.comes_to("HTTP/1.1 200")
        tunnel = self.opened()
        tunnel.send(bytes(60_000))
        tunnel.exactly(50_000)
        self.assertEqual(len(tunnel.exactly(10_000)), 10_000)
        until(lambda: self.daemon.total(self.name) > 120_000, "billed past its limit")
        self.assertTrue(tunnel.echoes())
        self.comes_to("HTTP/1.1 200")
