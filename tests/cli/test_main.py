from __future__ import annotations

import fcntl
import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import meshd
from meshd.cli.main import main, parser
from meshd.pidfile import PID_FILE, PidFile
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
    def pid_file(self, text: str, *, locked: bool) -> None:
        """A pid file, held as a daemon holds it, or left behind by a dead one."""
        file = open(os.path.join(self.data_dir, PID_FILE), "w+")  # noqa: SIM115 (it holds the lock until the test ends)
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        if locked:
            fcntl.flock(file, fcntl.LOCK_EX)

    def test_signals_the_daemon(self) -> None:
        """Who holds the lock gets SIGHUP."""
        self.pid_file("4242\n", locked=True)
        with mock.patch("os.kill") as kill:
            self.assertEqual({"pid": 4242}, self.done("reload", "--json").json)
        kill.assert_called_once_with(4242, signal.SIGHUP)

    def test_the_daemons_own_file(self) -> None:
        """What the daemon writes is what this reads."""
        held = PidFile(Path(self.data_dir))
        held.write()
        with mock.patch("os.kill"):
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
