"""Lists of exits that change under a running daemon: what is new holds within seconds, what is open stays."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.origin import RecordingOrigin

daemon: LiveDaemon
echo: RecordingOrigin
folder: Path
anna: bytes


def setUpModule() -> None:
    global daemon, echo, folder, anna  # noqa: PLW0603
    folder = Path(tempfile.mkdtemp(prefix="meshd-lists-", dir="/tmp"))
    write("127.0.0.2 country=DE")
    daemon = LiveDaemon(config=settings())
    echo = RecordingOrigin(raw="echo")
    anna = basic("anna", daemon.account("anna"))


def tearDownModule() -> None:
    for each in (echo, daemon):
        each.close()
    shutil.rmtree(folder)


def settings(rest: str = "") -> str:
    return f'exits_from = ["{folder}/rack.txt"]\n{rest}'


def write(text: str) -> None:
    """As the manual says it should be done: beside it, and renamed."""
    draft = folder / "rack.new"
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.rename(folder / "rack.txt")


def facts(case: SynchronousTestCase) -> dict[str, str]:
    """What meshd.internal says."""
    raw = Raw(case, daemon.proxy_port)
    raw.send(b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n" + anna + b"\r\n")
    return dict(json.loads(raw.rest().partition(b"\r\n\r\n")[2]))


class ExitListTests(SynchronousTestCase):
    """Each begins with one exit, 127.0.0.2, and a tunnel through it."""

    def setUp(self) -> None:
        write("127.0.0.2 country=DE")
        until(lambda: facts(self)["exit"] == "127.0.0.2", "the first list is in force")
        self.tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(self.tunnel.tunnel(echo.authority, anna), 200)
        self.since = daemon.log_position
        self.addCleanup(self.check_tunnel)

    def check_tunnel(self) -> None:
        self.assertTrue(self.tunnel.echoes(), "the open tunnel has suffered")

    def test_a_new_list_holds_within_seconds(self) -> None:
        """Its exits are chosen, and the others no more; nobody has to ask for it."""
        write("127.0.0.3 country=FR\n")
        until(lambda: facts(self)["exit"] == "127.0.0.3", "the new exit is chosen")
        daemon.wait_for_log("lists of exits: 1 exits", since=self.since)
        self.check_tunnel()
        another = Raw(self, daemon.proxy_port)
        self.assertEqual(another.tunnel(echo.authority, anna), 200)
        self.assertTrue(another.echoes())

    def test_a_list_that_is_written_over(self) -> None:
        """The same file with another content."""
        (folder / "rack.txt").write_text("127.0.0.4\n")
        until(lambda: facts(self)["exit"] == "127.0.0.4", "the new exit is chosen")

    def test_wrong_lines_are_logged_and_the_others_hold(self) -> None:
        """By list, line and reason, without what stood there; `meshd config check` tells the same."""
        write("gw.test:80:us3r\n127.0.0.5\n127.0.0.5\n")
        line = daemon.wait_for_log("lists of exits: 1 exits, 2 problems: ", since=self.since)
        self.assertIn("rack.txt line 1: it is none of host:port, ", line)
        self.assertIn("rack.txt line 3: same as line 2", line)
        self.assertEqual(facts(self)["exit"], "127.0.0.5")
        self.assertNotIn("us3r", daemon.log_text())
        status, out, err = daemon.run_cli("config", "check")
        self.assertEqual((status, err), (1, "meshd: 2 problems\n"))
        self.assertIn("\nrack.txt line 3: same as line 2\n", out)

    def test_a_list_that_cannot_be_used_changes_nothing(self) -> None:
        """Neither an empty one, nor one with no line that is right, nor one that is gone; each is told once."""
        for spoil, reason in (
            (lambda: write(""), "has no line that is an exit"),
            (lambda: write("nonsense\n"), "has no line that is an exit (rack.txt line 1: "),
            ((folder / "rack.txt").unlink, "cannot be read: there is no such file"),
        ):
            since = daemon.log_position
            spoil()
            line = daemon.wait_for_log("lists of exits were not taken: ", since=since)
            self.assertIn(reason, line)
            self.assertEqual(facts(self)["exit"], "127.0.0.2")

    def test_a_reload_reads_the_lists_too(self) -> None:
        """At once; and what is wrong with one refuses the settings."""
        write("127.0.0.6\n")
        extra = f'[proxy]\nlisten = ["tcp:{daemon.proxy_port}", "tcp:{free_port()}"]\n'
        self.assertIn("settings reloaded", daemon.reload(settings(extra)))
        self.assertEqual(facts(self)["exit"], "127.0.0.6")
        write("nonsense")
        line = daemon.reload(settings())
        self.assertIn("settings were not reloaded: ", line)
        self.assertRegex(line, r"meshd\.toml line 1: exits_from: \S+/rack\.txt has no line that is an exit")
        write("127.0.0.2 country=DE")
        self.assertIn("settings reloaded", daemon.reload(settings()))


class StartTests(SynchronousTestCase):
    def test_without_its_list_nothing_starts(self) -> None:
        """One line that names it."""
        failing = LiveDaemon(self, config='exits_from = ["none.txt"]\n', start=False)
        status, said = failing.failed_start()
        self.assertEqual(status, 1)
        self.assertRegex(said, r"meshd: \S*meshd\.toml line 1: exits_from: \S+/none\.txt cannot be read: there is no ")
