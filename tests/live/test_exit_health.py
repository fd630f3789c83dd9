"""Exits that fail, rest and come back; that are drained and undrained; and probes, without a client."""

from __future__ import annotations

from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.support.upstreams import UpstreamProxy

RACKS = ("127.0.0.31", "127.0.0.32", "127.0.0.33")
LOCAL = "".join(f'[[exits]]\nname = "rack-{each[-2:]}"\nkind = "local"\naddress = "{each}"\n' for each in RACKS)

MEMORY = 3
"""Failures in a row before an exit rests (outlets.FAILURES)."""

daemon: LiveDaemon
origin: RecordingOrigin
echo: RecordingOrigin
anna: bytes
names = count(1)


def setUpModule() -> None:
    global daemon, origin, echo, anna  # noqa: PLW0603
    daemon = LiveDaemon(config=LOCAL)
    origin = RecordingOrigin()
    echo = RecordingOrigin(raw="echo")
    anna = basic("anna", daemon.account("anna"))


def tearDownModule() -> None:
    for each in (origin, echo, daemon):
        each.close()


class HealthCase(SynchronousTestCase):
    def reload(self, config: str) -> None:
        self.assertIn("settings reloaded", daemon.reload(config))
        self.since = daemon.log_position

    def state(self, name: str) -> str:
        return str(self.shown(name)["state"])

    def shown(self, name: str) -> dict[str, object]:
        """Of `meshd exit list`."""
        return next(dict(row) for row in daemon.cli("exit", "list") if row["name"] == name)

    def asked(self, fields: bytes = b"", path: str = "/status/204") -> tuple[int, bytes]:
        """The status and the head of an answer, on a connection of its own."""
        raw = Raw(self, daemon.proxy_port)
        url = origin.url(path).encode()
        raw.send(b"GET " + url + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + anna + fields + b"\r\n")
        head = raw.head()
        raw.close()
        return int(head.split(b" ")[1]), head

    def tunnelled(self, fields: bytes = b"") -> int:
        raw = Raw(self, daemon.proxy_port)
        status = raw.tunnel(echo.authority, anna + fields)
        raw.close()
        return status

    def lines(self, text: str) -> int:
        return sum(text in line for line in daemon.log_lines(self.since))


class UpstreamCase(HealthCase):
    """Two exits that nothing is known of yet."""

    def setUp(self) -> None:
        self.good, self.bad = UpstreamProxy(self), UpstreamProxy(self, username="us", password="open sesame")
        number = next(names)
        self.good_name, self.bad_name = f"good-{number}", f"bad-{number}"
        self.reload(self.good.toml(self.good_name) + self.bad.toml(self.bad_name))


class AnsweredTests(HealthCase):
    """An exit that is a meshd of its own, and goes to no loopback address but for two ports."""

    def setUp(self) -> None:
        allowed = f'"{origin.authority}"'
        self.upstream = LiveDaemon(self, f"[destinations]\nallow = [{allowed}]\n")
        password = self.upstream.account("us")
        self.name = f"strict-{next(names)}"
        config = f'[[exits]]\nname = "{self.name}"\nkind = "http"\nupstream = "{self.upstream.proxy}"\n'
        self.config = config + f'username = "us"\npassword = "{password}"\n'
        self.reload(self.config)

    def line(self, path: str) -> dict[str, object]:
        """Of the exchange log, the newest."""
        status, _ = self.asked(path=path)

        def found() -> dict[str, object] | None:
            lines = [each for each in daemon.exchanges() if each["exit"] == self.name]
            return lines[-1] if lines and lines[-1]["status"] == status else None

        return until(found, f"an exchange that ends in {status}") or {}

    def test_what_the_exit_answers_itself_is_told(self) -> None:
        """The client is told the reason, and the log has the exit's status; the origin's own answer has no word."""
        for path, status, reason in (("/status/403", 403, ""), ("/status/503", 503, ""), ("/echo", 200, "")):
            line = self.line(path)
            self.assertEqual((line["status"], line["reason"], line["account"] != 0), (status, reason, True), path)
        self.upstream.reload("[destinations]\nallow = []\n")
        line = self.line("/status/200")
        self.assertEqual((line["status"], line["reason"], line["username"]), (502, "exit-refused", "anna"))
        self.assertEqual(line["detail"], "exit-status-403")
        self.reload(self.config + "visible = true\n")
        line = self.line("/status/200")
        self.assertEqual((line["status"], line["reason"], line["username"]), (403, "exit-answered", "anna"))
        self.assertEqual(self.lines("has failed"), 0)


