"""Times as text, and back."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.values.times import DAY, day_of, end_of, is_date, is_minute, iso, read_time, read_typed, today

WRITTEN = {
    "0705-08-30T00:00:00": -39_898_742_400,
    "1970-01-01T00:00:00": 0,
    "2024-02-29T23:59:59": 1_709_251_199,
    "2026-11-28T09:30:00": 1_795_858_200,
}

DATES = {
    "1970-01-02": DAY,
    "2024-02-29": 1_709_164_800,
}

NEITHER = (
    "",
    "2026-02-29",
    "2026-13-01",
    "0000-01-01",
    "20261128",
    "2026-W48-6",
    "2026-11-28T",
    "2026-11-28 09:30:00",
    "2026-11-28T09:30",
    "2026-11-28T24:00:00",
    "2026-11-28T09:30:60",
    "2026-11-28T09:30:00Z",
    "2026-11-28T09:30:00+01:00",
    "2026-11-28\n",
    "\u0662026-11-28",
)


ENDS = {
    "": float("inf"),
    "soon": float("inf"),
    "2026-11-28": 1_795_824_000 + DAY,
    "2026-11-28T09:30": 1_795_858_200,
    "2026-11-28T23:59": 1_795_824_000 + DAY - 60,
    "2026-11-28T24:00": float("inf"),
}


class TimeTests(SynchronousTestCase):
    def test_ends(self) -> None:
        """A date ends with its day, a minute ends what it is the end of as it begins."""
        for text, end in ENDS.items():
            self.assertEqual(end_of(text), end, text)
            self.assertEqual(is_minute(text), end < float("inf") and "T" in text, text)

    def test_written_and_read(self) -> None:
        """A time, the date that it is in, and the day of the month."""
        for text, at in WRITTEN.items():
            self.assertEqual((iso(at), read_time(text), is_date(text)), (text, at, False))
            self.assertEqual((today(at + 0.9), day_of(at + 0.9)), (text[:10], int(text[8:10])))

    def test_a_date_is_its_midnight(self) -> None:
        for text, at in DATES.items():
            self.assertEqual((read_time(text), is_date(text), today(at)), (at, True, text))

    def test_times_as_people_write_them(self) -> None:
        """With a blank, without seconds, as pages show them; what is no time stays none."""
        for text in ("2026-11-28T09:30:00", "2026-11-28 09:30:00", "2026-11-28T09:30", "2026-11-28 09:30"):
            self.assertEqual(read_typed(text), 1_795_858_200, text)
        self.assertEqual(read_typed("2024-02-29"), DATES["2024-02-29"])
        for text in ("", "noon", "2026-11-28 ", "2026-11-28  09:30", "2026-11-28 24:00", "2026-02-29 09:30", "09:30"):
            self.assertIsNone(read_typed(text), text)

    def test_what_is_neither(self) -> None:
        """One spelling is read, of moments that exist."""
        for text in NEITHER:
            self.assertEqual((read_time(text), is_date(text)), (None, False), text)
