"""A reload that gives an open listener another proxy, name, interface or wrapping: nobody is sent away."""

from __future__ import annotations

import json
import socket
import ssl

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.origin import RecordingOrigin
from tests.support.visitors import Visitor

INTERNAL = "http://meshd.internal/"


class MoveCase(SynchronousTestCase):
    """One daemon for all, with the proxy `local` on two ports and `other` on a third."""

    daemon: LiveDaemon
    echo: RecordingOrigin

    @classmethod
    def setUpClass(cls) -> None:
        cls.second, cls.third = free_port(), free_port()
        cls.daemon = LiveDaemon(cls, start=False)
        cls.daemon.configure(cls.whole(cls.before()))
        cls.daemon.start()
        cls.echo = RecordingOrigin(cls, raw="echo")
        cls.anna = basic("anna", cls.daemon.account("anna"))

    @classmethod
    def before(cls) -> str:
        return cls.proxies(local=[cls.daemon.proxy_port, cls.second], other=[cls.third])

    @classmethod
    def proxies(cls, **listen: list[int | str]) -> str:
        """Settings; a number is a port."""
        return "".join(
            f"[proxies.{name}]\nlisten = {[each if isinstance(each, str) else f'tcp:{each}' for each in endpoints]}\n"
            for name, endpoints in listen.items()
        )

    def setUp(self) -> None:
        self.addCleanup(self.taken, self.before())

    def taken(self, config: str, allowed: str = "", who: str = "anna") -> None:
        """Reloaded, with somebody authorised first for that proxy."""
        self.daemon.configure(self.whole(config))
        if allowed:
            self.daemon.cli("proxy", "authorize", who, allowed)
        self.assertIn("settings reloaded", self.daemon.reload())

    @staticmethod
    def whole(config: str) -> str:
        """With `proxy.listen`, which the harness would else say by itself."""
        first = next(line for line in config.splitlines() if line.startswith("listen = "))
        return f"{config}[proxy]\n{first}\n"

    def name_at(self, port: int) -> str:
        raw = Raw(self, port)
        raw.send(b"GET http://meshd.internal/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + self.anna + b"\r\n")
        return str(json.loads(raw.rest().partition(b"\r\n\r\n")[2]).get("proxy"))


class RenameTests(MoveCase):
    def test_a_proxy_with_another_name_keeps_its_socket(self) -> None:
        """No connection is refused or reset, and none is answered anything but 200."""
        self.daemon.cli("account", "set", "anna", "--plan", "100")
        visitors = [Visitor(self, port, self.anna) for port in (self.daemon.proxy_port, self.second)]
        for names in (("us", "other"), ("local", "other"), ("eu", "other")):
            self.taken(
                self.proxies(**{names[0]: [self.daemon.proxy_port, self.second], names[1]: [self.third]}), names[0]
            )
            for visitor in visitors:
                visitor.again()
            self.assertEqual(self.name_at(self.second), names[0])
        for visitor in visitors:
            visitor.stop()
            self.assertEqual(set(visitor.got), {"200"}, visitor.got)
            self.assertLessEqual(set(visitor.proxies), {"local", "us", "eu"})
            self.assertIn("us", visitor.proxies)

    def test_open_tunnels_and_kept_connections_go_on_by_the_new_name(self) -> None:
        """Also when who may use the proxy is looked at again: the old name is nobody's business any more."""
        bert = basic("bert", self.daemon.account("bert"))
        tunnel, kept = Raw(self, self.daemon.proxy_port), Raw(self, self.daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(self.echo.authority, bert), 200)
        self.assertEqual(kept.get(INTERNAL, bert), 200)
        self.taken(self.proxies(us=[self.daemon.proxy_port, self.second], other=[self.third]), "us", "bert")
        self.assertEqual(kept.get(INTERNAL, bert), 200)
        self.daemon.cli("proxy", "revoke", "bert", "local")
        self.assertEqual(kept.get(INTERNAL, bert), 200)
        self.assertTrue(tunnel.echoes())
        self.daemon.cli("proxy", "revoke", "bert", "us")
        until(lambda: tunnel.ends(within=0.1), "the tunnel ends when the new name is taken away")

    def test_two_proxies_that_swap_their_ports(self) -> None:
        """Each is served by its own rules at the other's place."""
        self.daemon.cli("proxy", "authorize", "anna", "other")
        self.taken(self.proxies(local=[self.third], other=[self.daemon.proxy_port, self.second]))
        self.assertEqual([self.name_at(self.third), self.name_at(self.second)], ["local", "other"])

    def test_a_port_that_changes_between_a_proxy_and_the_api(self) -> None:
        """It speaks what it is for, there and back."""
        api = f'[api]\nlisten = ["tcp:{self.daemon.api_port}", "tcp:{self.second}"]\n'
        self.taken(self.proxies(local=[self.daemon.proxy_port], other=[self.third]) + api)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.second), 60) as plain,
            context.wrap_socket(plain) as secure,
        ):
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(secure.recv(100).startswith(b"HTTP/1.1 200 "))
        self.taken(self.before())
        self.assertEqual(self.name_at(self.second), "local")


