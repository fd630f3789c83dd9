"""`meshd restart`: a new process takes the listening sockets over, and nobody is refused, cut off or billed wrongly."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.live.hostedworld import SETTINGS, Publisher
from tests.live.raw import Raw, basic
from tests.live.test_hosts_streams import BY_HAND, DatagramServer, Server
from tests.live.test_stop import SET
from tests.load.world import LISTED, People
from tests.support import stores
from tests.support.daemon import CommandError, free_port, until
from tests.support.echoes import Echoes
from tests.support.load import Book, Client, crowd
from tests.support.origin import RecordingOrigin, pattern
from tests.support.succession import SucceededDaemon

RESTARTS = 3
CLIENTS = 24
INTERNAL = "http://meshd.internal/"


class UnderLoadTests(SynchronousTestCase):
    """Tunnels and kept connections go on while processes follow one another."""

    store = ""
    workers = 1

    def test_nobody_is_refused_and_the_books_are_equal(self) -> None:
        """Each request is answered, each tunnel comes to its end, each byte is in the store and in the log once."""
        settings = f"workers = {self.workers}\n[limits]\ntunnels_per_account = 0\n[timeouts]\ndrain = 20\n"
        daemon = SucceededDaemon(self, settings, store=self.store)
        people, origin, book = People(daemon), Echoes(self), Book()
        ended = asyncio.run(self._load(daemon, people, origin, book))
        self.assertEqual((ended, book.wrong, book.open), ([], [], set()))
        self.assertGreater(len(book.done), CLIENTS * RESTARTS)
        daemon.finish()
        clients = people.with_parents(book.totals())
        self.assertEqual(people.stored(), clients)
        self.assertEqual(people.with_parents(people.logged()), clients)
        self.assertNotIn("Traceback", daemon.log_text())

    async def _load(self, daemon: SucceededDaemon, people: People, origin: Echoes, book: Book) -> list[str]:
        address = ("127.0.0.1", daemon.proxy_port)
        seeds = map(random.Random, range(CLIENTS))
        clients = [
            Client(book, address, origin, people.credentials, seed, source=LISTED, tunnels=0.25) for seed in seeds
        ]
        going = True
        work = asyncio.ensure_future(crowd(clients, lambda: going, pause=0.01))
        for _ in range(RESTARTS):
            before = len(book.done)
            while len(book.done) < before + CLIENTS:  # noqa: ASYNC110 (on what clients do)
                await asyncio.sleep(0.01)
            old = await asyncio.to_thread(daemon.hand_on)
            await asyncio.to_thread(daemon.wait_for, old)
        going = False
        return await work


class WorkersUnderLoadTests(UnderLoadTests):
    workers = 2


class PostgresUnderLoadTests(UnderLoadTests):
    def setUp(self) -> None:
        self.store = stores.postgres_url(self)


class RestartTests(SynchronousTestCase):
    def start(self, more: str = "", drain: float = 20) -> SucceededDaemon:
        daemon = SucceededDaemon(self, f"{more}[timeouts]\ndrain = {drain}\n")
        self.anna = basic("anna", daemon.account("anna"))
        return daemon

    def tunnel(self, daemon: SucceededDaemon) -> Raw:
        tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(RecordingOrigin(self, raw="echo").authority, self.anna), 200)
        self.assertTrue(tunnel.echoes())
        return tunnel

    def test_what_is_open_goes_on_in_the_process_before(self) -> None:
        """A tunnel until its end; a kept connection until its next answer, which closes it."""
        daemon, origin = self.start(), RecordingOrigin(self)
        tunnel, kept = self.tunnel(daemon), Raw(self, daemon.proxy_port)
        self.assertEqual(kept.get(origin.url(), self.anna), 200)
        old = daemon.hand_on()
        self.assertNotEqual(daemon.pid, old)
        self.assertTrue(tunnel.echoes(pattern(50_000)))
        self.assertEqual(kept.get(origin.url(), self.anna), 200)
        self.assertTrue(kept.ends())
        self.assertEqual(Raw(self, daemon.proxy_port).get(INTERNAL, self.anna), 200)
        names = [node["name"] for node in daemon.cli("node", "list")]
        self.assertEqual(len(names), 2, names)
        tunnel.socket.close()
        daemon.wait_for(old)
        until(lambda: len(daemon.cli("node", "list")) == 1, "the process before has taken leave")
        daemon.finish()
        sums = Counter({"anna": sum(line["up"] + line["down"] for line in daemon.exchanges())})
        self.assertEqual(daemon.total("anna"), sums["anna"])

    def test_what_is_taken_away_ends_in_the_process_before(self) -> None:
        """In its workers too, however long it may let its last exchanges end."""
        for more in ("", "workers = 2\n"):
            daemon = self.start(more, drain=3600)
            tunnel = self.tunnel(daemon)
            old = daemon.hand_on()
            self.assertTrue(tunnel.echoes())
            daemon.cli("account", "deactivate", "anna")
            self.assertTrue(tunnel.ends())
            daemon.wait_for(old)
            daemon.finish()

    def test_each_change_is_told_once(self) -> None:
        """While both processes are there, and after the one before has ended."""
        daemon = self.start()
        tunnel = self.tunnel(daemon)
        old = daemon.hand_on()
        daemon.cli("account", "set", "anna", "--plan", "20")
        until(lambda: len(_changes(daemon)) >= 2, "the change is told")
        tunnel.socket.close()
        daemon.wait_for(old)
        daemon.finish()
        told = (daemon.data_dir / "changes.log").read_text()
        self.assertEqual(_changes(daemon), ["account.create", "account.edit"], told)

    def test_what_is_open_when_the_time_is_over_is_ended(self) -> None:
        """And billed; the process after is not concerned."""
        daemon = self.start(drain=1)
        tunnel = self.tunnel(daemon)
        old = daemon.hand_on()
        self.assertTrue(tunnel.ends(SET), "it has the thirty seconds of the default")
        daemon.wait_for(old)
        self.assertGreater(daemon.total("anna"), 0)
        self.assertEqual(Raw(self, daemon.proxy_port).get(INTERNAL, self.anna), 200)

    def test_one_at_a_time(self) -> None:
        """While the process before still drains, a further restart is refused, and may be asked for later."""
        daemon = self.start()
        tunnel = self.tunnel(daemon)
        old, now = daemon.hand_on(), daemon.pid
        with self.assertRaisesRegex(CommandError, f"process {old}, .* still lets its last exchanges end"):
            daemon.hand_on()
        self.assertEqual(daemon.pid, now)
        tunnel.socket.close()
        daemon.wait_for(old)
        self.assertEqual(daemon.hand_on(), now)

    def test_a_successor_that_cannot_start_changes_nothing(self) -> None:
        """Who asked is told why; the process serves on, and hands on as soon as the settings are right."""
        daemon = self.start()
        pid = daemon.pid
        assert daemon.config_file is not None
        right = daemon.config_file.read_text()
        other = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(other.close)
        taken = right.replace(f"tcp:{daemon.api_port}", f"tcp:{other.getsockname()[1]}:interface=127.0.0.1")
        missing = f'{right}\n[log]\nexchanges = "{daemon.folder}/none/exchanges.log"\n'
        for wrong, why in ((missing, "there is no folder"), (taken, "Address already in use")):
            daemon.config_file.write_text(wrong)
            with self.assertRaisesRegex(CommandError, f"not restarted, process {pid} goes on: .*{why}"):
                daemon.hand_on()
            self.assertEqual(Raw(self, daemon.proxy_port).get(INTERNAL, self.anna), 200)
        daemon.config_file.write_text(right)
        self.assertEqual(daemon.hand_on(), pid)

    def test_a_unix_socket_stays_where_it_is(self) -> None:
        """And goes with the last process that has it."""
        daemon = self.start('[proxy]\nlisten = ["unix:p.sock"]\n')
        path = daemon.folder / "p.sock"
        inode = path.stat().st_ino
        for _ in range(2):
            daemon.wait_for(daemon.hand_on())
            self.assertEqual(path.stat().st_ino, inode)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(path))
        daemon.finish()
        self.assertFalse(path.exists())

    def test_more_and_fewer_workers(self) -> None:
        """All sockets of a port stay open, whoever accepts at them: who waits in any of them is let in."""
        daemon = self.start("workers = 2\n")
        assert daemon.config_file is not None
        text = daemon.config_file.read_text()
        for workers in (3, 1, 2):
            daemon.config_file.write_text(text.replace("workers = 2\n", f"workers = {workers}\n"))
            daemon.wait_for(daemon.hand_on())
            for _ in range(30):
                self.assertEqual(Raw(self, daemon.proxy_port).get(INTERNAL, self.anna), 200)


class MovedTests(SynchronousTestCase):
    """A restart and a live move of the store."""

    def test_one_after_the_other(self) -> None:
        """The move waits for the end of the process before, which may still write; then it knows the one that serves.

        A socket that a killed command has left behind is in nobody's way."""
        daemon = SucceededDaemon(self, "[timeouts]\ndrain = 20\n")
        anna = basic("anna", daemon.account("anna"))
        tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(RecordingOrigin(self, raw="echo").authority, anna), 200)
        old = daemon.hand_on()
        move = ("move", "--live", "--to", f"sqlite:///{daemon.folder}/other.sqlite3")
        with self.assertRaisesRegex(CommandError, f"process {old}, .* still lets its last exchanges end"):
            daemon.cli(*move)
        tunnel.socket.close()
        daemon.wait_for(old)
        (daemon.data_dir / "move.sock").touch()
        self.assertIn("settings reloaded", daemon.reload())
        self.assertGreater(daemon.cli(*move)["rows"], 0)
        self.assertEqual(Raw(self, daemon.proxy_port).get(INTERNAL, anna), 200)


