"""`[[notify.webhook]]` and `[[notify.email]]`: what they become, and what is refused."""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config import Config, ConfigError, load, rows
from meshd.values.notices import KINDS, Notify

KEY = base64.b64encode(b"k" * 32).decode()

HOOK = (
    '[[notify.webhook]]\nname = "ops"\nurl = "https://hooks.mesh.example/x?key=hidden"\nsecret_files = ["hook.key"]\n'
)
MAIL = '[mail]\nsmtp = "127.0.0.1:25"\nfrom = "meshd@mesh.example"\n'


class NotifyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.put("hook.key", f"whsec_{KEY}\n")
        self.put("old.key", base64.b64encode(b"o" * 24).decode())

    def put(self, name: str, text: str, mode: int = 0o600) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(mode)

    def load(self, text: str) -> Config:
        (self.folder / "meshd.toml").write_text(text)
        return load({"config": "meshd.toml"}, {}, cwd=self.folder)

    def wrong(self, text: str) -> str:
        return str(self.assertRaises(ConfigError, self.load, text))


class NotifyTests(NotifyCase):
    def test_nothing(self) -> None:
        """Nobody is told without the section."""
        self.assertEqual(self.load("").notify, Notify())

    def test_webhook(self) -> None:
        """All events where none are named; two keys while one follows the other."""
        more = '[[notify.webhook]]\nname = "two"\nurl = "http://127.0.0.1:9/"\nprivate = true\n'
        more += 'secret_files = ["hook.key", "old.key"]\nevents = ["exit", "store.away"]\n'
        one, two = self.load(HOOK + more).notify.webhooks
        self.assertEqual((one.kinds, one.secrets, one.private), (KINDS, (b"k" * 32,), False))
        self.assertEqual(two.kinds, ("exit.resting", "exit.back", "store.away"))
        self.assertEqual(two.secrets, (b"k" * 32, b"o" * 24))

    def test_email(self) -> None:
        """By the operator's server alone."""
        text = '[[notify.email]]\nto = "ops@mesh.example"\nevents = ["ban"]\n'
        (mailbox,) = self.load(MAIL + text).notify.mailboxes
        self.assertEqual((mailbox.target, mailbox.kinds), ("mail:ops@mesh.example", ("ban.begun",)))
        self.assertEqual(
            self.wrong(text), "meshd.toml line 1: [[notify.email]] needs mail.smtp: letters have to leave by a server"
        )

    def test_what_is_shown(self) -> None:
        """Neither a key nor what may be secret in an URL."""
        config = self.load(HOOK)
        shown = {key: value for key, value, _ in rows(config)}
        self.assertEqual(shown["notify.webhook.ops.url"], "https://hooks.mesh.example/…")
        for text in (repr(config), str(shown)):
            self.assertNotIn("hidden", text)
            self.assertNotIn("kkkk", text)
            self.assertNotIn(KEY, text)

    def test_refusals(self) -> None:
        """Each with its line and what to do."""
        self.put("open.key", KEY, 0o644)
        self.put("short.key", base64.b64encode(b"x" * 23).decode())
        self.put("words.key", "these are words, and no base64")
        for change, to, why in (
            ('name = "ops"\n', "", "line 1: [[notify.webhook]] name is missing"),
            ('url = "https://hooks.mesh.example/x?key=hidden"\n', "", "url is missing"),
            ('secret_files = ["hook.key"]\n', "", "secret_files is missing"),
            ('"hook.key"', "", "must be a list, each item a path, and not empty"),
            ('"hook.key"', '"hook.key", "old.key", "short.key"', "has more than two secret_files"),
            ("hook.key", "none.key", "cannot be read: there is no such file"),
            ("hook.key", "open.key", "is open to others (mode 0644): chmod 640 or 600"),
            ("hook.key", "short.key", "must hold 24 to 64 bytes in base64; `openssl rand -base64 32` makes some"),
            ("hook.key", "words.key", "must hold 24 to 64 bytes in base64"),
            ("https:", "http:", "would be told in the clear: take https, or say private = true"),
            ("https:", "ftp:", "line 3: [[notify.webhook]] url must be an http:// or https:// URL, not '***'"),
            ("hooks.mesh", "anna:pw@hooks.mesh", "it must have no credentials"),
            ('name = "ops"', 'nane = "ops"', "unknown key 'nane' (did you mean 'name'?)"),
            ('name = "ops"', 'name = "ops"\nevents = []', "and not empty"),
            ('name = "ops"', 'name = "ops"\nevents = ["exits"]', "must be"),
            ("[[notify.webhook]]", "[notify.webhook]", "[[notify.webhook]] must be a list of tables"),
            ("[[notify.webhook]]", "[[notify.webhooks]]", "unknown key 'webhooks' (did you mean 'webhook'?)"),
        ):
            said = self.wrong(HOOK.replace(change, to))
            self.assertIn(why, said)
            self.assertNotIn("hidden", said)
        self.assertIn("two have the name 'ops'", self.wrong(HOOK + HOOK))
        self.assertIn("from 1 to 20", self.wrong("".join(HOOK.replace("ops", f"ops{n}") for n in range(21))))
