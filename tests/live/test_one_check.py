"""The check, the start and the reload say one thing of the same settings."""

from __future__ import annotations

from pathlib import Path

import trustme
from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon

FAULTS = {
    "an endpoint of no type": (
        '[api]\nlisten = ["tpc:0"]\n',
        "there is no endpoint of type 'tpc' (did you mean 'tcp'?)",
    ),
    "two endpoints that are one place": (
        '[proxies.a]\n[proxies.b]\nlisten = ["tcp:9:interface=127.0.0.1"]\n[proxy]\nlisten = ["tcp:9"]\n',
        "both proxies.a and proxies.b listen there",
    ),
    "a certificate that is none": ('[api]\ncertificate = "garbage"\nkey = "good.key"\n', "no certificate in PEM form"),
    "a key of another certificate": ('[api]\ncertificate = "good.pem"\nkey = "other.key"\n', "not the key of the cert"),
    "authorities that are none": (
        '[[exits]]\nname = "a"\nurl = "https://gw.test:443"\nca = "garbage"\n',
        "exits.a.ca: ",
    ),
    "a store URL with an option that there is not": ('[store]\nurl = "postgresql://h/d?sslmoed=x"\n', "sslmoed"),
    "a store in a folder that is not there": ('[store]\nurl = "sqlite:////nowhere/a.db"\n', "no folder /nowhere"),
    "a log that is a folder": ('[log]\nexchanges = "/tmp"\n', "log.exchanges: /tmp is a folder"),
    "a list of exits without a line that is one": ('exits_from = ["garbage"]\n', "has no line that is an exit"),
}


class OneCheckTests(SynchronousTestCase):
    daemon: LiveDaemon

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = LiveDaemon(cls)
        cls.write("garbage", b"this is none")
        pair = trustme.CA().issue_cert("a.test")
        cls.write("good.pem", pair.cert_chain_pems[0].bytes())
        cls.write("good.key", pair.private_key_pem.bytes())
        cls.write("other.key", trustme.CA().private_key_pem.bytes())

    @classmethod
    def write(cls, name: str, content: bytes) -> Path:
        path = cls.daemon.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path

    def asked(self, *argv: str) -> tuple[int, str]:
        """Status and the line of a refusal."""
        status, _, err = self.daemon.run_cli(*argv)
        return status, err.removeprefix("meshd: ").removeprefix("settings were not reloaded: ").strip()

    def test_a_fault_is_one_line_and_the_same_for_all_three(self) -> None:
        """Status 1 of each; the running daemon goes on with what it has."""
        starting = LiveDaemon(self, start=False)
        for case, (config, words) in FAULTS.items():
            self.daemon.configure(config)
            starting.config_file = self.daemon.config_file
            checked, reloaded = self.asked("config", "check"), self.asked("reload")
            status, said = starting.failed_start()
            self.assertIn(words, checked[1], case)
            self.assertEqual((reloaded, (status, said.removeprefix("meshd: ").strip())), (checked, checked), case)
            self.assertEqual(checked[0], 1)
        self.daemon.configure("")
        self.assertEqual((self.asked("config", "check"), self.asked("reload")), ((0, ""), (0, "")))

    def test_what_is_taken_and_told_is_told_by_all_three(self) -> None:
        """Lines of a list, and a plan that an account has: the check fails, the reload says them, the log as well."""
        self.daemon.configure("[plans.gold]\n")
        self.daemon.account("anna", plan="gold")
        self.write("bought.txt", b"gw.test:8080\nnonsense\n")
        self.daemon.configure('exits_from = ["bought.txt"]\n')
        status, out, err = self.daemon.run_cli("config", "check")
        problems = out.splitlines()[2:]
        self.assertEqual((status, err, len(problems)), (1, "meshd: 2 problems\n", 2), out)
        self.assertTrue(problems[0].startswith("bought.txt line 2: "), problems)
        self.assertIn("plan 'gold' is not in the settings, and anna has it", problems[1])
        since = self.daemon.log_position
        self.assertEqual(sorted(self.daemon.cli("reload")["notes"]), sorted(problems))
        self.daemon.wait_for_log(problems[1], since=since)
        since = self.daemon.log_position
        self.daemon.restart()
        self.daemon.wait_for_log(problems[1], since=since)
        self.daemon.wait_for_log("1 problems: bought.txt line 2", since=since)
