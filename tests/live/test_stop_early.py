"""SIGTERM and SIGHUP before the daemon is up, starts that fail late, and the pid files that are left."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, clean_environment, free_port, until

HANGING = """
from twisted.internet.defer import Deferred
from meshd.store.sqlite import store as sqlite
started = sqlite.SQLiteStore.start
async def start(self, **how):
    await started(self, **how)
    print("the start hangs", flush=True)
    await Deferred()
sqlite.SQLiteStore.start = start
"""
"""A store that never says that it is there."""

FAILING = """
from meshd.usage import ledger
async def start(self):
    raise OSError(28, "No space left on device", "exchanges.log")
ledger.Ledger.start = start
"""

CRASHING = """
from meshd.daemon import core
def data_plane(*parts, **more):
    raise OSError(24, "Too many open files")
core.data_plane = data_plane
"""


class Prelude(LiveDaemon):
    """A daemon whose process begins with some lines of Python, and with twistd's own pid file unless told otherwise."""

    prelude = ""
    pidfile: Sequence[str] = ()

    @property
    def command(self) -> list[str]:
        words = super().command
        at = words.index("-c")
        words[at + 1] = f"{self.prelude}\nfrom twisted.scripts.twistd import run; run()"
        words[words.index("--pidfile=") : words.index("--pidfile=") + 1] = self.pidfile
        return words

    def begin(self) -> subprocess.Popen[str]:
        """Without waiting for anything; its output together."""
        assert self.config_file is not None
        return self._spawn(subprocess.STDOUT)


class EarlyCase(SynchronousTestCase):
    def daemon(self, prelude: str = "", pidfile: Sequence[str] = (), config: str = "") -> Prelude:
        made = Prelude(self, config, start=False)
        made.prelude, made.pidfile = prelude, pidfile
        return made

    def ended(self, process: subprocess.Popen[str], said: str = "") -> tuple[int, str]:
        out, _ = process.communicate(timeout=60)
        return process.returncode, said + out

    def said_until(self, process: subprocess.Popen[str], word: str) -> str:
        """What it says up to the line with this word."""
        said = ""
        assert process.stdout is not None
        while word not in said:
            line = process.stdout.readline()
            self.assertTrue(line, f"it ended before it said {word!r}:\n{said}")
            said += line
        return said


class StopTests(EarlyCase):
    def check_clean(self, status: int, said: str) -> None:
        self.assertEqual(status, 0, said)
        for word in ("Traceback", "Unhandled", "cannot start", "failed"):
            self.assertNotIn(word, said)

    def test_while_the_loop_begins(self) -> None:
        """However early: as soon as anything was said, status 0, no traceback, and the next start works."""
        daemon = self.daemon()
        for word in ("try it: ", "starting up", "reactor class"):
            process = daemon.begin()
            said = self.said_until(process, word)
            process.send_signal(signal.SIGTERM)
            self.check_clean(*self.ended(process, said))
            self.assertEqual(list((daemon.data_dir / "journal").glob("*")), [])
        daemon.start()
        self.assertEqual(daemon.terminate(), 0)

    def test_while_the_start_waits_for_something(self) -> None:
        """It is given up after the time for draining; nobody was let in, and all is closed in order."""
        path = tempfile.mktemp(prefix="meshd-early-", suffix=".sock", dir="/tmp")
        daemon = self.daemon(HANGING, config=f'[proxy]\nlisten = ["unix:{path}"]\n[timeouts]\ndrain = 0.2\n')
        process = daemon.begin()
        said = self.said_until(process, "the start hangs")
        process.send_signal(signal.SIGTERM)
        status, said = self.ended(process, said)
        self.check_clean(status, said)
        self.assertNotIn(" listens\n", said)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(sorted(os.listdir(daemon.folder)), ["meshd-data", "meshd.toml"])

    def test_while_things_are_being_made(self) -> None:
        """The folder is as it was before: with nothing of it, or not there."""
        daemon = self.daemon()
        store = daemon.folder / "store.sqlite3"
        daemon.configure(f'[store]\nurl = "sqlite:///{store}"\n')
        with sqlite3.connect(store, isolation_level=None) as holder:
            holder.execute("pragma journal_mode = wal")
            holder.execute("begin exclusive")
            process = daemon.begin()
            until((daemon.data_dir / "cert.pem").exists, "it has begun to make things")
            process.send_signal(signal.SIGTERM)
            status, said = self.ended(process)
            holder.execute("rollback")
        self.assertEqual((status, said), (0, ""))
        self.assertFalse(daemon.data_dir.exists())
        daemon.start()
        self.assertTrue(daemon.root_password)

    def test_a_password_that_was_made_is_shown(self) -> None:
        """A stop that comes while the root account is made comes after it."""
        daemon = self.daemon(
            "import os, signal\nfrom meshd.daemon import preparation\nmade = preparation.bootstrap\n"
            "def bootstrap(*given, **more):\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n    return made(*given, **more)\n"
            "preparation.bootstrap = bootstrap"
        )
        status, said = self.ended(daemon.begin())
        self.check_clean(status, said)
        self.assertRegex(said, r"root account: admin, password \w{21} \(shown this once\)")

    def test_a_reload_that_is_asked_for_while_it_starts(self) -> None:
        """It comes when the start is over, and does not end the process."""
        daemon = self.daemon(
            "import os, signal\nfrom meshd.daemon import beginning\nprepare = beginning.prepare\n"
            "def prepared(*given, **more):\n    os.kill(os.getpid(), signal.SIGHUP)\n"
            "    return prepare(*given, **more)\n"
            "beginning.prepare = prepared"
        )
        daemon.start()
        daemon.wait_for_log("settings reloaded")
        raw = Raw(self, daemon.proxy_port)
        self.assertEqual(raw.get("http://meshd.internal/", basic("admin", daemon.root_password)), 200)
        self.assertEqual(daemon.terminate(), 0)

    def test_a_stop_while_a_reload_runs(self) -> None:
        """What the reload would open stays closed."""
        extra = free_port()
        daemon = self.daemon(
            "import os, signal\nfrom meshd.daemon import reloading\nexamine = reloading.examine\n"
            "def examined(config):\n    os.kill(os.getpid(), signal.SIGTERM)\n    return examine(config)\n"
            "reloading.examine = examined"
        )
        daemon.start()
        daemon.configure(f'[proxy]\nlisten = ["tcp:{daemon.proxy_port}", "tcp:{extra}"]\n')
        daemon.signal(signal.SIGHUP)
        self.assertEqual(daemon.wait(), 0)
        self.assertNotIn(f":{extra} listens", daemon.log_text())
        self.assertNotIn("Traceback", daemon.log_text())


