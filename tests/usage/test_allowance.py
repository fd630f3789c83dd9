"""What is left, whatever order counts, seals and the store's words come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Standing, Usage
from meshd.usage.allowance import ALL, LEAST, NO_SHARE, SHARE, UNLIMITED, Allowance, lease_of, remainder
from meshd.values import period
from tests.usage.support import NOON

LIMIT = 10_000
SLICE = 1_000

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["count", "others", "seal", "apply", "read", "again", "held", "rest", "ignore"]),
        st.integers(1, 3000),
    ),
    max_size=30,
)


def standing(period_bytes: int = 0, total_bytes: int = 0, *, monthly: int = 0, total: int = 0) -> Standing:
    usage = Usage(1, total_bytes, period_bytes, period.start(1, NOON))
    return Standing(1, None, monthly, total, 1, usage)


class Model:
    """A store's total, and the bytes that it, or the allowance, does not know of."""

    def __init__(self) -> None:
        self.stored = self.known = 0
        self.sealed: int | None = None
        self.running = 0
        self.unheard = 0
        """Counted here, and in no word of the store."""
        self.now = NOON
        self.ignored = False
        self.allowance = Allowance(standing(monthly=LIMIT))
        self.judge()

    def judge(self) -> None:
        self.known, self.ignored = self.stored, False
        self.unheard = self.running
        self.allowance.judge(standing(self.stored, self.stored, monthly=LIMIT), self.now, SLICE)

    def count(self, n: int) -> None:
        self.allowance.room -= n
        self.running += n
        self.unheard += n

    def others(self, n: int) -> None:
        self.stored += n

    def seal(self, n: int) -> None:
        if self.sealed is None:
            self.sealed, self.running = self.running, 0
            self.allowance.seal()

    def apply(self, n: int) -> None:
        if self.sealed is not None:
            self.stored, self.sealed = self.stored + self.sealed, None
            self.judge()

    def read(self, n: int) -> None:
        if self.sealed is None:
            self.judge()

    def again(self, n: int) -> None:
        """At the same time, or in the next period."""
        self.now += 30 * 86_400 * (n % 2)
        self.allowance.judge_again(self.now, SLICE)
        self.ignored = False

    def held(self, n: int) -> None:
        self.allowance.lend_held()

    def rest(self, n: int) -> None:
        self.allowance.lend_rest(SLICE)

    def ignore(self, n: int) -> None:
        self.allowance.ignore()
        self.ignored = True

    def left(self) -> int:
        over = self.now >= period.following(1, NOON)
        return LIMIT - (0 if over else self.known) - self.unheard


class Allowances(SynchronousTestCase):
    @given(STEPS)
    def test_nothing_is_forgotten_or_counted_twice(self, steps: list[tuple[str, int]]) -> None:
        """What is left is the limit, less what the store said, less what was counted here that it did not include."""
        model = Model()
        for name, n in steps:
            getattr(model, name)(n)
            if not model.ignored:
                self.assertEqual(model.allowance.left, model.left(), name)
            if name in {"again", "rest"} and 0 < model.allowance.left < UNLIMITED // 2:
                self.assertGreater(model.allowance.room, 0)

    def test_leases(self) -> None:
        """A slice at most, unless much is left; all of it when that is less; none where nothing is."""
        table = [
            ("near the limit: all", 300, SHARE, 300),
            ("a slice", 5 * SLICE, SHARE, SLICE),
            ("a share of much", 1000 * SLICE, SHARE, 1000 * SLICE // SHARE),
            ("by a word that may be old: a slice of much", 1000 * SLICE, NO_SHARE, SLICE),
            ("nobody else spends: all of much", 1000 * SLICE, ALL, 1000 * SLICE),
            ("nothing", 0, ALL, 0),
            ("less than nothing", -5, ALL, -5),
            ("no limit", UNLIMITED, SHARE, UNLIMITED),
            ("no limit, and something counted", UNLIMITED - 5, SHARE, UNLIMITED - 5),
        ]
        for rule, left, share, lease in table:
            self.assertEqual(lease_of(left, SLICE, share), lease, rule)

    def test_leases_among_processes_of_one_daemon(self) -> None:
        """An equal part of the last few slices, until it is too little to ask the store for."""
        size = 4 * 1024 * 1024
        table = [
            ("plenty", 64 * size * 10, 2, SHARE, size * 10),
            ("a slice for each", 2 * size, 2, NO_SHARE, size),
            ("less than that", size, 2, NO_SHARE, size // 2),
            ("for more processes", size, 4, NO_SHARE, size // 4),
            ("rounded up", 1_000_001, 2, NO_SHARE, 500_001),
            ("little", 100_000, 4, NO_SHARE, LEAST),
            ("less than is divided", LEAST - 1, 4, NO_SHARE, LEAST - 1),
            ("nothing", 0, 4, NO_SHARE, 0),
            ("too much was moved", -5, 4, NO_SHARE, -5),
            ("no limit", UNLIMITED, 4, SHARE, UNLIMITED),
        ]
        for rule, left, among, share, lease in table:
            self.assertEqual(lease_of(left, size, share, among), lease, rule)

    def test_remainders(self) -> None:
        """The nearer limit, and its reason."""
        table = [
            ("no limit", standing(5, 5), UNLIMITED, "quota-total"),
            ("monthly", standing(5, 9, monthly=100), 95, "quota-monthly"),
            ("total", standing(5, 9, total=100), 91, "quota-total"),
            ("monthly is nearer", standing(5, 9, monthly=20, total=100), 15, "quota-monthly"),
            ("total is nearer", standing(5, 9, monthly=100, total=20), 11, "quota-total"),
            ("both reached", standing(50, 50, monthly=20, total=40), -10, "quota-total"),
        ]
        for rule, each, left, reason in table:
            found, refusal = remainder(each, NOON)
            self.assertEqual((found, refusal.reason), (left, reason), rule)
