from __future__ import annotations

import fcntl
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, TextIO
from unittest import mock

import meshd
from meshd.cli.main import main, parser
from meshd.daemon.pidfile import PID_FILE, PidFile
from meshd.daemon.runfile import Running, Verdict, write
from tests.cli.support import CommandCase, Terminal, named

NOUNS = ("account", "token", "ip", "hostname", "proxy", "usage", "ban", "audit", "config", "migrate", "reload")


class UsageTests(CommandCase):
    def test_wrong_usage(self) -> None:
        """Code 2, with the usage of what was meant."""
        for argv in (
            [],
            ["nonsense"],
            ["account"],
            ["account", "nonsense"],
            ["usage"],
            ["--jso", "ban", "list"],
            ["account", "list", "extra"],
            ["--data-dir"],
        ):
            with named(argv):
                out, err = io.StringIO(), io.StringIO()
                with redirect_stdout(out), redirect_stderr(err):
                    self.assertEqual(2, main(argv))
                self.assertEqual("", out.getvalue())
                self.assertTrue(err.getvalue().startswith("usage: meshd"))

    def test_help_and_version(self) -> None:
        """Both on stdout, code 0; every noun is explained."""
        self.assertTrue(self.done("--version").out.startswith("meshd "))
        for noun in NOUNS:
            self.assertIn(noun, self.done("--help").out)
        self.assertIn("--password-stdin", self.done("account", "create", "--help").out)

    def test_options_anywhere(self) -> None:
        """--data-dir, --config and --json before the noun, after it and after the verb; the last one counts."""
        other = os.path.join(self.folder, "other")
        for argv in (
            ["--data-dir", other, "account", "list", "--json"],
            ["account", "--data-dir", other, "--json", "list"],
            ["--json", "account", "list", "--data-dir", other],
        ):
            with named(argv):
                parsed = parser().parse_args(argv)
                self.assertEqual((other, True), (parsed.data_dir, parsed.json))
        parsed = parser().parse_args(["--data-dir", "a", "account", "list", "--data-dir", other])
        self.assertEqual(other, parsed.data_dir)

    def test_no_argument_takes_a_secret(self) -> None:
        """No option has a value whose name speaks of a password or a token."""
        text = "".join(
            self.done(*argv, "--help").out
            for argv in (
                ["account", "create"],
                ["account", "passwd"],
                ["account", "set"],
                ["token", "create"],
                ["account", "import"],
            )
        )
        for option in ("--password ", "--password=", "--token ", "--secret"):
            self.assertNotIn(option, text)

    def test_one_line(self) -> None:
        """Whatever an argument holds, a refusal is one line that a terminal only shows."""
        result = self.meshd("usage", "a\n\x1b[31mb\udcff")
        self.assertEqual((1, 1), (result.code, len(result.err.splitlines())))
        self.assertNotIn("\x1b", result.err)

    def test_interrupt(self) -> None:
        """Ctrl-C is no traceback."""
        with mock.patch("meshd.cli.context.Context.run", side_effect=KeyboardInterrupt):
            result = self.meshd("account", "list")
        self.assertEqual((130, "", "meshd: interrupted\n"), (result.code, result.out, result.err))

    def test_the_operators_name(self) -> None:
        """The audit names the login; a user without a name is still an operator."""
        with mock.patch("getpass.getuser", return_value="vera"):
            self.customer("alice")
        with mock.patch("getpass.getuser", side_effect=KeyError("uid")):
            self.done("account", "deactivate", "alice")
        actors = [entry["actor"] for entry in self.done("audit", "alice", "--json").json]
        self.assertEqual(["operator", "operator:vera"], actors)

    def test_progress_of_a_terminal(self) -> None:
        """A terminal is not told of what takes no time."""
        err = Terminal()
        self.done("account", "list", err=err)
        self.assertEqual("", err.getvalue())


