"""Streams and port forwards through a live daemon: before, after they are switched off, on, changed and deleted.

They are changed by the units that the API's routes call, from a process beside the daemon's, which hears by the feed.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import trustme
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.ownership import Operator
from meshd.accounts.published import forms, resources
from meshd.accounts.published.grounds import Grounds
from meshd.daemon.vault import Vault
from meshd.store.open import BlockingStore
from meshd.tls.material import checked, sealed_about
from meshd.values.published import Kind
from tests.support.daemon import LiveDaemon, at_end_of, free_port, until
from tests.support.served import Served

HTTP, HTTPS, API = free_port(), free_port(), free_port()
CONFIG = f"""
[hosts]
listen = ["tcp:{API}"]
http = ["tcp:{HTTP}"]
https = ["tcp:{HTTPS}"]
upstreams_loopback = true
[timeouts]
half_closed = 2
[limits]
flush_seconds = 0.1
"""
GROUNDS = Grounds(frozenset({80, 81, HTTP, API}), frozenset({443, HTTPS}), loopback=True)
OPERATOR = Operator("tests")
BY_HAND = b"220 "
"""What the TCP server says first; after it, what it was sent."""

VERIFIED = "Verification: OK"
NO_CERTIFICATE = "no peer certificate available"

daemon: LiveDaemon
store: BlockingStore


def setUpModule() -> None:
    global daemon, store  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    store = BlockingStore(daemon.store_url)


def tearDownModule() -> None:
    store.close()
    daemon.close()


class Published:
    """One resource, as an operator changes it."""

    def __init__(self, owner: Any, kind: Kind, secrets: resources.Secrets = resources.NONE, **settings: Any) -> None:
        self.kind = kind
        read, facts = forms.read(kind, settings), {"secrets": secrets, "now": int(time.time()), "grounds": GROUNDS}
        self.row = store.run(resources.create, OPERATOR, kind, read, **facts)
        at_end_of(owner, self.gone)

    @property
    def label(self) -> str:
        return f"{self.kind}:{self.row.id}"

    def change(self, **settings: Any) -> None:
        read, now = forms.read(self.kind, settings), int(time.time())
        store.run(resources.change, OPERATOR, self.kind, self.row.id, read, now=now, grounds=GROUNDS)

    def switch(self, enabled: bool) -> None:
        store.run(resources.switch, OPERATOR, self.kind, self.row.id, enabled, now=int(time.time()))

    def delete(self) -> None:
        store.run(resources.delete, OPERATOR, self.kind, self.row.id, now=int(time.time()))

    def gone(self) -> None:
        with contextlib.suppress(Exception):
            self.delete()

    def lines(self) -> list[dict[str, Any]]:
        """Of the exchange log."""
        return [line for line in daemon.exchanges() if line.get("proxy") == self.label]


class Server(Served):
    """By TCP: greets, and sends back what comes.  With a context, TLS is around it."""

    def __init__(self, owner: Any, context: ssl.SSLContext | None = None, greeting: bytes = BY_HAND) -> None:
        super().__init__()
        self._context = context
        self._greeting = greeting
        at_end_of(owner, self.close)
        self.begin()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
            client.sendall(self._greeting)
            while data := client.recv(65536):
                client.sendall(data)


class DatagramServer:
    """By UDP: sends back what comes, with its own word in front."""

    def __init__(self, owner: Any, word: bytes = b"") -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._word = word
        self.port: int = self._sock.getsockname()[1]
        at_end_of(owner, self._sock.close)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, address = self._sock.recvfrom(65536)
                self._sock.sendto(self._word + data, address)


def connected(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A connection that has got its greeting.  Raises: OSError; EOFError where it ends before."""
    sock = socket.create_connection((host, port), 60)
    try:
        if received(sock, 4) != BY_HAND:
            raise EOFError
    except BaseException:
        sock.close()
        raise
    return sock


def echoed(sock: socket.socket, text: bytes) -> bool:
    sock.sendall(text)
    return received(sock, len(text)) == text


