"""Medians, ratios and the page they are put in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench import table

SAMPLES = {
    ("meshd", "get"): [20_000.0, 100.0, 21_000.0],
    ("Squid", "get"): [8_000.0, 8_000.0, 90_000.0],
    ("meshd", "idle"): [1_000.0],
    ("Squid", "idle"): [32_000.0],
}


def cells(row: str) -> list[str]:
    return [part.strip() for part in row.strip("|").split("|")]


class TableTests(SynchronousTestCase):
    """One row a proxy."""

    def rows(self, *proxies: str, **options: object) -> list[list[str]]:
        return [cells(row) for row in table.table(SAMPLES, proxies, **options).splitlines()]

    def test_a_row_has_the_median_and_its_ratio_to_squid(self) -> None:
        """One round that a busy machine spoilt does not move the figure."""
        self.assertEqual(self.rows("meshd", "Squid")[2][:2], ["meshd", "20,000 (2.50x)"])

    def test_the_measure_itself_has_no_ratio(self) -> None:
        """Squid's row is plain figures."""
        self.assertEqual(self.rows("meshd", "Squid")[3][:2], ["Squid", "8,000"])

    def test_what_was_not_measured_is_a_dash(self) -> None:
        """An empty cell would read as nothing, not as unknown."""
        self.assertEqual(self.rows("meshd", "Squid")[2][2], "-")

    def test_without_squid_there_are_figures_and_no_ratios(self) -> None:
        """A machine without the peer still gets a table."""
        samples = {("meshd", "get"): [5.0]}
        self.assertEqual(cells(table.table(samples, ["meshd"]).splitlines()[2])[1], "5")

    def test_a_small_ratio_keeps_its_digits(self) -> None:
        """0.03 is not shown as 0.0."""
        self.assertEqual(self.rows("meshd", "Squid")[2][4], "1,000 (0.031x)")

    def test_a_marked_proxy_has_a_dagger(self) -> None:
        """Its footnote has something to point at."""
        self.assertEqual(self.rows("meshd", "Squid", marked=["meshd"])[2][0], "meshd †")

    def test_every_row_has_as_many_cells_as_the_heading(self) -> None:
        """Markdown drops what is too much."""
        self.assertEqual({len(row) for row in self.rows("meshd", "Squid", "pproxy")}, {5})

    def test_the_spread_is_relative_to_the_median(self) -> None:
        """It is told beside the table, so that a reader can judge a difference."""
        self.assertEqual(table.spread([90.0, 100.0, 120.0]), 0.3)
        self.assertIn("keep-alive GET 104%", table.spreads(SAMPLES, ["meshd"]))


class PageTests(SynchronousTestCase):
    """The text between the markers is replaced, and nothing else."""

    PAGE = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"

    def test_only_the_table_changes(self) -> None:
        """What a person wrote around it stays."""
        wanted = f"before\n{table.BEGIN}\n\nnew\n\n{table.END}\nafter\n"
        self.assertEqual(table.replaced(self.PAGE, "new\n"), wanted)

    def test_another_table_of_the_page_has_markers_of_its_own(self) -> None:
        """And the first stays as it is."""
        page = f"{self.PAGE}<1>old<2>"
        self.assertEqual(table.replaced(page, "new", "<1>", "<2>"), f"{self.PAGE}<1>\n\nnew\n\n<2>")

    def test_writing_twice_is_writing_once(self) -> None:
        """No blank lines pile up."""
        once = table.replaced(self.PAGE, "new")
        self.assertEqual(table.replaced(once, "new"), once)

    def test_a_page_without_both_markers_in_order_is_left_alone(self) -> None:
        """An error, in place of a page that is cut off."""
        for page in ("", table.BEGIN, table.END, table.END + table.BEGIN, self.PAGE + table.BEGIN):
            with self.assertRaises(ValueError):
                table.replaced(page, "new")