class ReloadTests(CommandCase):
    def pid_file(self, text: str, *, locked: bool) -> TextIO:
        """A pid file, held as a daemon holds it, or left behind by a dead one."""
        file = open(os.path.join(self.data_dir, PID_FILE), "w+")  # noqa: SIM115 (it holds the lock until the test ends)
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        if locked:
            fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def tells(self, running: Running) -> None:
        """What a daemon has written."""
        write(Path(self.data_dir), running)

    def answering(self, *steps: Callable[[], object]) -> AbstractContextManager[object]:
        """A daemon that takes these steps, one each time that the command looks again."""
        waiting = list(steps)
        return mock.patch("time.sleep", side_effect=lambda _: waiting.pop(0)())

    def test_says_what_came_of_it(self) -> None:
        """Whoever holds the lock gets SIGHUP, and is waited for; what is worth knowing follows."""
        self.pid_file("4242\n", locked=True)
        taken = Running(4242, begun=1, ended=1, verdict=Verdict(True, ("store.url takes a restart to change",)))
        for argv in ((), ("--json",)):
            self.tells(Running(4242))
            with mock.patch("os.kill") as kill, self.answering(lambda: self.tells(taken)):
                result = self.done("reload", *argv)
            kill.assert_called_once_with(4242, signal.SIGHUP)
            if argv:
                notes = ["store.url takes a restart to change"]
                self.assertEqual({"pid": 4242, "reloaded": True, "notes": notes}, result.json)
            else:
                self.assertEqual(
                    ["settings  reloaded (process 4242)", "store.url takes a restart to change"],
                    result.out.splitlines(),
                )

    def test_a_refusal_is_a_failure(self) -> None:
        """Code 1, with the daemon's own reason."""
        self.pid_file("4242\n", locked=True)
        refused = Running(4242, begun=1, ended=1, verdict=Verdict(False, ("meshd.toml line 2: no",)))
        with mock.patch("os.kill", side_effect=lambda *_: self.tells(refused)):
            self.refused("settings were not reloaded: meshd.toml line 2: no", "reload")

    def test_only_a_reload_that_began_later_counts(self) -> None:
        """One that is under way may have read what was written before; one of an earlier process tells nothing."""
        self.pid_file("4242\n", locked=True)
        no, yes = Verdict(False, ("the old file",)), Verdict(True)
        steps = (Running(4242, begun=3, ended=3, verdict=no), Running(4242, begun=4, ended=3, verdict=no))
        last = Running(4242, begun=4, ended=4, verdict=yes)
        for first in (Running(4242, begun=3, ended=2, verdict=no), Running(4242, begun=3, ended=3, verdict=no)):
            self.tells(first)
            answers = [partial(self.tells, each) for each in (*steps, last)]
            with mock.patch("os.kill"), self.answering(*answers):
                self.assertTrue(self.done("reload", "--json").json["reloaded"])
        self.tells(Running(17, begun=9, ended=9, verdict=no))
        first_of_this = Running(4242, begun=1, ended=1, verdict=yes)
        with mock.patch("os.kill"), self.answering(lambda: None, lambda: self.tells(first_of_this)):
            self.assertTrue(self.done("reload", "--json").json["reloaded"])

    def test_a_daemon_that_dies_meanwhile(self) -> None:
        """It is not waited for."""
        file = self.pid_file("4242\n", locked=True)
        self.tells(Running(4242))
        with mock.patch("os.kill"), self.answering(lambda: None, file.close):
            self.refused("process 4242 has ended, and has not said whether it had taken the settings", "reload")

    def test_it_waits_so_long_and_no_longer(self) -> None:
        """A process that hangs is told as one."""
        self.pid_file("4242\n", locked=True)
        self.tells(Running(4242))
        line = "process 4242 has not said within 0 s what came of it: its log will"
        with mock.patch("os.kill"):
            self.refused(line, "reload", "--wait", "0")
        self.misused("reload", "--wait", "soon")

    def test_another_file_than_the_daemons(self) -> None:
        """Nothing is asked of a daemon that would read something else."""
        self.pid_file("4242\n", locked=True)
        path = self.settings("[timeouts]\nidle = 5\n")
        for running, line in (
            (Running(4242), f"the daemon was started without a settings file, and not with {path}: start it so"),
            (Running(4242, config="/etc/other.toml"), f"the daemon reads /etc/other.toml, and not {path}"),
        ):
            self.tells(running)
            with mock.patch("os.kill") as kill:
                self.refused(line, "reload", "--config", path)
            kill.assert_not_called()
        self.tells(Running(4242, config=path))
        with mock.patch("os.kill"):
            self.assertIn("has not said", self.meshd("reload", "--config", path, "--wait", "0").err)

    def test_the_daemons_own_file(self) -> None:
        """What the daemon writes is what this reads."""
        held = PidFile(Path(self.data_dir))
        held.write()
        taken = Running(os.getpid(), begun=1, ended=1, verdict=Verdict(True))
        with mock.patch("os.kill", side_effect=lambda *_: self.tells(taken)):
            self.assertEqual(os.getpid(), self.done("reload", "--json").json["pid"])
        held.release()
        self.refused(f"no daemon runs on {self.data_dir}", "reload")

    def test_none_runs(self) -> None:
        """No file, or one that nobody holds: nobody is signalled, least of all whoever has the number now."""
        line = f"no daemon runs on {self.data_dir}"
        with mock.patch("os.kill") as kill:
            self.refused(line, "reload")
            self.pid_file(f"{os.getpid()}\n", locked=False)
            self.refused(line, "reload")
        kill.assert_not_called()

    def test_numbers_that_are_none(self) -> None:
        """Nothing is signalled by 0, 1, -1 or words."""
        for text in ("0", "1", "-1", "x", "\xb2", "99999999999999999999x"):
            with named(text), mock.patch("os.kill") as kill:
                self.pid_file(text, locked=True)
                self.refused(f"{self.data_dir}/{PID_FILE}: holds no process number", "reload")
                kill.assert_not_called()
                os.unlink(os.path.join(self.data_dir, PID_FILE))
        self.pid_file("", locked=True)
        self.refused("the daemon is just starting or stopping: try again", "reload")

    def test_the_kernel_says_no(self) -> None:
        """A process that has just gone, and one that is another user's."""
        self.pid_file("4242\n", locked=True)
        for error, line in (
            (ProcessLookupError(), f"no daemon runs on {self.data_dir}"),
            (PermissionError(), "process 4242 is another user's: run this as the one that the daemon runs as"),
        ):
            with mock.patch("os.kill", side_effect=error):
                self.refused(line, "reload")