class PassiveTests(UpstreamCase):
    def test_the_dead_are_passed_by_and_come_back(self) -> None:
        """No client notices; it is said once that it rests, and once that it works again."""
        self.bad.die()
        self.assertEqual({self.tunnelled() for _ in range(30)}, {200})
        self.assertEqual(len(self.good.asked), 30)
        self.assertEqual(self.lines(f"exit {self.bad_name} has failed and rests: connection-refused"), 1)
        until(lambda: self.state(self.bad_name) == "resting", "it is known to rest")
        (rest,) = self.shown(self.bad_name)["resting"]  # type: ignore[misc]
        self.assertEqual(rest["reason"], "connection-refused")
        self.assertGreaterEqual(rest["failures"], MEMORY)  # one more, where a rest was over before all had gone
        self.assertIn(str(daemon.data_dir), rest["node"])
        self.assertEqual(self.state(self.good_name), "up")
        self.bad.come_back()
        until(lambda: self.tunnelled() and self.bad.asked, "one request has tried it")
        daemon.wait_for_log(f"exit {self.bad_name} works again", since=self.since)
        until(lambda: self.state(self.bad_name) == "up", "it is known to be back")
        self.assertEqual(self.lines(f"exit {self.bad_name} has failed"), 1)

    def test_one_that_refuses_us_rests(self) -> None:
        """Wrong credentials are the exit's fault, as tunnels find; its answer reaches nobody."""
        self.bad.mood = "reject"
        self.assertEqual({self.tunnelled() for _ in range(40)}, {200})
        until(lambda: self.state(self.bad_name) == "resting", "it is known to rest")

    def test_a_407_to_a_plain_request(self) -> None:
        """The exit is asked for a tunnel, which tells whose it is: the client gets a 502, and the exit rests."""
        self.bad.mood = "reject"
        wish = b"X-ProxyMesh-IP: " + self.bad_name.encode() + b"\r\n"
        found = [self.asked(wish) for _ in range(MEMORY)]
        self.assertEqual({status for status, _ in found}, {502})
        for _, head in found:
            self.assertNotIn(b"theirs", head)
        daemon.wait_for_log(f"exit {self.bad_name} has failed and rests: exit-password", since=self.since)

    def test_the_way_back_to_us(self) -> None:
        """No spelling of an address leads through another proxy to meshd's own listeners."""
        for host in ("127.0.0.1", "2130706433", "127.1", "0x7f.1", "0x7f.1.", "localhost", "localhost.", "a.localhost"):
            for form in ("CONNECT {}:{}", "GET http://{}:{}/"):
                raw = Raw(self, daemon.proxy_port)
                line = form.format(host, daemon.api_port)
                raw.send(f"{line} HTTP/1.1\r\nHost: {host}:{daemon.api_port}\r\n".encode() + anna + b"\r\n")
                self.assertTrue(raw.head().startswith(b"HTTP/1.1 403 "), line)
        self.assertEqual(self.good.asked + self.bad.asked, [])

    def test_an_impatient_client(self) -> None:
        """How long it wants to wait, or a destination takes, is nothing against the exit."""
        self.bad.mood = "hang"
        wish = b"X-ProxyMesh-Timeout: 1\r\nX-ProxyMesh-IP: " + self.bad_name.encode() + b"\r\n"
        waiting = [Raw(self, daemon.proxy_port) for _ in range(MEMORY)]
        for raw in waiting:
            raw.send(f"CONNECT {echo.authority} HTTP/1.1\r\nHost: x\r\n".encode() + anna + wish + b"\r\n")
        self.assertEqual({raw.head().split(b" ")[1] for raw in waiting}, {b"504"})
        self.assertEqual(self.lines("has failed"), 0)

    def test_what_would_be_shown_is_not_asked_for(self) -> None:
        """TRACE answers with the request, and with what we tell the proxy in it."""
        for method, field in ((b"TRACE", b""), (b"OPTIONS", b"Max-Forwards: 1\r\n")):
            raw = Raw(self, daemon.proxy_port)
            wish = anna + b"X-ProxyMesh-IP: " + self.bad_name.encode() + b"\r\n" + field
            raw.send(method + b" " + origin.url("/").encode() + b" HTTP/1.1\r\nHost: x\r\n" + wish + b"\r\n")
            self.assertTrue(raw.head().startswith(b"HTTP/1.1 501 "))
        self.assertEqual(self.bad.asked, [])

    def test_what_it_refuses_to_reach_is_not_held_against_it(self) -> None:
        """A 502 of its own speaks of the destination: others are tried, and it stays up."""
        self.bad.mood = "refuse"
        self.assertEqual({self.tunnelled() for _ in range(40)}, {200})
        self.assertGreater(len(self.bad.asked), MEMORY)
        self.assertEqual(self.state(self.bad_name), "up")
        self.assertEqual(self.lines("has failed"), 0)

    def test_no_second_try_after_the_first_byte(self) -> None:
        """A request that one exit has got goes to no other."""
        self.good.mood = self.bad.mood = "cut"
        status, head = self.asked(path="/bytes/10")
        self.assertEqual(status, 502)
        self.assertIn(b"connection-reset", head)
        self.assertEqual(len(self.good.asked) + len(self.bad.asked), 1)

    def test_no_second_exit_for_who_asks_for_one(self) -> None:
        """Its failure is the answer, and no other is dialled."""
        self.bad.die()
        status, head = self.asked(b"X-ProxyMesh-IP: " + self.bad_name.encode() + b"\r\n")
        self.assertEqual(status, 502)
        self.assertIn(b"exit-failed", head)
        self.assertEqual(self.good.asked, [])

    def test_nothing_is_left_where_all_are_dead(self) -> None:
        """As many exits as there are, then a 502."""
        self.good.die()
        self.bad.die()
        self.assertEqual(self.asked()[0], 502)


