"""The switch, and that all that was replaced comes back."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections import namedtuple
from typing import Any, cast
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.service import AuthService
from meshd.config.sources import NATIVE
from meshd.exits.choosing import Choice
from meshd.exits.departure import Departure
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pool, Pools
from meshd.fast import built
from meshd.fast.places import Fast
from meshd.passing.kept import Origin
from meshd.passing.record import Record
from meshd.proxy.response import ProxyResponse
from meshd.selection import NONE
from meshd.sockets.race import BIND_ADDRESS_NO_PORT, PREPARED, Dialled, Race
from meshd.sockets.relay import Tunnel
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire
from meshd.usage.exchangelog import ExchangeLog, Waiting, text
from meshd.usage.meter import Meter
from meshd.usage.reports import Reports
from meshd.usage.shaping import ShapedMeter
from meshd.values.exchanges import Exchange
from tests.fast.building import compiled, fast
from tests.support.manual import ROOT


class PlacesTest(SynchronousTestCase):
    def test_put_and_taken_away(self) -> None:
        """Again changes nothing; at the end each class is what it was."""
        before = [dict(vars(kind)) for kind in (Meter, Wire, Task)]
        native = fast()
        native.begin()
        inside = Meter.sent_up, Meter.room, Wire.receive, Task.resume
        native.begin()
        self.assertEqual((Meter.sent_up, Meter.room, Wire.receive, Task.resume), inside)
        self.assertNotEqual(Meter.sent_up, before[0]["sent_up"])
        native.end()
        native.end()
        self.assertEqual([dict(vars(kind)) for kind in (Meter, Wire, Task)], before)

    def test_by_two(self) -> None:
        """The second one changes nothing, when it begins and when it ends, and what is left to Python gets there."""
        first, second = fast(), fast()
        first.begin()
        try:
            inside = Meter.sent_up
            second.begin()
            second.end()
            self.assertEqual(Meter.sent_up, inside)
            self.assertRaises(AttributeError, Meter.__new__(Meter).sent_up, 1)
        finally:
            first.end()
        self.assertNotEqual(Meter.sent_up, inside)

    def test_without(self) -> None:
        """Where it was not built nothing is replaced, and who does not want it has none."""
        before = dict(vars(Meter))
        Fast(None).begin()
        self.assertEqual(dict(vars(Meter)), before)
        with mock.patch.dict(os.environ, {NATIVE: "0"}):
            self.assertEqual((built().module, str(built())), (None, "Python alone"))

    def test_one_that_gets_a_rate(self) -> None:
        """An open meter becomes a shaped one, in C as in Python."""
        native = fast()
        native.begin()
        try:
            meter = Meter.__new__(Meter)
            meter.__class__ = ShapedMeter
            self.assertIsInstance(meter, ShapedMeter)
        finally:
            native.end()

    def test_python_is_what_it_is_compared_with(self) -> None:
        """Also where all other tests have the native part."""
        self.assertTrue(inspect.isfunction(Meter.sent_up))

    def test_other_fields_are_refused(self) -> None:
        """Named tuples are read and made by their places: as many fields in another order are other fields."""
        native, names = compiled(), list(Exchange._fields)
        turned = [*names[:14], "down", "up", *names[16:]]
        for fields in (turned, names[:-1], [*names, "more"]):
            kind = namedtuple("kind", fields)  # type: ignore[misc]
            for methods in (
                lambda kind: native.record_methods(Record, kind),
                lambda kind: native.reports_methods(Reports, kind, 3600, 500),
                lambda kind: native.line_methods(ExchangeLog, Waiting, kind, text),
            ):
                self.assertRaises(TypeError, methods, kind)
        line = namedtuple("line", ("slot", "exchange", *Waiting._fields[2:]))  # type: ignore[misc]
        self.assertRaises(TypeError, native.log_methods, ExchangeLog, line)
        self.assertRaises(TypeError, native.sums_methods, ExchangeLog, line)
        way = namedtuple("way", ("outlet", "not_found", "source", *Choice._fields[3:]))  # type: ignore[misc]
        self.assertRaises(TypeError, native.departure_methods, Departure, Outlet, way, Pools, Pool, NONE)

    def test_another_class_is_refused(self) -> None:
        """Methods are made of the classes that they know, and of no others."""
        native = compiled()
        self.assertRaises(AttributeError, native.meter_methods, Wire, Wire, Wire)
        self.assertRaises(TypeError, native.task_methods, "Task")
        self.assertRaises(TypeError, native.task_methods)

    def test_the_command_says_which(self) -> None:
        """`meshd --version` says what runs here."""
        environ = os.environ | {NATIVE: "0"}
        words = [sys.executable, "-m", "meshd.cli.main", "--version"]
        done = subprocess.run(words, env=environ, cwd=ROOT, check=True, capture_output=True, text=True)
        self.assertTrue(done.stdout.rstrip().endswith("(Python alone)"), done.stdout)


class SignaturesTest(SynchronousTestCase):
    def test_calls_by_name(self) -> None:
        """Are refused by Python too, so that none works without C alone.

        A run that has C throughout has no Python to ask; the run without has.
        """
        found = fast()
        found.begin()
        self.addCleanup(found.end)
        methods = {
            f"{kind.__name__}.{name}": method
            for kind, those in found._replaced.items()
            for name, method in those.items()
            if name != "__init__" and inspect.isfunction(method)
        }
        self.assertTrue(methods or os.environ.get(NATIVE) == "1")
        for name, method in methods.items():
            _, *taken = inspect.signature(method).parameters.values()
            self.assertEqual({each.kind for each in taken} - {inspect.Parameter.POSITIONAL_ONLY}, set(), name)

    def test_other_numbers_of_arguments(self) -> None:
        """Are refused as Python refuses them, however many there are."""

        def refused() -> None:
            bare: Any = [kind.__new__(kind) for kind in (Tunnel, Wire, Race, Origin, AuthService, ProxyResponse)]
            tunnel, wire, race, origin, auth, response = bare
            methods = tunnel.ready, tunnel.start, wire.ready, race.ready, origin.known, auth.recall, response.render
            for method in (*methods, cast(Any, Record), cast(Any, Wire)):
                for number in (1, 7, 8, 9):
                    self.assertRaises(TypeError, method, *range(number))

        refused()
        native = fast()
        native.begin()
        self.addCleanup(native.end)
        refused()

    def test_other_options_in_c(self) -> None:
        """C that prepares sockets otherwise than Python is not taken."""
        for prepared, no_port in (
            (PREPARED[:2], BIND_ADDRESS_NO_PORT),
            (PREPARED, 25),
            (((1, 2, 3), *PREPARED[1:]), 24),
        ):
            self.assertRaises(ValueError, compiled().race_methods, Race, Dialled, Task, prepared, no_port)
