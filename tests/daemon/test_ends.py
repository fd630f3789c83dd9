"""When certificates end, by a file and by rows of what is published."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import trustme
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.ends import End, of_file, of_rows
from meshd.store.statements.published import Stored

EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)


def certificate(*names: str) -> bytes:
    return trustme.CA().issue_cert(*names, not_after=EXPIRES).cert_chain_pems[0].bytes()


def row(row_id: int, chain: str) -> Stored:
    return Stored(row_id, "certificates", json.dumps({"certificate": chain}), True, 1, 0, 0, 0, 0, 0)


class EndTests(SynchronousTestCase):
    def check(self, end: End, what: str, *names: str) -> None:
        self.assertEqual((end.what, end.names, end.expires), (what, names, int(EXPIRES.timestamp())))
        self.assertLess(end.not_before, end.expires)

    def test_file(self) -> None:
        """Of the leaf; what cannot be read is told by whoever wants to use it."""
        with tempfile.TemporaryDirectory(prefix="meshd-test-") as folder:
            file = Path(folder) / "cert.pem"
            self.assertEqual(of_file(file), [])
            file.write_bytes(certificate("a.test", "b.test"))
            self.check(of_file(file)[0], "listeners", "a.test", "b.test")
            file.write_bytes(b"no certificate")
            self.assertEqual(of_file(file), [])

    def test_rows(self) -> None:
        """Without those that were not obtained yet, and whatever one of them holds."""
        found = of_rows([row(1, ""), row(2, certificate("a.test").decode()), row(3, "no certificate")])
        self.check(found[0], "host certificate 2", "a.test")
        self.assertEqual(len(found), 1)
