"""Sockets that a service manager hands over: each is one listener's, reload after reload, and never a stranger's."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.origin import RecordingOrigin

ACTIVATE = """
import os, socket, sys
end = sys.argv.index("--")
made = []
for word in sys.argv[1:end]:
    name, _, place = word.partition("=")
    if place.startswith("/"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(place)
        listener.listen(50)
    else:
        listener = socket.create_server(("127.0.0.1", int(place)))
    made.append((name, os.dup(listener.fileno()) if listener.fileno() < 3 + end else listener.detach()))
held = [os.dup2(fd, 100 + at) for at, (_, fd) in enumerate(made)]
for at, fd in enumerate(held):
    os.dup2(fd, 3 + at)
    os.set_inheritable(3 + at, True)
names = ":".join(name for name, _ in made)
os.environ.update(LISTEN_FDS=str(len(made)), LISTEN_FDNAMES=names, LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[end + 1], sys.argv[end + 1:])
"""
"""What systemd does for socket units: NAME=PORT or NAME=PATH each, then -- and the command."""

INTERNAL = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
PROXY, API = "systemd:domain=INET:name=proxy", "systemd:domain=INET:name=api"


def activated(owner: SynchronousTestCase, **places: int | str) -> LiveDaemon:
    """A daemon that is handed sockets by these names: ports, or files in its folder.  Not started yet."""
    daemon = LiveDaemon(owner, start=False)
    words = [f"{name}={daemon.folder / place if isinstance(place, str) else place}" for name, place in places.items()]
    daemon._wrap = [sys.executable, "-c", ACTIVATE, *words, "--"]
    return daemon


class HandedOverTests(SynchronousTestCase):
    """A daemon whose proxy and API both have a socket of the service manager's."""

    def setUp(self) -> None:
        self.proxy_port, self.api_port = free_port(), free_port()
        self.daemon = activated(self, proxy=self.proxy_port, api=self.api_port)
        self.daemon.api_port = self.api_port
        self.daemon.configure(self.settings("local"))
        self.daemon.start()
        self.field = basic("admin", self.daemon.root_password)

    def settings(self, name: str, listen: Sequence[str] = (PROXY,), api: Sequence[str] = (API,)) -> str:
        section = f"[proxies.{name}]\nlisten = {list(listen)}\n[proxy]\nlisten = {list(listen)}\n"
        return f"{section}[api]\nlisten = {list(api)}\n"

    def taken(self, *given: object) -> None:
        self.assertIn("settings reloaded", self.daemon.reload(self.settings(*given)))  # type: ignore[arg-type]

    def name_at(self, port: int) -> str:
        """Of the proxy that answers there; the words of a refusal."""
        raw = Raw(self, port)
        raw.send(INTERNAL + self.field + b"\r\n")
        body = raw.rest().partition(b"\r\n\r\n")[2].decode()
        return str(json.loads(body)["proxy"]) if body.startswith("{") else body

    def check_api(self) -> None:
        """It speaks HTTPS, as ever."""
        import ssl

        context = ssl.create_default_context(cafile=str(self.daemon.certificate))
        with (
            socket.create_connection(("127.0.0.1", self.api_port), 60) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(secure.recv(100).startswith(b"HTTP/1.1 200 "))

    def allow(self, name: str) -> None:
        self.daemon.cli("proxy", "authorize", "admin", name)

    def test_a_proxy_that_is_renamed_keeps_its_own_socket(self) -> None:
        """The API's stays the API's, and later reloads work; a tunnel notices nothing."""
        echo = RecordingOrigin(self, raw="echo")
        tunnel = Raw(self, self.proxy_port)
        self.assertEqual(tunnel.tunnel(echo.authority, self.field), 200)
        for name in ("us", "eu", "local"):
            self.daemon.configure(self.settings(name))
            self.allow(name)
            self.taken(name)
            self.assertEqual(self.name_at(self.proxy_port), name)
            self.check_api()
            self.assertTrue(tunnel.echoes())

    def test_one_that_is_taken_away_comes_back(self) -> None:
        """Whoever connects meanwhile waits in the socket, and is served then."""
        other = free_port()
        self.taken("local", [f"tcp:{other}"])
        waiting = Raw(self, self.proxy_port)
        waiting.send(INTERNAL + self.field + b"\r\n")
        self.assertEqual(self.name_at(other), "local")
        for _ in range(2):
            self.taken("local", [PROXY])
            self.taken("local", [f"tcp:{other}"])
        self.taken("local", [PROXY])
        self.assertIn(b'"proxy": "local"', waiting.rest())
        self.assertEqual(self.name_at(self.proxy_port), "local")
        self.check_api()

    def test_by_its_place_after_its_name(self) -> None:
        """It is the same socket, whichever words mean it; and of the API as well."""
        self.taken("local", ["systemd:domain=INET:index=0"], ["systemd:domain=INET:index=1"])
        self.assertEqual(self.name_at(self.proxy_port), "local")
        self.check_api()
        self.taken("local", [API], [PROXY])
        self.assertEqual(self.name_at(self.api_port), "local")
        self.api_port = self.proxy_port
        self.check_api()

    def test_one_socket_for_two(self) -> None:
        """Refused, with both names; nothing has changed."""
        line = self.daemon.reload(self.settings("local", [PROXY, "systemd:domain=INET:index=0"]))
        self.assertIn(f"{PROXY} and systemd:domain=INET:index=0 are the same socket", line)
        self.assertEqual(self.name_at(self.proxy_port), "local")
        self.check_api()

    def test_behind_haproxy(self) -> None:
        """The same socket, with a PROXY header first and without one."""
        for _ in range(2):
            self.taken("local", [f"haproxy:{PROXY}"])
            raw = Raw(self, self.proxy_port)
            raw.send(b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n" + INTERNAL + self.field + b"\r\n")
            self.assertIn(b'"client": "198.51.100.9"', raw.rest())
            self.taken("local", [PROXY])
            self.assertEqual(self.name_at(self.proxy_port), "local")


class UnixTests(SynchronousTestCase):
    def test_the_file_of_a_socket_that_was_handed_over_outlives_the_daemon(self) -> None:
        """A stop, and a reload that has no use for it, leave what is the service manager's."""
        daemon = activated(self, proxy="handed.sock")
        path = daemon.folder / "handed.sock"
        other = free_port()
        endpoint = "systemd:domain=UNIX:name=proxy"
        daemon.configure(f'[proxy]\nlisten = ["{endpoint}"]\n')
        daemon.start()
        field = basic("admin", daemon.root_password)
        self.assertEqual(self.by(path).get("http://meshd.internal/", field), 200)
        self.assertIn("settings reloaded", daemon.reload(f'[proxy]\nlisten = ["tcp:{other}"]\n'))
        self.assertTrue(path.exists())
        self.assertIn("settings reloaded", daemon.reload(f'[proxy]\nlisten = ["{endpoint}"]\n'))
        self.assertEqual(self.by(path).get("http://meshd.internal/", field), 200)
        self.assertEqual(daemon.terminate(), 0)
        self.assertTrue(path.exists())

    def test_the_api_as_well(self) -> None:
        """Twisted serves that one."""
        daemon = activated(self, api="api.sock")
        path = daemon.folder / "api.sock"
        daemon.configure('[api]\ntls = false\nlisten = ["systemd:domain=UNIX:name=api"]\n')
        daemon.start()
        raw = self.by(path)
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertTrue(raw.rest().startswith(b"HTTP/1.1 200 "))
        self.assertEqual(daemon.terminate(), 0)
        self.assertTrue(path.exists())

    def by(self, path: Path) -> Raw:
        sock = socket.socket(socket.AF_UNIX)
        until(lambda: not sock.connect_ex(str(path)), "the socket is there")
        return Raw(self, sock)


class NamesakeTests(SynchronousTestCase):
    def test_two_sockets_of_one_name(self) -> None:
        """Whoever means one of them has to say which: the other would be let wait for ever."""
        daemon = LiveDaemon(
            self,
            start=False,
            wrap=(sys.executable, "-c", ACTIVATE, f"proxy={free_port()}", f"proxy={free_port()}", "--"),
        )
        daemon.configure(f'[proxy]\nlisten = ["{PROXY}"]\n')
        status, said = daemon.failed_start()
        self.assertEqual(status, 1)
        self.assertIn("2 sockets of that name: choose by index=0 or index=1", said)