class DrainTests(HealthCase):
    def setUp(self) -> None:
        self.reload(LOCAL)

    def by(self, address: str) -> bool:
        """Whether that exit serves who asks for it."""
        status, head = self.asked(b"X-ProxyMesh-IP: " + address.encode() + b"\r\n")
        self.assertEqual(status, 204)
        return b"X-ProxyMesh-IP: " + address.encode() in head

    def undrain(self, *names: str) -> None:
        daemon.cli("exit", "undrain", *names)
        for name in names:
            until(lambda name=name: self.by(f"127.0.0.{name[-2:]}"), f"{name} is used again")

    def test_nothing_new_leaves_by_it(self) -> None:
        """The tunnel that is open goes on; undrained, it is used again."""
        tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(echo.authority, anna + b"X-ProxyMesh-IP: 127.0.0.31\r\n"), 200)
        self.assertTrue(self.by("127.0.0.31"))
        self.assertEqual(daemon.cli("exit", "drain", "rack-31"), {"drained": ["rack-31"]})
        until(lambda: not self.by("127.0.0.31"), "it is drained")
        for _ in range(30):
            self.assertNotIn(b"127.0.0.31", self.asked()[1])
        self.assertTrue(tunnel.echoes())
        row = self.shown("rack-31")
        self.assertEqual(row["state"], "drained")
        self.assertRegex(str(row["drained"]), r"'by': 'operator:\w+'")
        self.undrain("rack-31")
        self.assertTrue(tunnel.echoes())
        self.assertEqual(self.state("rack-31"), "up")

    def test_it_outlives_reloads_and_restarts(self) -> None:
        """Before the first client is let in."""
        daemon.cli("exit", "drain", "rack-32", "rack-33")
        until(lambda: not self.by("127.0.0.32"), "it is drained")
        self.reload(LOCAL + 'tags = ["new"]\n')  # rack-33 is another one now
        self.assertFalse(self.by("127.0.0.33"))
        daemon.restart()
        self.assertFalse(self.by("127.0.0.32"))
        self.assertFalse(self.by("127.0.0.33"))
        self.undrain("rack-32", "rack-33")

    def test_none_is_left(self) -> None:
        """Every exit drained is no exit."""
        every = ("rack-31", "rack-32", "rack-33")
        daemon.cli("exit", "drain", *every)
        until(lambda: self.asked()[0] == 503, "none is left")
        self.assertIn(b"no-exit", self.asked()[1])
        daemon.cli("exit", "undrain", *every)
        until(lambda: self.asked()[0] == 204, "they are used again")


