"""`[mail]`: how letters leave."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.config import Config, ConfigError, load, rows
from meshd.values.mail import Mail
from tests.web.support import named

SERVER = 'smtp = "mail.example:587"\nfrom = "meshd@mesh.example"\n'


class MailTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="meshd-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def load(self, text: str) -> Config:
        file = self.folder / "meshd.toml"
        file.write_text(f"[mail]\n{text}")
        file.chmod(0o600)
        return load({"config": str(file)}, {}, cwd=self.folder)

    def password(self, content: str = "hunter2", mode: int = 0o600) -> str:
        (self.folder / "pw").write_text(content)
        os.chmod(self.folder / "pw", mode)
        return f'user = "mesh"\npassword_file = "{self.folder / "pw"}"\n'

    def test_nothing_said(self) -> None:
        """Letters go into a folder of the data folder."""
        self.assertEqual(self.load("").mail, Mail(self.folder / "meshd-data" / "mail"))

    def test_a_server(self) -> None:
        mail = self.load(SERVER).mail
        self.assertEqual((mail.smtp, mail.sender, mail.tls), ("mail.example:587", "meshd@mesh.example", "offered"))

    def test_a_password(self) -> None:
        """Out of a file, and in nothing that is shown."""
        config = self.load(f'{SERVER}{self.password()}tls = "required"')
        self.assertEqual((config.mail.user, config.mail.password), ("mesh", b"hunter2"))
        self.assertNotIn("hunter2", repr(config) + repr(list(rows(config))))

    def test_what_is_refused(self) -> None:
        wrong: dict[str, Any] = {
            'smtp = "mail.example:587"': "mail.smtp needs mail.from too",
            'smtp = "mail.example"': "smtp must be",
            f'{SERVER}tls = "maybe"': "tls must be",
            'from = "a@b.example, c@d.example"': "from must be an e-mail address",
            f'{SERVER}user = "mesh"\ntls = "required"': "mail.user needs mail.password_file too",
            f"{SERVER}{self.password()}": "could be read on its way",
            f'{SERVER}{self.password()}tls = "none"': "could be read on its way",
            f'{self.password()}tls = "required"': "mail.user needs mail.smtp too",
            f'{SERVER}password_file = "{self.folder / "pw"}"': "mail.password_file needs mail.user too",
        }
        for text, words in wrong.items():
            with named(text):
                self.assertIn(words, str(self.assertRaises(ConfigError, self.load, text)))

    def test_the_passwords_file(self) -> None:
        """Nobody else's to read, and not empty."""
        for content, mode, words in (("hunter2", 0o644, "open to others"), ("", 0o600, "must hold 1 to")):
            with named(words):
                text = f'{SERVER}{self.password(content, mode)}tls = "required"'
                self.assertIn(words, str(self.assertRaises(ConfigError, self.load, text)))