def received(sock: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer where the other side ends before."""
    data = b""
    while len(data) < size and (more := sock.recv(size - len(data))):
        data += more
    return data


def serves(port: int, host: str = "127.0.0.1") -> bool:
    try:
        with connected(port, host) as sock:
            return echoed(sock, b"hello")
    except (OSError, EOFError):
        return False


def refuses(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), 60).close()
    except ConnectionRefusedError:
        return True
    return False


def ended(sock: socket.socket) -> bool:
    """Whether the other side has ended or reset it."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def asked(port: int, text: bytes, host: str = "127.0.0.1", seconds: float = 0.5) -> bytes | None:
    """What is answered by UDP; None for nothing in so many seconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        sock.connect((host, port))
        try:
            sock.send(text)
            return sock.recv(65536)
        except OSError:
            return None


def s_client(port: int, authority: Path, name: str = "") -> str:
    """What `openssl s_client` says of a server's certificate, which has to be the name's."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(authority)]
    words += ["-servername", name, "-verify_hostname", name] if name else ["-noservername"]
    done = subprocess.run(words, input=b"Q\n", capture_output=True, timeout=60, check=False)
    return (done.stdout + done.stderr).decode("latin-1")


@contextlib.contextmanager
def busy(work: Callable[[], bool]) -> Iterator[list[bool]]:
    """Do work again and again meanwhile; how it went each time."""
    over = threading.Event()
    went: list[bool] = []

    def again() -> None:
        while not over.is_set():
            went.append(work())

    worker = threading.Thread(target=again)
    worker.start()
    try:
        yield went
    finally:
        over.set()
        worker.join()


class StreamTests(SynchronousTestCase):
    def test_by_connection_through_its_whole_life(self) -> None:
        """Before it is there, then on, changed, off, on again, and deleted."""
        one, two, port = Server(self), Server(self), free_port()
        self.assertTrue(refuses(port))
        stream = Published(self, "stream-hosts", incoming_port=port, forward_host="127.0.0.1", forward_port=one.port)
        until(lambda: serves(port))
        for host in ("127.0.0.1", "::1"):
            self.assertTrue(serves(port, host))
        held = connected(port)
        self.addCleanup(held.close)
        stream.change(forward_port=two.port)
        one.close()
        until(lambda: serves(port))
        self.assertTrue(echoed(held, b"as before"))
        stream.switch(False)
        until(lambda: refuses(port))
        self.assertTrue(ended(held))
        stream.switch(True)
        until(lambda: serves(port))
        stream.delete()
        until(lambda: refuses(port))

    def test_what_is_counted_is_what_is_logged(self) -> None:
        """By all streams of all tests, as the bytes of one may be brought to the store while another begins."""

        def logged() -> int:
            return sum(line["up"] + line["down"] for line in daemon.exchanges() if line["username"] == "admin")

        server, port = Server(self), free_port()
        stream = Published(self, "stream-hosts", incoming_port=port, forward_host="localhost", forward_port=server.port)
        until(lambda: not refuses(port))
        data = bytes(range(256)) * 4000
        with connected(port) as sock:
            sender = threading.Thread(target=sock.sendall, args=(data,))
            sender.start()
            self.assertEqual(received(sock, len(data)), data)
            sender.join()
        until(lambda: any(line["up"] == len(data) for line in stream.lines()))
        until(lambda: daemon.total("admin") == logged())
        line = next(line for line in stream.lines() if line["up"])
        told = line["method"], line["host"], line["port"], line["exit"], line["status"], line["reason"], line["down"]
        self.assertEqual(told, ("TCP", "localhost", server.port, "127.0.0.1", 200, "", len(data) + 4))
        self.assertEqual((line["username"], line["token"]), ("admin", stream.row.token_id))

    def test_by_datagram_through_its_whole_life(self) -> None:
        one, two, port = DatagramServer(self), DatagramServer(self, b"two:"), free_port()
        self.assertIsNone(asked(port, b"early", seconds=0.1))
        facts = {"incoming_port": port, "forward_host": "127.0.0.1", "protocol": "udp"}
        stream = Published(self, "stream-hosts", forward_port=one.port, **facts)
        until(lambda: asked(port, b"hello") == b"hello")
        for size in (1, 1500, 60_000, 65_507):
            self.assertEqual(asked(port, bytes(size), seconds=60), bytes(size))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.settimeout(60)
            held.connect(("127.0.0.1", port))
            held.send(b"one")
            self.assertEqual(held.recv(100), b"one")
            stream.change(forward_port=two.port)
            until(lambda: asked(port, b"hello") == b"two:hello")
            held.send(b"two")
            self.assertEqual(held.recv(100), b"two:two")
        stream.switch(False)
        until(lambda: asked(port, b"hello", seconds=0.2) is None)
        stream.switch(True)
        until(lambda: asked(port, b"hello") == b"two:hello")
        stream.delete()
        until(lambda: asked(port, b"hello", seconds=0.2) is None)
        until(lambda: any(line["up"] == line["down"] == 65_507 for line in stream.lines()))
        self.assertEqual({line["method"] for line in stream.lines()}, {"UDP"})

    def test_both_at_one_port(self) -> None:
        port = free_port()
        server = Server(self)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", server.port))
            sock.settimeout(60)
            facts = {"forward_host": "127.0.0.1", "forward_port": server.port, "protocol": "tcp+udp"}
            Published(self, "stream-hosts", incoming_port=port, **facts)
            until(lambda: serves(port))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(60)
                client.connect(("127.0.0.1", port))
                client.send(b"hello")
                data, flow = sock.recvfrom(100)
                sock.sendto(data + b" you", flow)
                self.assertEqual(client.recv(100), b"hello you")

    def test_a_port_that_something_else_holds(self) -> None:
        """It is said, and served as soon as it is free."""
        server = Server(self)
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            since = daemon.log_position
            facts = {"incoming_port": port, "forward_host": "127.0.0.1", "forward_port": server.port}
            stream = Published(self, "stream-hosts", **facts)
            said = f"{stream.label} cannot be served at tcp port {port}: Address already in use; it is tried again"
            daemon.wait_for_log(said, since=since)
        until(lambda: serves(port))

    def test_changes_touch_nobody_else(self) -> None:
        """While streams come and go, each of another's connections is served."""
        server, steady = Server(self), free_port()
        facts = {"forward_host": "127.0.0.1", "forward_port": server.port}
        Published(self, "stream-hosts", incoming_port=steady, **facts)
        until(lambda: serves(steady))
        with connected(steady) as held, busy(lambda: serves(steady)) as went:
            for _ in range(20):
                passing = Published(self, "stream-hosts", incoming_port=free_port(), **facts)
                passing.switch(False)
                passing.switch(True)
                passing.delete()
            self.assertTrue(echoed(held, b"still here"))
        self.assertTrue(went)
        self.assertTrue(all(went), f"{went.count(False)} of {len(went)} failed")


class SecureCase(SynchronousTestCase):
    """With servers whose certificates are of one authority."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = trustme.CA()
        cls.file = daemon.folder / "authority.pem"
        cls.authority.cert_pem.write_to_path(cls.file)

    def secure(self, name: str) -> Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(context)
        return Server(self, context, greeting=f"this is {name}\n".encode())

    def said(self, port: int, name: str) -> str:
        """The server's greeting by TLS, whose certificate must be the name's own; "" where there is none."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        try:
            with (
                socket.create_connection(("127.0.0.1", port), 60) as sock,
                context.wrap_socket(sock, server_hostname=name) as client,
            ):
                return client.recv(100).decode().strip()
        except OSError:
            return ""


class NameTests(SecureCase):
    """TLS clients by the name that they ask for, beside hosts and at ports of their own."""

    def test_several_names_at_one_port(self) -> None:
        port = free_port()
        facts = {"incoming_port": port, "forward_host": "127.0.0.1"}
        db, any_ = self.secure("db.example.com"), self.secure("x.example.com")
        stream = Published(self, "stream-hosts", sni_match="db.example.com", forward_port=db.port, **facts)
        Published(self, "stream-hosts", sni_match="*.example.com", forward_port=any_.port, **facts)
        until(lambda: self.said(port, "db.example.com") == "this is db.example.com")
        until(lambda: self.said(port, "x.example.com") == "this is x.example.com")
        self.assertEqual(self.said(port, "db.example.org"), "")
        self.assertIn(VERIFIED, s_client(port, self.file, "db.example.com"))
        self.assertIn(NO_CERTIFICATE, s_client(port, self.file))
        stream.switch(False)
        until(lambda: self.said(port, "db.example.com") == "")
        self.assertEqual(self.said(port, "x.example.com"), "this is x.example.com")

    def test_tls_that_ends_here(self) -> None:
        """The upstream gets plain bytes; with its certificate switched off a stream serves nobody."""
        certificate = self.certificate("mail.example.com")
        server, port = Server(self), free_port()
        facts = {"incoming_port": port, "forward_host": "127.0.0.1", "forward_port": server.port}
        stream = Published(self, "stream-hosts", certificate_id=certificate.row.id, **facts)
        until(lambda: self.said(port, "mail.example.com") == "220")
        self.assertIn(VERIFIED, s_client(port, self.file, "mail.example.com"))
        certificate.switch(False)
        until(lambda: self.said(port, "mail.example.com") == "")
        certificate.switch(True)
        until(lambda: self.said(port, "mail.example.com") == "220")
        until(lambda: any(line["down"] == len(BY_HAND) for line in stream.lines()))

    def certificate(self, name: str) -> Published:
        """One that somebody has brought."""
        issued = self.authority.issue_cert(name)
        chain = "".join(each.bytes().decode() for each in issued.cert_chain_pems)
        found = checked(chain, issued.private_key_pem.bytes().decode(), int(time.time()))
        seals = Vault(daemon.data_dir / "secrets.key").seals()
        secrets = {
            "sealed_key": seals.seal_bytes(found.key.encode(), sealed_about(found.chain)),
            "expires": found.expires,
        }
        facts = {"domain_names": [name], "certificate": found.chain}
        return Published(self, "certificates", secrets, provider="custom", **facts)

    def test_beside_hosts(self) -> None:
        """At the port of HTTPS: a stream, and a host whose TLS is passed on; nobody else is shown a certificate."""
        db, vault = self.secure("db.example.com"), self.secure("vault.example.com")
        facts = {"forward_host": "127.0.0.1", "forward_port": db.port}
        stream = Published(self, "stream-hosts", incoming_port=HTTPS, sni_match="db.example.com", **facts)
        host = Published(
            self,
            "proxy-hosts",
            domain_names=["vault.example.com"],
            forward_scheme="https",
            forward_host="127.0.0.1",
            forward_port=free_port(),  # where nobody is, so that the next one is tried
            upstreams=[{"host": "127.0.0.1", "port": vault.port}],
            tls_passthrough=True,
        )
        for name, each in (("db.example.com", stream), ("vault.example.com", host)):
            until(lambda name=name: self.said(HTTPS, name) == f"this is {name}")
            self.assertIn(VERIFIED, s_client(HTTPS, self.file, name))
            each.switch(False)
            until(lambda name=name: self.said(HTTPS, name) == "")
            self.assertIn(NO_CERTIFICATE, s_client(HTTPS, self.file, name))
            each.switch(True)
            until(lambda name=name: self.said(HTTPS, name) == f"this is {name}")
            each.delete()
            until(lambda name=name: self.said(HTTPS, name) == "")
            until(lambda each=each: each.lines())
            self.assertEqual({line["method"] for line in each.lines()}, {"TLS"})


class ForwardTests(SynchronousTestCase):
    def test_of_one_address_and_of_one_device(self) -> None:
        server = Server(self)
        for interface, here, elsewhere in (("127.0.0.5", "127.0.0.5", "127.0.0.1"), ("lo", "127.0.0.1", "")):
            port = free_port()
            facts = {"incoming_port": port, "forward_host": "127.0.0.1", "forward_port": server.port}
            since = daemon.log_position
            forward = Published(self, "port-forwards", interface=interface, method="iptables", **facts)
            until(lambda port=port, here=here: serves(port, here))
            self.assertTrue(not elsewhere or refuses(port, elsewhere))
            daemon.wait_for_log("passed on by meshd itself and not by iptables", since=since)
            forward.switch(False)
            until(lambda port=port, here=here: refuses(port, here))
            forward.switch(True)
            until(lambda port=port, here=here: serves(port, here))
            forward.delete()
            until(lambda port=port, here=here: refuses(port, here))
            self.assertTrue(forward.lines())

    def test_by_datagram(self) -> None:
        server, port = DatagramServer(self), free_port()
        facts = {"incoming_port": port, "forward_host": "127.0.0.1", "forward_port": server.port, "protocol": "udp"}
        forward = Published(self, "port-forwards", interface="127.0.0.5", **facts)
        until(lambda: asked(port, b"hello", "127.0.0.5") == b"hello")
        forward.switch(False)
        until(lambda: asked(port, b"hello", "127.0.0.5", 0.2) is None)


class AgainTests(SecureCase):
    """What is published is served again by a daemon that is started, or told to read its settings."""

    def test_after_a_start(self) -> None:
        db, plain, port = self.secure("db.example.com"), Server(self), free_port()
        facts = {"forward_host": "127.0.0.1"}
        Published(self, "stream-hosts", incoming_port=HTTPS, sni_match="db.example.com", forward_port=db.port, **facts)
        Published(self, "stream-hosts", incoming_port=port, forward_port=plain.port, **facts)
        until(lambda: serves(port))
        daemon.restart()
        until(lambda: serves(port))
        self.assertEqual(self.said(HTTPS, "db.example.com"), "this is db.example.com")

    def test_after_a_reload(self) -> None:
        plain, port = Server(self), free_port()
        Published(self, "stream-hosts", incoming_port=port, forward_host="127.0.0.1", forward_port=plain.port)
        until(lambda: serves(port))
        with connected(port) as held:
            daemon.reload()
            self.assertTrue(echoed(held, b"still here"))
            self.assertTrue(serves(port))

    def test_hosts_move_to_another_port(self) -> None:
        """What shared their port is listened for by itself from then on; without the section nothing is served."""
        db, plain, port = self.secure("db.example.com"), Server(self), free_port()
        facts = {"forward_host": "127.0.0.1"}
        names = {"incoming_port": HTTPS, "sni_match": "db.example.com", "forward_port": db.port}
        Published(self, "stream-hosts", **names, **facts)
        Published(self, "stream-hosts", incoming_port=port, forward_port=plain.port, **facts)
        until(lambda: self.said(HTTPS, "db.example.com") == "this is db.example.com" and serves(port))
        daemon.reload(CONFIG.replace(f"tcp:{HTTPS}", f"tcp:{free_port()}"))
        until(lambda: self.said(HTTPS, "db.example.com") == "this is db.example.com")
        daemon.reload(CONFIG[CONFIG.index("[timeouts]") :])
        until(lambda: refuses(port) and refuses(HTTPS))
        daemon.reload(CONFIG)
        until(lambda: self.said(HTTPS, "db.example.com") == "this is db.example.com" and serves(port))

    def open_at(self, port: int, name: str) -> bool:
        """Whether a stream serves there, by TLS where it has a name."""
        return self.said(port, name) == f"this is {name}" if name else serves(port)

    def test_hosts_move_onto_a_port_of_a_stream(self) -> None:
        """Refused while the stream listens there, and nobody is disturbed; once it is off the hosts have the port, and
        the stream is served beside them if it has names, else not any more.
        """
        db, plain = self.secure("db.example.com"), Server(self)
        facts = {"forward_host": "127.0.0.1"}
        for names, server in ((False, plain), (True, db)):
            port = free_port()
            moved = CONFIG.replace(f"tcp:{HTTPS}", f"tcp:{port}")
            sni = {"sni_match": "db.example.com"} if names else {}
            stream = Published(self, "stream-hosts", incoming_port=port, forward_port=server.port, **sni, **facts)
            open_now = partial(self.open_at, port, "db.example.com" if names else "")
            until(open_now)
            self.assertIn("were not reloaded: cannot listen", daemon.reload(moved))
            self.assertTrue(open_now())
            stream.switch(False)
            until(lambda port=port: refuses(port))
            self.assertIn("settings reloaded", daemon.reload(moved))
            self.assertIn(NO_CERTIFICATE, s_client(port, self.file, "db.example.com"))
            stream.switch(True)
            if names:
                until(open_now)
            else:
                daemon.reload(moved)
                self.assertFalse(open_now())
            self.assertIn("settings reloaded", daemon.reload(CONFIG))
            until(open_now)

    def test_a_stop_lets_connections_end(self) -> None:
        plain, port = Server(self), free_port()
        Published(self, "stream-hosts", incoming_port=port, forward_host="127.0.0.1", forward_port=plain.port)
        until(lambda: serves(port))
        with connected(port) as held:
            stopping = threading.Thread(target=daemon.terminate)
            stopping.start()
            until(lambda: refuses(port))
            self.assertTrue(echoed(held, b"still here"))
            held.shutdown(socket.SHUT_WR)
            self.assertTrue(ended(held))
        stopping.join()
        daemon.start()
        until(lambda: serves(port))