class HostedTests(SynchronousTestCase):
    """What is published: hosts by name, and a stream by TCP and by datagram."""

    def test_ports_of_streams_are_handed_on(self) -> None:
        """Nobody is refused there either; a connection goes on, datagrams come to the new process."""
        port, server, datagrams = free_port(), Server(self), DatagramServer(self)
        ports = {"api": free_port(), "http": free_port(), "https": free_port()}
        daemon = SucceededDaemon(self, SETTINGS.format(**ports) + "[timeouts]\ndrain = 20\n")
        publisher = Publisher(daemon)
        self.addCleanup(publisher.close)
        to = {"incoming_port": port, "forward_host": "127.0.0.1"}
        publisher.publish("stream-hosts", forward_port=server.port, **to)
        publisher.publish("stream-hosts", forward_port=datagrams.port, protocol="udp", **to)
        until(lambda: self.greeted(port), "the stream is served")
        kept = socket.create_connection(("127.0.0.1", port), 60)
        self.addCleanup(kept.close)
        self.assertEqual(kept.recv(100), BY_HAND)
        self.assertTrue(self.answered(port))
        connecting = Connecting(port, BY_HAND)
        old = daemon.hand_on()
        self.assertEqual(connecting.stop(), [])
        kept.sendall(b"still here")
        self.assertEqual(kept.recv(100), b"still here")
        self.assertTrue(self.greeted(port))
        self.assertTrue(self.answered(port))
        kept.close()
        daemon.wait_for(old)
        self.assertTrue(self.greeted(port))

    def greeted(self, port: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 60) as client:
                return client.recv(100) == BY_HAND
        except ConnectionRefusedError:
            return False

    def answered(self, port: int) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(60)
            client.sendto(b"hello", ("127.0.0.1", port))
            return client.recv(100).endswith(b"hello")


class Connecting:
    """Connects again and again, in a thread, until it is stopped; each time it waits for the greeting."""

    def __init__(self, port: int, greeting: bytes) -> None:
        self._port, self._greeting = port, greeting
        self._failed: list[str] = []
        self._going = True
        self._thread = threading.Thread(target=self._connect, daemon=True)
        self._thread.start()

    def _connect(self) -> None:
        while self._going:
            try:
                with socket.create_connection(("127.0.0.1", self._port), 60) as client:
                    if client.recv(100) != self._greeting:
                        self._failed.append("it was closed without a greeting")
            except OSError as error:
                self._failed.append(str(error))

    def stop(self) -> list[str]:
        """What has failed."""
        self._going = False
        self._thread.join()
        return self._failed


def _changes(daemon: SucceededDaemon) -> list[str]:
    """The actions in the change log."""
    return [json.loads(line)["action"] for line in (daemon.data_dir / "changes.log").read_text().splitlines()]
