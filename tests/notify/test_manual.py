"""docs/notifying.md and the code are one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.notify import EMAIL, WEBHOOK
from meshd.notify import deadline, retrying, wire
from meshd.store.statements import nearing, noticekeeping, notices
from meshd.values.notices import KINDS
from tests.test_docs import codes, doc, rows


class ManualTests(SynchronousTestCase):
    def first(self, header: str) -> list[str]:
        return [code for row in rows(doc("notifying.md"), header) for code in codes(row[0])]

    def test_events(self) -> None:
        """A row for each, in the code's order."""
        self.assertEqual(self.first("| event | told | what it says besides |"), list(KINDS))

    def test_keys(self) -> None:
        """A row for each, and no other."""
        self.assertEqual(self.first("| key of `[[notify.webhook]]` | what it is |"), list(WEBHOOK))
        self.assertEqual(self.first("| key of `[[notify.email]]` | what it is |"), list(EMAIL))

    def test_numbers(self) -> None:
        """Those that people may rely on."""
        page = doc("notifying.md")
        for text in (
            f"After {retrying.TRIES} tries or three days",
            f"after {retrying.FIRST:g} seconds, then after three times as long",
            f"{deadline.CONNECT:g} seconds to connect",
            f"{deadline.HANDSHAKE:g} for TLS, {deadline.ANSWER:g} for the head of an answer",
            f"{wire.MOST // 1024} KiB are read at most",
            f"{notices.MOST:,} notices wait for a target",
            "{}, {} and {} % of a limit".format(*nearing.LEVELS),
        ):
            self.assertIn(text, page)
        days = (noticekeeping.AGE, noticekeeping.KEPT)
        self.assertEqual([each / 86_400 for each in days], [3, 7])
        self.assertEqual((retrying.FACTOR, retrying.LONGEST, retrying.WAIT), (3, 6 * 3600, 3600))