class TrialTests(HealthCase):
    """`meshd exit test`."""

    def test_it_connects_for_real(self) -> None:
        """Through upstream proxies of every kind, with their credentials."""
        for kind in ("http", "https", "socks5"):
            upstream = UpstreamProxy(self, kind, username="us", password="open sesame")
            self.reload(upstream.toml(f"tried-{kind}"))
            found = daemon.cli("exit", "test", f"tried-{kind}", "--to", origin.authority)
            self.assertEqual((found["exit"], found["to"]), (f"tried-{kind}", origin.authority))
            (asked,) = upstream.asked
            self.assertEqual((asked.target, asked.username, asked.password), (origin.authority, "us", "open sesame"))

    def test_it_says_why_not(self) -> None:
        """In one line, without credentials, with status 1."""
        upstream = UpstreamProxy(self, password="open sesame", username="us")
        moods = (("reject", "exit-password (the exit)"), ("refuse", "exit-refused (the exit or the destination)"))
        for mood, why in (*moods, ("hang", "no connection within 0.3 s")):
            upstream.mood = mood  # type: ignore[assignment]
            seconds = 0.3 if mood == "hang" else 60
            self.reload(upstream.toml("tried") + f"[timeouts]\nconnect = {seconds}\n")
            status, out, err = daemon.run_cli("exit", "test", "tried", "--to", origin.authority)
            self.assertEqual((status, out, err), (1, "", f"meshd: tried: {why}\n"))
        upstream.die()
        err = daemon.run_cli("exit", "test", "tried", "--to", origin.authority)[2]
        self.assertEqual(err, "meshd: tried: connection-refused (the exit)\n")


