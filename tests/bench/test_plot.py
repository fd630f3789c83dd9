"""The plots of the manual."""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from bench.plot import Point, over_time, plotted

SVG = "{http://www.w3.org/2000/svg}"


class PlotTests(SynchronousTestCase):
    def drawn(self, *points: Point) -> ElementTree.Element:
        return ElementTree.fromstring(plotted("a <b>", "sizes", "rates", points))

    def test_places(self) -> None:
        """Powers of ten are as far from each other as they are, and twice the value is twice as high."""
        drawn = self.drawn(Point(1, 50), Point(10, 100), Point(1000, 25))
        places = [(float(each.get("cx", "")), float(each.get("cy", ""))) for each in drawn.iter(f"{SVG}circle")]
        (x0, y0), (x1, y1), (x2, y2) = places
        self.assertAlmostEqual((x2 - x1) / (x1 - x0), 2, places=1)
        base = max(float(each.get("y1", "")) for each in drawn.iter(f"{SVG}line"))
        self.assertAlmostEqual((base - y1) / (base - y0), 2, places=1)
        self.assertAlmostEqual((base - y0) / (base - y2), 2, places=1)

    def test_downwards(self) -> None:
        """Sizes that shrink are drawn where they belong."""
        drawn = self.drawn(Point(100, 1), Point(1, 1))
        first, last = (float(each.get("cx", "")) for each in drawn.iter(f"{SVG}circle"))
        self.assertGreater(first, last)

    def test_one_point_and_nothing_at_all(self) -> None:
        """A line of one point, or of zeros, is one all the same; what is said is text, not markup."""
        for points in ((Point(5, 3),), (Point(1, 0), Point(10, 0))):
            drawn = self.drawn(*points)
            self.assertEqual(len(list(drawn.iter(f"{SVG}circle"))), len(points))
            title = drawn.find(f"{SVG}title")
            assert title is not None
            self.assertEqual(title.text, "a <b>")

    def test_lines_over_time(self) -> None:
        """Of several things, on one scale from 0; a line of nothing is none."""
        lines = {"one": [Point(0, 0), Point(30, 50), Point(60, 100)], "<two>": [Point(60, 50)], "none": []}
        drawn = ElementTree.fromstring(over_time("a <b>", "minutes", "MB", lines))
        first, second, third = (each.get("points", "").split() for each in drawn.iter(f"{SVG}polyline"))
        (x0, y0), (x1, y1), (x2, y2) = (map(float, each.split(",")) for each in first)
        self.assertAlmostEqual(x1 - x0, x2 - x1, places=1)
        self.assertAlmostEqual(y0 - y1, y1 - y2, places=1)
        self.assertEqual(second, [f"{x2:.1f},{y1:.1f}"])
        self.assertEqual(third, [])
        self.assertIn("<two>", [each.text for each in drawn.iter(f"{SVG}text")])
