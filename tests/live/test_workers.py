"""A daemon with two workers, on both stores: clients reach both, and whatever holds, holds in both."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import terms
from tests.faults.world import eventually
from tests.support import crews, stores
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.echoes import Echoes
from tests.support.load import Book, Bytes, Credential, Gone, Link, basic, ended_at

WORKERS = 2
SETTINGS = f"workers = {WORKERS}\n"


HEAD, ROW = 15 + 32, 16 + 4
"""Bytes of the file of what is known of passwords: of its head with the key, and of each finding."""


class Tunnels:
    """Tunnels of one customer, and which worker has each."""

    def __init__(self, daemon: LiveDaemon, origin: Echoes, who: Credential) -> None:
        self.daemon = daemon
        self.book = Book()
        self._origin = origin
        self.who = who
        self.by_worker: dict[int, list[tuple[Link, Bytes]]] = {number: [] for number in range(1, WORKERS + 1)}

    async def open(self) -> int:
        """One more; the worker that has it."""
        link = await Link.open(self.book, ("127.0.0.1", self.daemon.proxy_port))
        head, counted = await link.connect(self.who, self._origin.raw)
        assert head.status == 200, head
        await link.send(b"E", counted)
        await link.echo(b"here", counted)
        number = crews.owner(self.daemon, self.daemon.proxy_port, link.sock.getsockname()[1])
        self.by_worker[number].append((link, counted))
        return number

    async def fill(self, each: int = 2) -> None:
        """Some at every worker."""
        for _ in range(200):
            await self.open()
            if all(len(tunnels) >= each for tunnels in self.by_worker.values()):
                return
        raise AssertionError({number: len(tunnels) for number, tunnels in self.by_worker.items()})

    def all(self) -> list[tuple[Link, Bytes]]:
        return [each for tunnels in self.by_worker.values() for each in tunnels]


class WorkersTests(SynchronousTestCase):
    store = ""

    def setUp(self) -> None:
        self.daemon = LiveDaemon(self, SETTINGS, store=self.store)
        self.origin = Echoes(self)

    def customer(self, name: str, **options: object) -> Credential:
        return basic(name, name, self.daemon.account(name, **options))

    def tunnels(self, name: str = "anna", **options: object) -> Tunnels:
        return Tunnels(self.daemon, self.origin, self.customer(name, **options))

    def test_clients_reach_all_and_the_books_have_all(self) -> None:
        """Both workers carry tunnels; store and log have the bytes of both; what is open is told of both."""
        tunnels = self.tunnels()

        async def scenario() -> None:
            await tunnels.fill()
            nodes = until(lambda: {each["node"].rpartition("#")[2] for each in self._open()}, "it is told")
            await asyncio.to_thread(until, lambda: {e["node"].rpartition("#")[2] for e in self._open()} == {"1", "2"})
            self.assertLessEqual(nodes, {"1", "2"})
            for link, counted in tunnels.all():
                await link.finish(counted)

        asyncio.run(scenario())
        expected = tunnels.book.totals()["anna"]
        until(lambda: self.daemon.total("anna") == expected, "all is billed")
        until(lambda: self._logged() == expected, "all is logged")

    def test_a_killed_worker_loses_its_own_tunnels_alone(self) -> None:
        """Those of the other go on; the place is filled, and clients are let in there again."""
        tunnels = self.tunnels()

        async def scenario() -> None:
            await tunnels.fill()
            before = crews.kill(self.daemon, 1)
            for link, counted in tunnels.by_worker[1]:
                await asyncio.wait_for(ended_at(link, counted), 60)
            for link, counted in tunnels.by_worker[2]:
                await link.echo(b"untouched", counted)
            await asyncio.to_thread(crews.filled, self.daemon, 1, before)
            others = Tunnels(self.daemon, self.origin, tunnels.who)
            await others.fill()
            for link, counted in (*tunnels.by_worker[2], *others.all()):
                await link.finish(counted)
            tunnels.book.done += others.book.done

        asyncio.run(scenario())
        finished = tunnels.book.totals()["anna"]
        cut = sum(counted.up + counted.down for counted in tunnels.book.open)
        until(lambda: self.daemon.total("anna") == finished + cut, f"{finished} and {cut} are billed")
        until(lambda: self._logged() == finished + cut, "and logged")
        self.assertIn("worker 1 has ended", self.daemon.log_text())
        self.assertNotIn("Traceback", self.daemon.log_text())

    def test_who_waits_while_a_worker_is_away_is_served_by_the_next(self) -> None:
        """A connection that the kernel has given to the socket of a worker that is stopped waits for its successor."""
        number, pid = 1, crews.workers(self.daemon)[1]
        os.kill(pid, signal.SIGSTOP)
        who = self.customer("anna")

        async def scenario() -> None:
            book = Book()
            links = [await Link.open(book, ("127.0.0.1", self.daemon.proxy_port)) for _ in range(32)]
            asked = [asyncio.ensure_future(link.get(who, self.origin.http, "/n/10/m")) for link in links]

            async def one_has_served_its_clients() -> bool:
                """All that have no answer wait at one socket, and some have one."""
                left = sum(not each.done() for each in asked)
                return left < len(asked) and [left] == [each for each in crews.waiting(self.daemon.proxy_port) if each]

            await eventually(one_has_served_its_clients, "the clients of the other worker are served")
            os.kill(pid, signal.SIGKILL)
            answers = await asyncio.wait_for(asyncio.gather(*asked), 60)
            self.assertEqual({head.status for head, _ in answers}, {200})
            for link in links:
                link.close()

        asyncio.run(scenario())
        crews.filled(self.daemon, number, pid)

    def test_a_right_that_is_gone_ends_tunnels_in_all(self) -> None:
        tunnels = self.tunnels()

        async def scenario() -> None:
            await tunnels.fill()
            await asyncio.to_thread(self.daemon.cli, "account", "deactivate", "anna")
            for link, counted in tunnels.all():
                await asyncio.wait_for(ended_at(link, counted), 60)

        asyncio.run(scenario())

    def test_a_ban_holds_in_all(self) -> None:
        """Four wrong passwords, wherever they came in, and the right one is refused wherever it comes in."""
        self.customer("anna", password="the right one")

        async def status(password: str) -> int:
            link = await Link.open(Book(), ("127.0.0.1", self.daemon.proxy_port))
            head, _ = await link.get(basic("anna", "anna", password), self.origin.http, "/n/10/m")
            link.close()
            return head.status

        async def scenario() -> None:
            for number in range(4):
                await status(f"wrong {number}")
            statuses = {await status("the right one") for _ in range(16)}
            self.assertEqual(len(statuses), 1, statuses)
            self.assertNotEqual(statuses, {200})

        asyncio.run(scenario())

    def test_a_limit_holds_over_all(self) -> None:
        """What is passed is what each worker had no time to tell of: far less than a slice for each."""
        limit, slice_bytes = 10_000_000, 4 * 1024 * 1024
        tunnels = Tunnels(self.daemon, self.origin, self.customer("anna", total_limit="0.01"))

        async def scenario() -> None:
            await tunnels.fill(4)
            await asyncio.gather(*(self._pull(link, counted) for link, counted in tunnels.all()))

        asyncio.run(asyncio.wait_for(scenario(), 180))
        until(lambda: self.daemon.total("anna") >= limit, "the limit is reached")
        self.assertLessEqual(self.daemon.total("anna"), limit + WORKERS * slice_bytes)

    def test_exchanges_at_a_time_are_counted_over_all(self) -> None:
        """An account that may have six has them at both workers together; once it has, neither lets in another."""
        who = self.customer("anna")
        self.daemon.cli("account", "bounds", "anna", "tunnels=6")
        self.daemon.reload(f"{SETTINGS}[timeouts]\nturn = 0\n")
        tunnels = Tunnels(self.daemon, self.origin, who)

        async def refused() -> bool:
            """Whether all of some tries are, which reach both."""
            statuses = []
            for _ in range(12):
                link = await Link.open(tunnels.book, ("127.0.0.1", self.daemon.proxy_port))
                head, counted = await link.connect(who, self.origin.raw)
                statuses.append(head.status)
                tunnels.book.forget(counted)
                link.close()
            return set(statuses) == {429}

        async def scenario() -> None:
            for _ in range(6):
                await tunnels.open()
            await eventually(refused, "neither lets in another")
            for link, counted in tunnels.all():
                await link.finish(counted)

        asyncio.run(scenario())

    def test_a_sub_account_that_is_moved(self) -> None:
        """It is asked for all the time, at both workers: what began before is the former parent's to pay, what begins
        then the new one's, to the byte.
        """
        self.patch(terms, "STILL", 0)  # what is open has ended when it is moved, as a wait would see to
        for parent in ("north", "south"):
            self.daemon.account(parent)
        tunnels = self.tunnels("sam", parent="north")
        moved: list[str] = []

        def parents() -> tuple[Counter[str], set[tuple[str, str]]]:
            """What each has to pay by the log, and for which worker."""
            sums, workers = Counter[str](), set()
            for line in self.daemon.exchanges():
                parent = "south" if moved and line["at"] > moved[0] else "north"
                sums[parent] += line["up"] + line["down"]
                if line["status"] == 200:
                    workers.add((parent, line["id"].partition("-")[0]))
            return sums, workers

        async def carried_by_both(parents_yet: int) -> None:
            await eventually(lambda: _is(len(parents()[1]) == WORKERS * parents_yet), "both workers carry it")

        async def scenario() -> None:
            await tunnels.fill()
            asking = [asyncio.ensure_future(self._ask(tunnels)) for _ in range(8)]
            await carried_by_both(1)
            await asyncio.to_thread(self.daemon.cli, "account", "deactivate", "sam")
            for link, counted in tunnels.all():
                await asyncio.wait_for(ended_at(link, counted), 60)
            moved.append(datetime.now(UTC).isoformat())
            await asyncio.to_thread(self.daemon.cli, "account", "set", "sam", "--parent", "south")
            await asyncio.to_thread(self.daemon.cli, "account", "activate", "sam")
            await carried_by_both(2)
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

        asyncio.run(asyncio.wait_for(scenario(), 180))

        def billed() -> bool:
            sums, totals = parents()[0], self.daemon.totals()
            return all(totals[parent] == sums[parent] > 0 for parent in ("north", "south"))

        until(billed, "each has its own")
        self.assertNotIn("Traceback", self.daemon.log_text())

    async def _ask(self, tunnels: Tunnels) -> None:
        """Without end, by ever new connections."""
        while True:
            link = await Link.open(Book(), ("127.0.0.1", self.daemon.proxy_port))
            try:
                for _ in range(20):
                    await link.get(tunnels.who, self.origin.http, "/n/1000/m")
            except Gone:
                pass
            finally:
                link.close()

    async def _pull(self, link: Link, counted: Bytes) -> None:
        try:
            while True:
                await link.echo(b"x" * 100_000, counted)
        except Gone:
            link.close()

    def test_a_reload_reaches_all(self) -> None:
        """A proxy that is new is served by both at once, and one that is gone by none; what is open goes on."""
        port = free_port()
        before, tunnels = crews.workers(self.daemon), self.tunnels()
        two = f'[proxies.local]\nlisten = ["tcp:{self.daemon.proxy_port}"]\n[proxies.us]\nlisten = ["tcp:{port}"]\n'

        async def scenario() -> None:
            await tunnels.fill()
            self.assertIn("settings reloaded", await asyncio.to_thread(self.daemon.reload, f"{SETTINGS}{two}"))
            await asyncio.to_thread(self.daemon.cli, "proxy", "authorize", "anna", "us")
            owners = set()
            for _ in range(64):
                link = await Link.open(tunnels.book, ("127.0.0.1", port))
                head, counted = await link.connect(tunnels.who, self.origin.raw)
                self.assertEqual(head.status, 200, head)
                owners.add(crews.owner(self.daemon, port, link.sock.getsockname()[1]))
                link.close()
                tunnels.book.forget(counted)
            self.assertEqual(owners, {1, 2})
            for link, counted in tunnels.all():
                await link.echo(b"as ever", counted)
            self.assertIn("not reloaded", await asyncio.to_thread(self.daemon.reload, f"{SETTINGS}nonsense = 1\n"))
            self.assertIn("settings reloaded", await asyncio.to_thread(self.daemon.reload, SETTINGS))
            with self.assertRaises(OSError):
                await Link.open(tunnels.book, ("127.0.0.1", port))
            for link, counted in tunnels.all():
                await link.finish(counted)

        asyncio.run(scenario())
        self.assertEqual(crews.workers(self.daemon), before, "nobody is replaced for a reload")

    def test_a_worker_that_begins_later_has_the_settings_in_force(self) -> None:
        """Those that were reloaded, and not what stands in a file that nobody has reloaded yet."""
        port, who = free_port(), self.customer("anna")
        two = f'[proxy]\nlisten = ["tcp:{self.daemon.proxy_port}", "tcp:{port}"]\n'
        self.daemon.reload(f"{SETTINGS}{two}")
        self.daemon.configure(f"{SETTINGS}nonsense = 1\n")
        crews.filled(self.daemon, 2, crews.kill(self.daemon, 2))

        async def scenario() -> None:
            for _ in range(16):
                link = await Link.open(Book(), ("127.0.0.1", port))
                self.assertEqual((await link.get(who, self.origin.http, "/n/10/m"))[0].status, 200)
                link.close()

        asyncio.run(scenario())

    def test_a_stop_ends_all_and_counts_all(self) -> None:
        """Tunnels have the time for draining; then nothing is left but what is billed."""
        self.daemon.reload(f"{SETTINGS}[timeouts]\ndrain = 1\n")
        tunnels = self.tunnels()

        async def scenario() -> None:
            await tunnels.fill()
            ending = [asyncio.ensure_future(ended_at(link, counted)) for link, counted in tunnels.all()]
            self.assertEqual(await asyncio.to_thread(self.daemon.terminate), 0)
            await asyncio.wait_for(asyncio.gather(*ending), 60)

        processes = crews.workers(self.daemon)
        asyncio.run(scenario())
        self.assertFalse([pid for pid in processes.values() if crews.lives(pid)])
        total = sum(counted.up + counted.down for counted in tunnels.book.open)
        self.assertEqual(self.daemon.total("anna"), total)
        self.assertEqual(list((self.daemon.data_dir / "journal").iterdir()), [])
        self.assertNotIn("Traceback", self.daemon.log_text())

    def test_nobody_outlives_a_daemon_that_is_killed(self) -> None:
        """And the next start bills what was counted, on the same ports."""
        tunnels = self.tunnels()
        asyncio.run(tunnels.fill())
        processes = crews.workers(self.daemon)
        self.daemon.kill()
        until(lambda: not [pid for pid in processes.values() if crews.lives(pid)], "all have ended")
        self.daemon.start()
        total = sum(counted.up + counted.down for counted in tunnels.book.open)
        until(lambda: self.daemon.total("anna") == total, "all is billed")

    def _open(self) -> list[dict[str, Any]]:
        return list(self.daemon.cli("exchange", "list"))

    def _logged(self) -> int:
        return sum(line["up"] + line["down"] for line in self.daemon.exchanges())


async def _is(condition: bool) -> bool:
    return condition


class PostgresWorkersTests(WorkersTests):
    """The same on PostgreSQL."""

    def setUp(self) -> None:
        self.store = stores.postgres_url(self)
        super().setUp()


class StartTests(SynchronousTestCase):
    def test_a_port_that_others_share_is_told(self) -> None:
        """Somebody else's socket that would share it is no reason to share it."""
        daemon = LiveDaemon(self, SETTINGS, start=False)
        with socket.socket(socket.AF_INET6) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("::", daemon.proxy_port))
            other.listen()
            status, said = daemon.failed_start()
        self.assertEqual(status, 1)
        self.assertIn(f"cannot listen on tcp:{daemon.proxy_port}", said)

    def test_no_secret_is_where_others_see_it(self) -> None:
        """Neither in the arguments nor in the environment of any process."""
        daemon = LiveDaemon(self, SETTINGS, environ={"MESHD_SELLING_NOTE": "sesame"})
        children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
        processes = [*children, *map(str, crews.workers(daemon).values())]
        self.assertGreaterEqual(len(set(processes)), WORKERS + 1)
        for pid in processes:
            for name in ("cmdline", "environ"):
                self.assertNotIn(b"sesame", Path(f"/proc/{pid}/{name}").read_bytes())

    def test_a_password_is_hashed_by_one_for_all(self) -> None:
        """What one worker has found right, all know, and the processes after a restart too, whichever finds what."""
        runtime = tempfile.mkdtemp(prefix="meshd-runtime-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, runtime, ignore_errors=True)
        daemon = LiveDaemon(self, SETTINGS, environ={"RUNTIME_DIRECTORY": runtime})
        origin, names = Echoes(self), [f"customer{number}" for number in range(6)]
        people = [basic(name, name, daemon.account(name)) for name in names]

        async def ask(who: Credential) -> int:
            link = await Link.open(Book(), ("127.0.0.1", daemon.proxy_port))
            head, _ = await link.get(who, origin.http, "/n/10/m")
            link.close()
            return head.status

        async def all_ask() -> set[int]:
            return {await ask(who) for who in people for _ in range(4)}

        self.assertEqual(asyncio.run(all_ask()), {200})
        self.assertEqual(daemon.terminate(), 0)
        (kept,) = Path(runtime).iterdir()
        known = kept.read_bytes()
        self.assertEqual(len(known), HEAD + ROW * len(people), "the daemon keeps what workers found")
        daemon.start()
        self.assertEqual(asyncio.run(all_ask()), {200})
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(kept.read_bytes(), known, "nothing was hashed anew")

    def test_who_forks_can_die_too(self) -> None:
        """Nobody else minds; who dies then has a successor from another nursery."""
        daemon = LiveDaemon(self, SETTINGS)
        before = crews.workers(daemon)
        (nursery,) = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
        os.kill(int(nursery), signal.SIGKILL)
        until(lambda: not crews.lives(int(nursery)), "it is gone")
        self.assertTrue(all(map(crews.lives, before.values())))
        crews.filled(daemon, 1, crews.kill(daemon, 1))
        self.assertEqual(daemon.terminate(), 0)
        self.assertFalse([pid for pid in crews.workers(daemon).values() if crews.lives(pid)])

    def test_more_workers_than_cores_interrupt_nobody(self) -> None:
        """By any of their threads; with as many cores nothing is changed."""
        cores = sorted(os.sched_getaffinity(0))
        for some in (cores[:1], cores[:WORKERS]):
            wrap = ("taskset", "--cpu-list", ",".join(map(str, some)))
            daemon = LiveDaemon(self, SETTINGS, wrap=wrap)
            wanted = os.SCHED_BATCH if len(some) < WORKERS else os.SCHED_OTHER
            for pid in crews.workers(daemon).values():
                threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
                self.assertGreater(len(threads), 1)
                self.assertEqual({os.sched_getscheduler(thread) for thread in threads}, {wanted})
            self.assertEqual(os.sched_getscheduler(daemon.pid), os.SCHED_OTHER)

    def test_a_start_without_workers_fails(self) -> None:
        """In one line, with status 1, and nobody listens."""
        daemon = LiveDaemon(self, f"{SETTINGS}[limits]\nconnections = 10\n", start=False)
        prelude = (
            "from meshd.daemon.workers import forks\n"
            "def fork(self, channel): raise OSError(24, 'Too many open files')\n"
            "forks.Forks.fork = fork\n"
        )
        command = [*daemon.command]
        command[command.index("-c") + 1] = f"{prelude}from twisted.scripts.twistd import run; run()"
        done = subprocess.run(
            command, check=False, env=daemon.environ, cwd=daemon.folder, capture_output=True, text=True, timeout=60
        )
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stdout + done.stderr)
        self.assertIn("meshd: worker 1: ", done.stderr)

    def test_unix_sockets_are_served_by_the_daemon(self) -> None:
        daemon = LiveDaemon(self, start=False)
        listen = f'listen = ["tcp:{daemon.proxy_port}", "unix:{daemon.folder}/proxy.sock"]\n'
        daemon.configure(f"{SETTINGS}[proxy]\n{listen}")
        daemon.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{daemon.folder}/proxy.sock")
            client.sendall(b"GET http://meshd.internal/ HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertIn(b" 407 ", client.recv(4096).split(b"\r\n")[0])