class InterfaceTests(MoveCase):
    def test_another_interface_on_the_same_port(self) -> None:
        """From all addresses to one and back: whoever comes by the one is never refused."""
        port = self.daemon.proxy_port
        visitor = Visitor(self, port, self.anna)
        for endpoint in (f"tcp:{port}:interface=127.0.0.1", f"tcp:{port}:interface=0.0.0.0", f"tcp6:{port}", port):
            self.taken(self.proxies(local=[endpoint, self.second], other=[self.third]))
            visitor.again()
            six = endpoint in (f"tcp6:{port}", port)
            self.assertEqual(_listens(port, "::1"), six, endpoint)
        visitor.stop()
        refused = {name for name in visitor.got if name not in ("200", "ConnectionResetError", "nothing")}
        self.assertEqual(refused, set(), visitor.got)

    def test_another_interface_of_the_api(self) -> None:
        """Twisted accepts there; whoever comes by the address that stays is let in all the time."""
        port = self.daemon.api_port
        for endpoint, six in ((f"tcp:{port}:interface=127.0.0.1", False), (f"tcp:{port}", True)):
            self.taken(f'{self.before()}[api]\nlisten = ["{endpoint}"]\n')
            self.assertEqual((_listens(port, "127.0.0.1"), _listens(port, "::1")), (True, six))

    def test_another_wrapping_of_the_same_port(self) -> None:
        """A PROXY header is wanted, and then no more; the port is open all the time."""
        self.taken(self.proxies(local=[self.daemon.proxy_port, f"haproxy:tcp:{self.second}"], other=[self.third]))
        raw = Raw(self, self.second)
        raw.send(b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n")
        self.assertEqual(raw.get(INTERNAL, self.anna), 200)
        self.taken(self.before())
        self.assertEqual(self.name_at(self.second), "local")

    def test_all_or_nothing(self) -> None:
        """A name and an interface that change beside a port that is taken: neither has changed."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            endpoint = f"tcp:{self.second}:interface=127.0.0.1"
            busy = taken.getsockname()[1]
            config = self.proxies(us=[self.daemon.proxy_port, endpoint], other=[self.third, busy])
            line = self.daemon.reload(self.whole(config))
            self.assertIn(f"not reloaded: cannot listen on tcp:{busy}: Address already in use", line)
        self.assertEqual(self.name_at(self.daemon.proxy_port), "local")
        self.assertTrue(_listens(self.second, "::1"))
        self.assertEqual(self.name_at(self.second), "local")


class NewProxyTests(MoveCase):
    def test_a_new_proxy_serves_by_its_settings_from_its_first_connection(self) -> None:
        """Whoever comes while the settings change waits for them, and is not refused by the old ones."""
        new = free_port()
        config = self.before() + self.proxies(new=[new])
        visitor = Visitor(self, new, self.anna)
        visitor.again()
        self.taken(config, "new")
        until(lambda: visitor.got["200"] > 0, "the new proxy serves")
        visitor.stop()
        self.assertEqual(set(visitor.got), {"ConnectionRefusedError", "200"}, visitor.got)


def _listens(port: int, host: str) -> bool:
    try:
        socket.create_connection((host, port), 60).close()
    except ConnectionRefusedError:
        return False
    return True
