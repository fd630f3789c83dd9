"""What strangers and customers do as often as they like leaves few lines in the daemon's own log, or none."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, until
from tests.threats.support import PASSWORD, Names, Talk, ask, basic, connect

TIMES = 10

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def raw(port: int, data: bytes, source: str = "127.0.0.1") -> None:
    """Say it, hear what comes, hang up."""
    connected = socket.create_connection
    with contextlib.suppress(OSError), connected(("127.0.0.1", port), 10, source_address=(source, 0)) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass


def by_tls(port: int, data: bytes, ciphers: str = "") -> None:
    """The same inside TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        try:
            with context.wrap_socket(client) as wrapped:
                wrapped.sendall(data)
                wrapped.recv(4096)
        except OSError:
            pass


NOISE: dict[str, Callable[[int], None]] = {
    "nothing": lambda port: raw(port, b""),
    "junk": lambda port: raw(port, bytes(range(128, 256))),
    "half a TLS handshake": lambda port: raw(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "a broken TLS handshake": lambda port: raw(port, b"\x16\x03\x01\x00\x20" + bytes(32)),
    "TLS without a cipher in common": lambda port: by_tls(port, HEAD, "AES128-SHA"),
    "junk inside TLS": lambda port: by_tls(port, bytes(range(128, 256))),
    "a head in the clear": lambda port: raw(port, HEAD),
    "a head by TLS": lambda port: by_tls(port, HEAD),
    "HTTP/2": lambda port: by_tls(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(30)),
    "a SOCKS greeting and junk": lambda port: raw(port, b"\x05\x01\x02\xff\xff"),
    "SOCKS4": lambda port: raw(port, b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"),
    "a PROXY header": lambda port: raw(port, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + HEAD),
}
"""What to do at a port; an answer, if any, is each protocol's own matter."""


class LogTests(SynchronousTestCase):
    def test_no_protocol_that_is_spoken_badly_leaves_a_line(self) -> None:
        """At the proxy's port and at the API's, by whoever comes."""
        daemon = LiveDaemon(self, config="[timeouts]\nhead = 0.5\n")
        with ThreadPoolExecutor(TIMES) as threads:
            for port in (daemon.proxy_port, daemon.api_port):
                for name, make in NOISE.items():
                    since = daemon.log_position
                    list(threads.map(make, [port] * TIMES))
                    self.assertEqual(daemon.log_lines(since), [], name)

    def test_looking_up_names_leaves_no_line(self) -> None:
        """A customer asks for as many as she likes: found, not found, and by TCP where the answer is long."""
        names = Names()
        daemon = LiveDaemon(self, config=f'[dns]\nservers = ["{names.address}"]\n')
        daemon.account("alice", PASSWORD)
        names.say("here.test", ("127.0.0.1",))
        since = daemon.log_position
        for number in range(TIMES):
            answer = ask(daemon, connect(f"no{number}.test:443", basic("alice")))
            self.assertEqual(answer.status, 502)
        self.assertEqual(daemon.log_lines(since), [])

    def test_a_crowd_at_the_api_leaves_a_line_a_minute(self) -> None:
        """One address is full, and others come and go."""
        daemon = LiveDaemon(self, config="[limits]\nunauthenticated_per_address = 2\n")
        held = [Talk(daemon, port=daemon.api_port) for _ in range(2)]
        for talk in held:
            self.addCleanup(talk.sock.close)
        since = daemon.log_position
        for _ in range(TIMES):
            raw(daemon.api_port, b"")
            raw(daemon.api_port, HEAD, "127.0.0.9")
        daemon.wait_for_log("too many unauthenticated ones from 127.0.0.1", since=since)
        self.assertEqual(len(daemon.log_lines(since)), 1)

    def test_clients_without_a_descriptor_leave_few_lines(self) -> None:
        """Accepting rests meanwhile, which is said once."""
        config = "[limits]\nunauthenticated_per_address = 5000\n"
        daemon = LiveDaemon(self, config=config, wrap=("prlimit", "--nofile=128:128"))
        since = daemon.log_position
        crowd = [Talk(daemon, port=daemon.api_port) for _ in range(300)]
        for talk in crowd:
            self.addCleanup(talk.sock.close)
        daemon.wait_for_log("out of descriptors", since=since)
        for talk in crowd:
            talk.sock.close()
        until(lambda: self.answered(daemon), "it takes clients again")
        self.assertLessEqual(len(daemon.log_lines(since)), 5)

    def answered(self, daemon: LiveDaemon) -> bool:
        try:
            with Talk(daemon, port=daemon.api_port) as talk:
                talk.send(HEAD)
                return talk.answer().status == 302
        except (AssertionError, OSError):
            return False
