"""`meshd run`: in a process of its own, since it takes signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import meshd
from meshd.cli import run
from meshd.store.interface import StoreUnavailable
from tests.cli.support import CommandCase

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
TOLD = "import sys; print('ready', flush=True); sys.stdin.read()"
CATCH = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
sys.exit(7)
"""
"""`signal.pause` would not hear of one that comes just before it."""


class RunTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice")

    def start(self, *command: str, options: tuple[str, ...] = ("--account", "alice")) -> subprocess.Popen[str]:
        """A `meshd run` that has begun."""
        env = {name: text for name, text in os.environ.items() if not name.startswith("MESHD_")}
        env["PYTHONPATH"] = str(Path(meshd.__file__).parents[1])
        argv = [sys.executable, "-m", "meshd.cli.main", "--data-dir", self.data_dir, "run", *options, "--", *command]
        pipe = subprocess.PIPE
        process = subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def ran(self, *command: str, **how: Any) -> tuple[int, str, str]:
        process = self.start(*command, **how)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def tokens(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.done("token", "list", "alice", "--json").json
        return found

    def ready(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.assertEqual("ready\n", process.stdout.readline())

    def test_the_environment(self) -> None:
        """Holds the token, by itself and with the first proxy's address; afterwards there is no such token."""
        code, out, err = self.ran(sys.executable, "-c", SHOW)
        self.assertEqual((0, ""), (code, err))
        env = json.loads(out)
        secret = env["MESHD_TOKEN"]
        self.assertTrue(secret.startswith("pm_"))
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            self.assertEqual(f"http://{secret}:@127.0.0.1:31280", env[name])
            self.assertEqual(env[name], env[name.lower()])
        self.assertEqual(run.NO_PROXY, env["no_proxy"])
        self.assertEqual([], self.tokens())
        actions = [row["action"] for row in self.done("audit", "alice", "--json").json]
        self.assertEqual(["token.delete", "token.create"], actions[:2])

    def test_while_it_runs(self) -> None:
        """The token is there, with an end soon; the command reads what is piped in."""
        process = self.start(sys.executable, "-c", TOLD)
        self.ready(process)
        (token,) = self.tokens()
        self.assertEqual((True, True), (token["is_active"], "T" in token["expires_at"]))
        self.assertTrue(token["label"].startswith("meshd run python"))
        process.communicate(timeout=60)
        self.assertEqual((0, []), (process.returncode, self.tokens()))

    def test_statuses(self) -> None:
        """The command's own, or as a shell has it; options of the command stay its own."""
        for command, status in (
            (("sh", "-c", "exit 3"), 3),
            (("sh", "-c", "kill -9 $$"), 137),
            (("no-such-command", "--json"), 127),
            ((self.folder,), 126),
        ):
            code, _, err = self.ran(*command)
            self.assertEqual((status, status in (3, 137)), (code, err == ""), command)
        self.assertEqual([], self.tokens())

    def test_signals(self) -> None:
        """Are the command's, which may catch them; whatever ends it, the token goes."""
        for program, sent, status in (
            (CATCH, signal.SIGTERM, 7),
            (TOLD, signal.SIGTERM, 143),
            (TOLD, signal.SIGHUP, 129),
        ):
            process = self.start(sys.executable, "-c", program)
            self.ready(process)
            process.send_signal(sent)
            self.assertEqual(status, process.wait(60))
            self.assertEqual([], self.tokens())

    def test_it_is_killed(self) -> None:
        """Then the token is there, and ends by itself."""
        process = self.start(sys.executable, "-c", TOLD)
        self.ready(process)
        process.kill()
        process.wait(60)
        (token,) = self.tokens()
        self.assertIn("T", token["expires_at"])

    def test_what_is_refused(self) -> None:
        """Nobody's account, no account at all, no proxy, and a plan without tokens: nothing is run."""
        self.customer("poor", "--plan", "trial")
        for line, options in (
            ("there is no account named 'nobody'", ("--account", "nobody")),
            ("there is no root account yet: start the daemon, or name an account with --account", ()),
            ("there is no proxy 'x'; there are local", ("--proxy", "x")),
            ("plan trial does not support bearer tokens", ("--account", "poor")),
        ):
            self.refused(line, "run", *options, "--", "no-such-command")
        self.misused("run")

    def test_the_end_is_put_off(self) -> None:
        """While the command runs; a store that is away is told, and asked again."""
        with mock.patch.object(run, "PUT_OFF", 0.01), mock.patch("time.time", side_effect=self.later()):
            seen: list[str] = []
            edit = run.tokens.edit

            def noted(*args: Any, **how: Any) -> Any:
                seen.append(how["expires_on"])
                if len(seen) == 1:
                    raise StoreUnavailable("away")
                return edit(*args, **how)

            with mock.patch.object(run.tokens, "edit", noted):
                result = self.meshd("run", "--account", "alice", "--", "sleep", "0.3")
        self.assertEqual(0, result.code)
        self.assertEqual("meshd: the token's end is not put off: away\n", result.err)
        self.assertGreater(len(seen), 1)
        self.assertEqual(sorted(seen), seen)

    def later(self) -> Any:
        now = 1_800_000_000
        while True:
            now += 60
            yield now