class PidFileTests(EarlyCase):
    """twistd's own file, which nobody needs beside meshd's in the data folder."""

    def names(self, daemon: LiveDaemon) -> list[str]:
        return sorted(name for name in os.listdir(daemon.folder) if name != "meshd.toml")

    def test_none_is_written_unasked(self) -> None:
        """Neither while it runs nor afterwards, however that came."""
        daemon = self.daemon()
        daemon.start()
        self.assertEqual(self.names(daemon), ["meshd-data"])
        self.assertEqual((daemon.data_dir / "meshd.pid").read_text(), f"{daemon.pid}\n")
        daemon.kill()
        daemon.start()
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(self.names(daemon), ["meshd-data"])

    def test_one_that_is_asked_for_goes_with_the_process(self) -> None:
        """After a stop, and after starts that fail: early, late, and with what nobody has thought of."""
        for prelude in ("", FAILING, CRASHING):
            daemon = self.daemon(prelude, ["--pidfile=x.pid"])
            if prelude:
                status, said = daemon.failed_start()
                self.assertEqual((status, len(said.splitlines())), (1, 1), daemon.log_text())
                self.assertTrue(said.startswith("meshd: "), said)
            else:
                daemon.start()
                self.assertEqual((daemon.folder / "x.pid").read_text(), str(daemon.pid))
                self.assertEqual(daemon.terminate(), 0)
            self.assertEqual(self.names(daemon), ["meshd-data"])
        daemon = self.daemon("", ["--pidfile=x.pid"])
        with socket.create_server(("127.0.0.1", daemon.proxy_port)):
            self.assertEqual(daemon.failed_start()[0], 1)
        self.assertEqual(self.names(daemon), [])

    def test_one_of_a_namesake_is_no_hindrance(self) -> None:
        """In a container the process often has the number that the one before it had."""
        apart = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
        if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
            raise SkipTest("no namespaces of processes here")
        folder = Path(tempfile.mkdtemp(prefix="meshd-namesake-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "x.pid").write_text("1")
        run = "from twisted.scripts.twistd import run; run()"
        flags = ["--proxy", f"tcp:{free_port()}", "--api", f"tcp:{free_port()}"]
        process = subprocess.Popen(
            [*apart, sys.executable, "-c", run, "--nodaemon", "--pidfile=x.pid", "meshd", *flags],
            cwd=folder,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            self.said_until(process, "API on ")
        finally:
            process.kill()
            process.communicate()
