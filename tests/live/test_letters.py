"""Letters of a real daemon, through a mail server and without: a change of an address from its request to its end."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.mailserver import MailServer

PASSWORD = "correct horse"
ANN = {"name": "Ann", "email": "ann@mail.example", "password": PASSWORD, "password_confirmation": PASSWORD}


class LetterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = MailServer()
        self.addCleanup(self.server.close)
        self.daemon = LiveDaemon(
            self,
            None,
            environ={
                "MESHD_V1_REGISTRATION": "open",
                "MESHD_V1_GATEWAY": f"tcp:{free_port()}:interface=127.0.0.1",
                "MESHD_V1_SOCKS": f"tcp:{free_port()}:interface=127.0.0.1",
                "MESHD_MAIL_SMTP": f"127.0.0.1:{self.server.port}",
                "MESHD_MAIL_FROM": "meshd@mesh.example",
            },
        )
        self.key = ""

    def ask(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(f"https://127.0.0.1:{self.daemon.api_port}/v1{path}", method="POST")
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/json")
        data = json.dumps(body or {}).encode()
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(request, data, timeout=60, context=context) as answer:
            return json.loads(answer.read())

    def letters(self, count: int) -> list[str]:
        until(lambda: len(self.server.letters) >= count, f"{count} letters")
        return [each.decode() for each in self.server.letters]

    def test_an_address_is_proven_by_what_was_sent_there(self) -> None:
        """From a registration on; what the server does not take is in the folder when the daemon has stopped."""
        self.key = self.ask("/auth/register", ANN)["accessToken"]
        (letter,) = self.letters(1)
        self.assertIn("To: ann@mail.example\r\n", letter)
        self.ask("/profile/email/request-change", {"email": "new@mail.example"})
        letter = self.letters(2)[1]
        self.assertIn("To: new@mail.example\r\n", letter)
        token = re.search(r"^ev_\w+", letter.replace("=\r\n", ""), re.MULTILINE)
        assert token is not None
        self.ask("/profile/email/confirm-change", {"token": token[0]})
        self.assertIn("To: ann@mail.example\r\n", self.letters(3)[2])
        self.server.busy = True
        self.ask("/profile/email/request-change", {"email": "late@mail.example"})
        self.daemon.wait_for_log("a letter cannot be sent, and is tried again: the server answered 451")
        self.daemon.terminate()
        (path,) = (self.daemon.data_dir / "mail").glob("*.eml")
        self.assertIn(b"To: late@mail.example", path.read_bytes())
        log = self.daemon.log_text()
        self.assertNotIn("mail.example", log)
        self.assertNotIn("ev_", log)
