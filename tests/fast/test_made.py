"""Objects that C makes in the place of their class: slot for slot what its __init__ makes."""

from __future__ import annotations

import gc
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.choosing import Choice
from meshd.fast.places import LIKE, MADE, TUPLES
from meshd.hosts.request import Heard, HostRequest
from meshd.http1.fields import Fields
from meshd.http1.head import HeadLimits, read_request
from meshd.proxy.request import ProxyRequest
from meshd.proxy.said import Said
from meshd.sockets.flow import Flow
from meshd.usage.meter import Meter
from meshd.usage.shaping import ShapedMeter
from meshd.values.exchanges import Exchange
from tests.fast.building import compiled, fast
from tests.hosts.test_known import request as published

UNSET = object()


def slots(made: Any) -> dict[str, object]:
    kinds = type(made).__mro__
    return {name: getattr(made, name, UNSET) for kind in kinds for name in getattr(kind, "__slots__", ())}


def connect() -> ProxyRequest:
    """A tunnel that is asked for, with everything that can be said."""
    buffer = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nProxy-Authorization: Basic YTpi\r\n\r\n"
    head = read_request(buffer, HeadLimits(1000, 1000, 10), 0)
    assert head is not None
    return ProxyRequest.from_head(head, buffer)


class MadeTest(SynchronousTestCase):
    def native(self) -> None:
        native = fast()
        native.begin()
        self.addCleanup(native.end)

    def test_slot_for_slot(self) -> None:
        """Of each class, with arguments that are told apart; a slot that nobody sets stays without a value."""
        arguments = {kind: [f"argument {i}" for i in range(len(taken))] for kind, (taken, _) in MADE.items()}
        in_python = {kind: slots(kind(*given)) for kind, given in arguments.items()}
        self.native()
        for kind, given in arguments.items():
            made = kind(*given)
            self.assertEqual((type(made), slots(made)), (kind, in_python[kind]))
            self.assertTrue(gc.is_tracked(made))

    def test_tuples(self) -> None:
        """With every number of arguments that their defaults allow."""
        for kind in TUPLES:
            least = len(kind._fields) - len(kind._field_defaults)
            numbers = range(least, len(kind._fields) + 1)
            given = [tuple(range(number)) for number in numbers]
            in_python = [kind(*each) for each in given]
            native = fast()
            native.begin()
            try:
                self.assertEqual([kind(*each) for each in given], in_python)
                self.assertRaises(TypeError, kind, *range(least - 1))
                self.assertRaises(TypeError, kind, *range(len(kind._fields) + 1))
                self.assertIs(type(kind(*given[0])), kind)
            finally:
                native.end()

    def test_by_name(self) -> None:
        """Python sees to it, as to a wrong number of arguments."""
        self.native()
        flow = Flow(1, 2, True, b"early", held=b"held", unproven=5)
        self.assertEqual((flow.held, flow.unproven, flow.pipe), (b"held", 5, None))
        choice: Any = Choice
        self.assertEqual(choice(outlet=1, source="s"), choice(1, "s"))
        wrong: Any = Meter
        self.assertRaises(TypeError, wrong, 1)
        self.assertRaises(TypeError, wrong, 1, 2, 3, 4)
        self.assertRaises(TypeError, wrong, 1, 2, up=3)
        self.assertRaises(TypeError, Exchange, request="x")

    def test_a_subclass(self) -> None:
        """It has a constructor of its own, and what that adds."""
        self.native()
        meter: Any = ShapedMeter
        self.assertEqual(len(meter(1, 2, 3).lanes), 2)

    def test_likenesses(self) -> None:
        """Of each class that has them: all but what is given stays, in an object of its own."""
        request, visit = connect(), published(b"GET / HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n")
        given: dict[type, tuple[Any, ...]] = {
            ProxyRequest: (request, 7, request.said),
            Said: (request.said, b"block", b"credential"),
            HostRequest: (visit, visit.heard),
            Heard: (visit.heard, "sender", "trusted"),
        }
        self.assertEqual(set(LIKE), set(given))
        in_python = {kind: slots(self.likeness(kind, *given[kind])) for kind in LIKE}
        self.native()
        for kind in LIKE:
            made = self.likeness(kind, *given[kind])
            self.assertEqual((type(made), slots(made)), (kind, in_python[kind]))
            self.assertTrue(gc.is_tracked(made))

    def likeness(self, kind: type, of: object, *anew: object) -> object:
        return getattr(kind, LIKE[kind][0])(of, *anew)

    def test_likenesses_of_others(self) -> None:
        """Subclasses, wrong numbers of arguments and arguments by name are Python's."""

        class Other(Said):
            __slots__ = ("more",)

        other = Other(1, Fields([]), b"")
        self.native()
        said = other.with_credential(b"block", b"credential")
        self.assertEqual((type(said), said.proxy_authorization), (Said, b"credential"))
        wrong: Any = said
        self.assertRaises(TypeError, wrong.with_credential, b"block")
        self.assertRaises(TypeError, wrong.with_credential, b"block", b"credential", b"more")
        self.assertRaises(TypeError, wrong.with_credential, block=b"block", credential=b"credential")
        self.assertRaises(TypeError, Said.with_credential, object(), b"", b"")

    def test_likenesses_that_do_not_fit(self) -> None:
        native = compiled()
        self.assertRaises(AttributeError, native.likeness, Meter, ("nothing",), 0, "like")
        self.assertRaises(AttributeError, native.likeness, Meter, ("up",), 1, "nothing")
        self.assertRaises(ValueError, native.likeness, Meter, ("up",), 2, "like")
        self.assertRaises(ValueError, native.likeness, Meter, ("up",) * 21, 1, "like")
        self.assertRaises(TypeError, native.likeness, Meter, (1,), 1, "like")

    def test_recipes_that_do_not_fit(self) -> None:
        native = compiled()
        self.addCleanup(native.unmake)
        self.assertRaises(AttributeError, native.make, Meter, ("nothing",), ())
        self.assertRaises(TypeError, native.make, Meter, ("shaped",), ())
        self.assertRaises(ValueError, native.make, Meter, ("up",), (1, 2))
        self.assertRaises(ValueError, native.make, Meter, ("up",) * 33, ())
        self.assertRaises(TypeError, native.make_tuple, Meter, 1, ())
        self.assertRaises(TypeError, native.make_tuple, Exchange, 1, (1, 2))
        self.assertRaises(TypeError, native.make, Meter, (1,), ())
        native.make(Meter, ("up",), ())
        self.assertRaises(ValueError, native.make, Meter, ("up",), ())
