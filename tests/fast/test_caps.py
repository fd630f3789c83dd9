"""For whom clients count, in C and in Python: the same accounts, in the same order, and the same who gives way."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.caps import Caps
from meshd.topology import Limits
from tests.fast.test_exchanges import Both
from tests.fast.test_wires import Native, again
from tests.passing import test_caps
from tests.support.live import settings as live

globals().update(again(test_caps))

MOST = 3
ACCOUNTS = st.sampled_from([0, 1, 2, 3, True, 2**70])


class Client:
    """One that may be idle, and leaves when it is told to."""

    def __init__(self, number: int) -> None:
        self.number, self.told = number, 0

    @property
    def idle(self) -> bool:
        return self.number % 2 == 0

    def evict(self) -> None:
        self.told += 1


class OrderTest(Both):
    @settings(deadline=None, max_examples=200)
    @given(
        st.sampled_from([0, MOST]),
        st.lists(st.tuples(st.sampled_from("hlm"), st.integers(0, 5), ACCOUNTS, ACCOUNTS), max_size=30),
    )
    def test_any_order(self, most: int, steps: list[tuple[str, int, Any, Any]]) -> None:
        """Also of those that are not there, of accounts that are odd numbers, and of more than there is room for."""

        def does() -> object:
            caps, found = Caps(live(Limits(tunnels_per_account=most)), 100), []
            clients = [Client(number) for number in range(6)]
            for step, number, account, other in steps:
                client, said = clients[number], ""
                try:
                    if step == "h":
                        caps.hold(client, account)
                    elif step == "l":
                        caps.let_go(client, account)
                    else:
                        caps.hold(client, account, other)
                except KeyError as error:
                    said = str(error) if error.args[0] is not client else "the client"
                held = [(key, [each.number for each in those]) for key, those in caps._held.items()]  # type: ignore[attr-defined]
                found.append((said, held, [each.told for each in clients]))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)


class OddTest(Native, SynchronousTestCase):
    def test_what_is_given(self) -> None:
        caps: Any = Caps(live(Limits()), 100)
        self.assertRaises(TypeError, caps.hold, 1)
        self.assertRaises(TypeError, caps.let_go, 1)
        self.assertRaises(TypeError, caps.hold, [], 1)
        caps._held = None
        self.assertRaises(AttributeError, caps.hold, 1, 1)
