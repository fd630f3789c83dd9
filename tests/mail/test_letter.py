"""Letters as bytes: what a mail program reads out of them, and that nothing in them becomes a field of its own."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

from twisted.trial.unittest import SynchronousTestCase

from meshd.mail.letter import Letter, rendered
from meshd.values.mailboxes import is_mailbox
from tests.web.support import NOON, named

FROM = "meshd@mesh.example"


def read(content: bytes):  # type: ignore[no-untyped-def]
    return message_from_bytes(content, policy=default)


class LetterTests(SynchronousTestCase):
    def written(self, to: str = "ann@mail.example", subject: str = "Hello", text: str = "A text.\n") -> bytes:
        return rendered(Letter(to, subject, text), FROM, now=NOON, unique="abc")

    def test_what_it_says(self) -> None:
        found = read(self.written(subject="Grüße", text="Zeile 1 äöü\nZeile 2\n"))
        self.assertEqual((found["To"], found["From"], found["Subject"]), ("ann@mail.example", FROM, "Grüße"))
        self.assertEqual(found.get_content().splitlines(), ["Zeile 1 äöü", "Zeile 2"])
        self.assertEqual(found["Message-ID"], "<abc@mesh.example>")
        self.assertEqual(found["Date"].datetime.timestamp(), NOON)
        self.assertEqual(found["Auto-Submitted"], "auto-generated")
        self.assertTrue(self.written().isascii())

    def test_no_field_can_be_injected(self) -> None:
        """Neither by an address nor by a subject; a text is a text."""
        for to, subject in (
            ("ann@mail.example\r\nBcc: eve@mail.example", "Hello"),
            ("ann@mail.example\nBcc: eve@mail.example", "Hello"),
            ("ann@mail.example, eve@mail.example", "Hello"),
            ("Ann <ann@mail.example>", "Hello"),
            ("ann@mail.example>", "Hello"),
            ("", "Hello"),
            ("ann@mail.example", "Hello\r\nBcc: eve@mail.example"),
            ("ann@mail.example", "Hello\nBcc: eve@mail.example"),
        ):
            with named((to, subject)):
                self.assertRaises(ValueError, self.written, to, subject)
        found = read(self.written(text="Bcc: eve@mail.example\r\n\r\n.\r\nQUIT\r\n"))
        self.assertIsNone(found["Bcc"])

    def test_it_does_not_show_itself(self) -> None:
        self.assertEqual(repr(Letter("ann@mail.example", "s", "t")), "Letter(…)")

    def test_mailboxes(self) -> None:
        for text, right in {
            "ann@mail.example": True,
            "ann.o'hara+x@mail.example": True,
            "ann@localhost": True,
            "ann": False,
            "ann@": False,
            "@mail.example": False,
            "a@b@mail.example": False,
            '"a b"@mail.example': False,
            "a..b@mail.example": False,
            ".a@mail.example": False,
            "ann@mail.example.": False,
            "ann@192.0.2.1": False,
            "ann@[192.0.2.1]": False,
            "ann@mail example": False,
            "änn@mail.example": False,
            "ann@mail.example\n": False,
            f"{'x' * 64}@mail.example": True,
            f"{'x' * 65}@mail.example": False,
        }.items():
            with named(text):
                self.assertEqual(is_mailbox(text), right)
