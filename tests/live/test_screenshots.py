"""The manual's pictures: all of them are there, small, and shown."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.live.screenshots import LARGEST, PAGES, SCHEMES, WIDTHS
from tests.support.manual import ROOT

FOLDER = ROOT / "docs" / "pages"


class ScreenshotTests(SynchronousTestCase):
    def test_each_is_shown_and_small(self) -> None:
        """The main pages, at both widths, in light and in dark, and nothing else."""
        names = {f"{name}-{width}-{scheme}.png" for name in PAGES for width in WIDTHS for scheme in SCHEMES}
        self.assertEqual({path.name for path in FOLDER.iterdir()}, names)
        manual = (ROOT / "docs" / "dashboard.md").read_text()
        for name in names:
            data = (FOLDER / name).read_bytes()
            self.assertTrue(data.startswith(b"\x89PNG"), name)
            self.assertEqual(data[25], 3, f"{name} has a palette")
            self.assertLess(len(data), LARGEST, name)
            self.assertIn(f"pages/{name}", manual)