class ProcessTests(CommandCase):
    """The command as a process of its own."""

    COMMAND = (sys.executable, "-m", "meshd.cli.main")

    def spawn(self, *argv: str, **how: Any) -> subprocess.Popen[bytes]:
        with self.environment(PYTHONPATH=str(Path(meshd.__file__).parents[1])):
            command = [*self.COMMAND, "--data-dir", self.data_dir, *argv]
            return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **how)

    def ended(self, process: subprocess.Popen[bytes], stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        out, err = process.communicate(stdin, timeout=60)
        return process.returncode, out, err

    def test_exit_codes(self) -> None:
        """Done, refused, wrong usage."""
        pipe = subprocess.PIPE
        code, out, _ = self.ended(
            self.spawn("account", "create", "alice", "--password-stdin", stdout=pipe), b"s3cret\n"
        )
        self.assertEqual(0, code)
        self.assertNotIn(b"s3cret", out)
        refused = self.ended(self.spawn("usage", "nobody", stdout=pipe))
        self.assertEqual((1, b"", b"meshd: there is no account named 'nobody'\n"), refused)
        self.assertEqual(2, self.ended(self.spawn("nonsense", stdout=pipe))[0])

    def test_import_from_stdin(self) -> None:
        """`-` is standard input."""
        process = self.spawn("account", "import", "-", stdout=subprocess.PIPE)
        self.assertEqual((0, b"1 account imported\n", b""), self.ended(process, b"username\nalice\n"))

    def test_nobody_reads(self) -> None:
        """A reader that goes away ends the command without a word."""
        reader, writer = os.pipe()
        os.close(reader)
        process = self.spawn("account", "list", stdout=writer)
        os.close(writer)
        self.assertEqual((141, None, b""), self.ended(process))

    def test_nowhere_to_write(self) -> None:
        """A full disk is told in one line."""
        with open("/dev/full", "wb") as full:
            process = self.spawn("account", "list", stdout=full.fileno())
        self.assertEqual((1, None, b"meshd: No space left on device\n"), self.ended(process))

    def test_letters_that_the_terminal_lacks(self) -> None:
        """They are shown as escapes; nothing fails."""
        self.customer("alice")
        self.done("ip", "add", "alice", "93.184.216.34", "--label", "büro")
        with mock.patch.dict(os.environ, {"PYTHONIOENCODING": "ascii"}):
            code, out, err = self.ended(self.spawn("ip", "list", "alice", stdout=subprocess.PIPE))
        self.assertEqual((0, b""), (code, err))
        self.assertIn(b"b\\xfcro", out)

    def test_commands_at_once(self) -> None:
        """Several processes that write to one store wait for each other; of equal names one wins."""
        processes = [
            self.spawn("account", "create", name, "--no-password", stdout=subprocess.PIPE)
            for name in ("a", "b", "same", "SAME")
        ]
        codes = [self.ended(process)[0] for process in processes]
        self.assertEqual(([0, 0], [0, 1]), (codes[:2], sorted(codes[2:])))
        self.assertEqual(3, len(self.done("account", "list", "--json").json))
