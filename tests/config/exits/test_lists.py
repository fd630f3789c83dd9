"""Lists in files, whatever wrote them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.exits.lines import read
from meshd.config.exits.lists import decoded

TEXT = "gw.test:8080:us3r:s3cr\u00e9t\r\nother.test:80\r\n"


class DecodedTests(SynchronousTestCase):
    def test_encodings(self) -> None:
        """UTF-8 and UTF-16, with a mark and without."""
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
            found = decoded(TEXT.encode(encoding))
            self.assertEqual(found, TEXT.replace("\r\n", "\n"), encoding)
        self.assertEqual(decoded(b"\xfe\xff" + TEXT.encode("utf-16-be")), TEXT.replace("\r\n", "\n"))
        self.assertEqual(decoded(b""), "")

    def test_line_ends(self) -> None:
        """CR alone too, as spreadsheets of old write it; lines keep their numbers."""
        for end in ("\r", "\n", "\r\n"):
            found = read(decoded(end.join(["gw.test:80", "", "wrong", "other.test:80"]).encode()), "x", {})
            self.assertEqual((len(found.exits), [each.line for each in found.problems]), (2, [3]))

    def test_bad_bytes(self) -> None:
        """Their line is told, and costs nobody else."""
        found = read(decoded(b"gw.test:80\nx\xff.test:80\nother.test:80\n"), "x", {})
        self.assertEqual((len(found.exits), found.problems), (2, ((2, "it is not UTF-8"),)))
