"""`meshd doctor` on real installations, with the causes made one after the other."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psycopg2
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import RestingExit
from meshd.store.open import BlockingStore
from meshd.store.statements.exits import record
from meshd.values.version import version
from tests.support import postgres
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.stores import postgres_url

SECRET = "hunter2-hunter2"


class Names:
    """A name server that knows no name, on a thread."""

    def __init__(self, case: SynchronousTestCase) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        thread = threading.Thread(target=self._answer, daemon=True)
        thread.start()
        case.addCleanup(self._socket.close)
        case.addCleanup(thread.join)
        case.addCleanup(self._socket.sendto, b"", self._socket.getsockname())

    def _answer(self) -> None:
        while True:
            data, client = self._socket.recvfrom(512)
            if not data:
                return
            self._socket.sendto(data[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + data[12:], client)


class DoctorTests(SynchronousTestCase):
    store = ""

    def setUp(self) -> None:
        self.names = Names(self)

    def found(self, daemon: LiveDaemon, *areas: str) -> list[str]:
        """What is wrong in these areas (in all where none is named), after checking the answer's form."""
        status, out, err = daemon.run_cli("--json", "doctor")
        said = json.loads(out)
        wrong = [each for each in said["findings"] if each["severity"] == "wrong"]
        self.assertEqual((status, said["ok"]), (int(bool(wrong)), not wrong), err)
        self.assertTrue(all(each["mend"] for each in said["findings"]))
        self.assertNotIn(SECRET, out + err)
        self.notes = [each["what"] for each in said["findings"] if each["severity"] == "note"]
        return [each["what"] for each in wrong if not areas or each["area"] in areas]

    def daemon(self, config: str = "", **how: Any) -> LiveDaemon:
        return LiveDaemon(self, self.settings(config), store=self.store, **how)

    def settings(self, config: str) -> str:
        return config if "[dns]" in config else f'{config}[dns]\nservers = ["{self.names.address}"]\n'

    def reconfigured(self, daemon: LiveDaemon, config: str) -> None:
        daemon.configure(self.settings(config))

    def one(self, found: list[str], words: str) -> None:
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_nothing(self) -> None:
        """On a fresh installation that runs, that was stopped, and before it was ever started; it changes nothing."""
        daemon = self.daemon(start=False)
        self.assertEqual(self.found(daemon), [])
        self.assertFalse(daemon.data_dir.exists())
        daemon.start()
        daemon.account("alice")
        self.assertEqual(self.found(daemon), [])
        before = self.files(daemon)
        status, out, err = daemon.run_cli("doctor")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("ok     listeners\n", out)
        self.assertEqual(self.files(daemon), before)
        daemon.terminate()
        self.assertEqual(self.found(daemon), [])
        self.assertTrue(any("no daemon runs" in note for note in self.notes))

    def files(self, daemon: LiveDaemon) -> list[tuple[str, int]]:
        """Names and modes; the database's own files beside it come and go."""
        every = sorted(path for path in daemon.data_dir.rglob("*") if "sqlite3-" not in path.name)
        return [(str(path), path.stat().st_mode) for path in every]

    def test_settings(self) -> None:
        """That cannot be read, and that are not meant; the store's password is in no line."""
        daemon = self.daemon("[plans.gold]\nproxies = 1\n")
        daemon.account("alice", plan="gold")
        self.reconfigured(daemon, "")
        self.one(self.found(daemon, "settings"), "plan 'gold' is not in the settings")
        self.reconfigured(
            daemon, f'[timeouts]\nhead = "soon"\n[store]\nurl = "postgresql://me:{SECRET}@127.0.0.1:1/none"\n'
        )
        self.one(self.found(daemon), "head must be a number of seconds")

    def test_a_reload_that_was_refused(self) -> None:
        """Until one is taken."""
        daemon = self.daemon()
        daemon.reload(self.settings('[timeouts]\nhead = "soon"\n'))
        self.reconfigured(daemon, "")
        self.one(self.found(daemon, "daemon"), "the latest reload was refused")
        daemon.reload()
        self.assertEqual(self.found(daemon, "daemon"), [])

    def test_files(self) -> None:
        """Modes, a second name, journals, a certificate."""
        daemon = self.daemon()
        os.chmod(daemon.data_dir, 0o755)
        self.one(self.found(daemon, "files"), "is open to others (mode 0755)")
        os.chmod(daemon.data_dir, 0o700)
        os.link(daemon.data_dir / "exchanges.log", daemon.folder / "other")
        self.one(self.found(daemon, "files"), "has a second name")
        (daemon.folder / "other").unlink()
        (daemon.data_dir / "journal" / "0123.damaged").touch(mode=0o600)
        self.one(self.found(daemon, "files"), "0123.damaged")
        (daemon.data_dir / "journal" / "0123.damaged").unlink()
        self._certificate(daemon, days=3)
        self.one(self.found(daemon, "files"), "cert.pem ends in")
        self._certificate(daemon, days=30)
        self.assertEqual(self.found(daemon, "files"), [])

    def _certificate(self, daemon: LiveDaemon, days: int) -> None:
        where = ["-keyout", str(daemon.data_dir / "key.pem"), "-out", str(daemon.data_dir / "cert.pem")]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run(
            ["openssl", "req", "-x509", *key, *where, *name, "-days", str(days)], check=True, capture_output=True
        )

    def test_a_daemon_that_died(self) -> None:
        """What it has left is told; the next start sees to it."""
        daemon = self.daemon()
        daemon.kill()
        self.one(self.found(daemon), "has died without an end")
        self.assertTrue(any("journal of processes that are dead" in note for note in self.notes))
        daemon.start()
        self.assertEqual(self.found(daemon, "daemon"), [])

    def test_another_version(self) -> None:
        """By what the daemon has told the store; and one that tells it nothing any more."""
        daemon = self.daemon()
        until(lambda: daemon.cli("node", "list"), "the daemon has told of itself")
        daemon.signal(signal.SIGSTOP)  # else it tells its own again
        self.change(daemon, "update nodes set version = '0.0.1'")
        self.one(self.found(daemon), f"runs meshd 0.0.1, and this command is {version()}")
        self.change(daemon, "update nodes set seen_at = seen_at - 100")
        self.assertIn("has told the store nothing for 1", self.found(daemon, "daemon")[1])
        daemon.signal(signal.SIGCONT)

    def test_listeners(self) -> None:
        """A port that another process has, before a start."""
        port = free_port()
        daemon = self.daemon(f'[proxy]\nlisten = ["tcp:{port}"]\n', start=False)
        with socket.create_server(("127.0.0.1", port)):
            self.one(self.found(daemon, "listeners"), f"tcp:{port} (local) is taken by")
        self.assertEqual(self.found(daemon, "listeners"), [])

    def test_what_a_listed_address_opens(self) -> None:
        """Is told where it opens something: not by default, nor where the API has no tunnels, or no TLS."""
        daemon = self.daemon(start=False)
        for config, told in (
            ("", False),
            ("[api]\nby_address = true\n", True),
            ("[api]\nby_address = true\nconnect_tcp = false\n", False),
            ("[api]\nby_address = true\ntls = false\n", False),
        ):
            self.reconfigured(daemon, config)
            self.found(daemon)
            self.assertEqual(any("without a password" in note for note in self.notes), told, config)

    def test_a_new_listener_that_waits_for_a_reload(self) -> None:
        """It stands in the settings, and nobody listens there."""
        daemon = self.daemon()
        port = free_port()
        self.reconfigured(daemon, f'[proxy]\nlisten = ["tcp:{port}"]\n')
        self.one(self.found(daemon, "listeners"), f"nobody listens at tcp:{port} (local), though the daemon runs")
        daemon.reload()
        self.assertEqual(self.found(daemon, "listeners"), [])

    def test_names(self) -> None:
        """A name server that is not there."""
        daemon = self.daemon(f'[dns]\nservers = ["127.0.0.1:{free_port()}"]\n', start=False)
        first, second = self.found(daemon, "names")
        self.assertIn("cannot be asked", first)
        self.assertIn("no name server answers", second)

    def test_exits(self) -> None:
        """One that is away, one that stands there twice, one that rests; all of them drained."""
        port = free_port()
        exit_ = '[[exits]]\nname = "{}"\nurl = "http://me:' + SECRET + '@127.0.0.1:{}"\n'
        daemon = self.daemon(exit_.format("a", port) + exit_.format("b", port))
        first, second, third = self.found(daemon, "exits")
        self.assertIn("exit a: 127.0.0.1", first)
        self.assertIn("exit b: 127.0.0.1", second)
        self.assertIn("no exit of proxy local works", third)
        self.assertTrue(any("a, b are one and the same" in note for note in self.notes))
        with socket.create_server(("127.0.0.1", port)):
            self.assertEqual(self.found(daemon, "exits"), [])
            now = int(time.time())
            self.run_unit(daemon, record, "other", [RestingExit("other", "a", now + 900, 1, "timeout", now)], [])
            self.assertEqual(self.found(daemon, "exits"), [])
            self.assertIn("after failures rest: a", self.notes)
            daemon.cli("exit", "drain", "a", "b")
            self.one(self.found(daemon, "exits"), "all exits of proxy local are drained")

    def test_limits(self) -> None:
        """Of the daemon, not of the command."""
        daemon = self.daemon(wrap=("prlimit", "--nofile=300"))
        self.found(daemon)
        self.assertTrue(any("the daemon may open 300 descriptors" in note for note in self.notes), self.notes)
        self.reconfigured(daemon, "[limits]\nconnections = 1000\n")
        self.one(self.found(daemon, "limits"), "limits.connections = 1000 takes up to 2128")

    def test_workers(self) -> None:
        """More than the daemon's cores are noted; as many as there are cores is right, whatever this command has."""
        core = ("taskset", "--cpu-list", str(min(os.sched_getaffinity(0))))
        for workers, noted in (("2", True), ('"auto"', False)):
            self.found(self.daemon(f"workers = {workers}\n", wrap=core), "limits")
            self.assertEqual(any("meshd may use 1 core:" in note for note in self.notes), noted, self.notes)
            self.assertEqual(any("meshd may use" in note for note in self.notes), noted, self.notes)

    def test_a_schema_that_is_behind(self) -> None:
        """And one that is too new."""
        daemon = self.daemon()
        daemon.terminate()
        self.change(daemon, "delete from schema_migrations where number = (select max(number) from schema_migrations)")
        self.one(self.found(daemon, "store"), "the store's schema lacks")
        self.change(
            daemon, "insert into schema_migrations (number, name, sha256, applied_at) values (9999, 'x', 'y', 0)"
        )
        self.one(self.found(daemon, "store"), "is newer than this program's")

    def test_a_clock_that_is_ahead(self) -> None:
        """Of another node, by what it told the store last."""
        daemon = self.daemon()
        self.change(
            daemon,
            "insert into nodes (name, version, listeners, started_at, seen_at)"
            f" values ('far:/data', '1', '[]', 0, {int(time.time()) + 600})",
        )
        self.one(self.found(daemon, "clock"), "the clock of far:/data is")

    def test_a_damaged_store(self) -> None:
        daemon = self.daemon()
        for number in range(60):
            daemon.account(f"user{number}")
        daemon.terminate()
        self.damage(daemon)
        self.one(self.found(daemon, "store"), "is damaged")

    def damage(self, daemon: LiveDaemon) -> None:
        """An index that has another entry than its table."""
        database = sqlite3.connect(daemon.data_dir / "meshd.sqlite3")
        ((page, size),) = database.execute(
            "select rootpage, (select page_size from pragma_page_size) from sqlite_master"
            " where name = 'accounts_by_parent'"
        )
        database.execute("pragma wal_checkpoint(truncate)")
        database.close()
        with Path(daemon.data_dir, "meshd.sqlite3").open("r+b") as file:
            file.seek((page - 1) * size + size - 64)
            file.write(b"\xff" * 64)

    def run_unit(self, daemon: LiveDaemon, unit: Any, *args: Any) -> None:
        store = BlockingStore(daemon.store_url)
        store.run(unit, *args)
        store.close()

    def change(self, daemon: LiveDaemon, sql: str) -> None:
        database = sqlite3.connect(daemon.data_dir / "meshd.sqlite3", timeout=60)
        with database:
            database.execute(sql)
        database.close()


class PostgresDoctorTests(DoctorTests):
    def setUp(self) -> None:
        super().setUp()
        self.store = postgres_url(self)

    def change(self, daemon: LiveDaemon, sql: str) -> None:
        connection = psycopg2.connect(self.store)
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
        connection.close()

    def damage(self, daemon: LiveDaemon) -> None:
        self.change(daemon, "update pg_index set indisvalid = false where indexrelid = 'accounts_by_parent'::regclass")

    def test_a_server_that_is_away(self) -> None:
        """One finding, and the other areas are looked at."""
        daemon = self.daemon()
        server = postgres.server()
        self.addCleanup(lambda: server.running or server.start())
        server.stop()
        self.one(self.found(daemon), "PostgreSQL cannot be reached")
        server.start()
        self.assertEqual(self.found(daemon), [])