class ProbeTests(HealthCase):
    """No client asks for anything here."""

    def setUp(self) -> None:
        origin.forget()
        self.good, self.bad = UpstreamProxy(self), UpstreamProxy(self, "socks5", username="us", password="open sesame")
        number = next(names)
        self.good_name, self.bad_name = f"good-{number}", f"bad-{number}"

    def probe(self, url: str, timeout: int = 20) -> None:
        """Ask for that URL each second."""
        exits = self.good.toml(self.good_name) + self.bad.toml(self.bad_name)
        self.reload(f'{exits}[probes]\nurl = "{url}"\nevery = 1\ntimeout = {timeout}\n')

    def test_they_find_the_dead_and_bring_them_back(self) -> None:
        """Each exit is asked for the URL; what is dead rests, and is back without a client."""
        self.probe(origin.url("/status/404"))
        origin.wait_for_requests(4)
        self.assertEqual(
            {(each.path, each.field("user-agent")) for each in origin.requests}, {("/status/404", "meshd")}
        )
        self.bad.die()
        line = daemon.wait_for_log(f"exit {self.bad_name} has failed and rests", since=self.since)
        self.assertIn("connection-refused", line)
        until(lambda: self.state(self.bad_name) == "resting", "it is known to rest")
        self.bad.come_back()
        daemon.wait_for_log(f"exit {self.bad_name} works again", since=self.since)
        until(lambda: self.state(self.bad_name) == "up", "it is known to be back")
        self.assertEqual(self.lines(f"exit {self.good_name}"), 0)

    def test_one_that_hangs(self) -> None:
        """The other one has shown that it is not the URL."""
        self.bad.mood = "hang"
        self.probe(origin.url("/status/200"), timeout=2)
        line = daemon.wait_for_log(f"exit {self.bad_name} has failed and rests", since=self.since)
        self.assertIn("probe-timeout", line)

    def test_a_url_that_is_down_takes_no_exit_out(self) -> None:
        """Through no exit has it answered: whose fault is that?"""
        self.probe(origin.url("/status/503"))
        origin.wait_for_requests(4 * MEMORY)
        self.assertEqual((self.state(self.good_name), self.state(self.bad_name)), ("up", "up"))
        self.assertEqual(self.lines("has failed"), 0)

    def test_customers_rules_are_not_the_operators(self) -> None:
        """A URL on a port that no customer may reach."""
        exits = self.good.toml(self.good_name)
        url = origin.url("/status/200")
        self.reload(f'{exits}[probes]\nurl = "{url}"\nevery = 1\n[destinations]\ndeny_ports = ["{origin.port}"]\n')
        self.assertEqual(self.asked()[0], 403)
        origin.wait_for_requests(2)

    def test_none_without_a_url(self) -> None:
        """A reload ends them; nothing is asked that was not begun."""
        self.probe(origin.url("/status/200"))
        origin.wait_for_requests(2)
        self.reload(self.good.toml(self.good_name))
        daemon.cli("exit", "test", self.good_name, "--to", origin.authority)
        origin.forget()
        before = self.good.accepted
        self.assertEqual(self.asked()[0], 204)
        self.assertEqual(self.good.accepted, before + 1)


class LifeTests(HealthCase):
    """What one process leaves behind."""

    def setUp(self) -> None:
        self.dead = UpstreamProxy(self)
        self.name = f"dead-{next(names)}"
        self.reload(self.dead.toml(self.name))
        self.dead.die()
        until(lambda: self.tunnelled() and self.state(self.name) == "resting", "it rests")

    def test_a_stop_leaves_nothing(self) -> None:
        """Nothing rests in a process that is no more."""
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(self.state(self.name), "up")
        daemon.start()

    def test_a_crash_is_cleared_up_by_the_next_start(self) -> None:
        """What the dead process thought does not stand beside what the new one knows."""
        daemon.kill()
        self.assertEqual(self.state(self.name), "resting")
        daemon.start()
        self.assertEqual(self.state(self.name), "up")

    def test_a_removed_exit_is_forgotten(self) -> None:
        """With its settings goes its state."""
        self.reload(LOCAL)
        self.reload(LOCAL + self.dead.toml(self.name))
        until(lambda: self.state(self.name) == "up", "nothing is known of it")


class SecureProbeTests(SynchronousTestCase):
    def test_https(self) -> None:
        """The origin is verified as the system does; one that it does not know fails, and takes nobody out."""
        secure = RecordingOrigin(self, tls=True)
        good = UpstreamProxy(self)
        config = f'{good.toml("good")}{LOCAL}[probes]\nurl = "{secure.url("/status/200", "localhost")}"\nevery = 1\n'
        trusting = LiveDaemon(self, config, environ={"SSL_CERT_FILE": secure.ca_file})
        secure.wait_for_requests(8)
        self.assertIn(f"localhost:{secure.port}", good.targets)
        self.assertEqual({row["state"] for row in trusting.cli("exit", "list")}, {"up"})
