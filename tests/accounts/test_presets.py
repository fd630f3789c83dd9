"""Presets and preferences: what is kept, whose it is, and how much of it there may be."""

from __future__ import annotations

import json
from typing import Any

from meshd.accounts import freeform, presets
from meshd.accounts.errors import Forbidden, Invalid, NotFound, PlanLimitReached
from meshd.accounts.ownership import ByToken
from meshd.accounts.presets import MOST, PREFERENCES_BYTES, PRESET_BYTES
from tests.accounts.support import NOON, AccountsCase, OnPostgres, named


def nested(depth: int) -> dict[str, Any]:
    """So many objects within one another."""
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"in": value}
    return value


class FreeformTests(AccountsCase):
    def test_what_is_too_much(self) -> None:
        """Depth and size have an end each; a number that JSON cannot write is none."""
        for value, right in (
            ({}, True),
            ({"a": [1, 2.5, None, True, "ü\0\ud800"]}, True),
            (nested(freeform.DEEPEST), True),
            (nested(freeform.DEEPEST + 1), False),
            ({"a": [[[1e999]]]}, False),
            ({"a": "x" * 92}, True),
            ({"a": "x" * 93}, False),
            ({"a": "ü" * 16}, False),
        ):
            with named(repr(value)[:80]):
                self.assertEqual(freeform.problem(value, 200 if "in" in value else 100) is None, right)

    def test_a_tower_costs_no_stack(self) -> None:
        """However deep: it is refused, level by level."""
        self.assertIsNotNone(freeform.problem(nested(100_000), 10**9))


class PresetTests(AccountsCase):
    def new(self, name: str = "fast", **data: Any) -> presets.Preset:
        return self.run_unit(presets.create, self.alice.id, name, data, now=NOON)

    def test_a_life(self) -> None:
        made = self.new(country="us", odd="\0\ud800")
        self.assertEqual(self.run_unit(presets.listing, self.alice.id), [made])
        self.assertEqual(made.data, {"country": "us", "odd": "\0\ud800"})
        self.assertEqual(self.told(), ("alice", "preset.create", self.alice.id))
        renamed = self.run_unit(presets.edit, self.alice.id, made.id, "slow", None, now=NOON)
        self.assertEqual((renamed.name, renamed.data), ("slow", made.data))
        changed = self.run_unit(presets.edit, self.alice.id, made.id, None, {"a": 1}, now=NOON)
        self.assertEqual(self.run_unit(presets.shown, self.alice.id, made.id), changed)
        before = self.dump()
        self.assertEqual(self.run_unit(presets.edit, self.alice.id, made.id, "slow", {"a": 1}, now=NOON), changed)
        self.assertEqual(self.dump(), before)
        self.run_unit(presets.delete, self.alice.id, made.id, now=NOON)
        self.assertEqual(self.run_unit(presets.listing, self.alice.id), [])

    def test_another_holders_are_not_there(self) -> None:
        made, bob = self.new(), self.customer("bob")
        for actor in (bob.id, self.kid.id):
            for which in (made.id, 0, -1, 2**70):
                with named((actor, which)):
                    self.refused(NotFound, presets.shown, actor, which)
                    self.refused(NotFound, presets.edit, actor, which, "x", None, now=NOON)
                    self.refused(NotFound, presets.delete, actor, which, now=NOON)

    def test_what_cannot_be_kept(self) -> None:
        made = self.new()
        for name, data, field in (
            ("", {}, "name"),
            (" ", {}, "name"),
            ("x" * 101, {}, "name"),
            ("a\nb", {}, "name"),
            ("x", {"a": "x" * PRESET_BYTES}, "data"),
            ("x", nested(50), "data"),
        ):
            with named((name, field)):
                refused = self.refused(Invalid, presets.create, self.alice.id, name, data, now=NOON)
                self.assertEqual(set(refused.messages), {field})
                self.refused(Invalid, presets.edit, self.alice.id, made.id, name, data, now=NOON)

    def test_so_many(self) -> None:
        for number in range(MOST):
            self.new(str(number))
        self.refused(PlanLimitReached, presets.create, self.alice.id, "x", {}, now=NOON)

    def test_preferences(self) -> None:
        """Those that are named change, None takes one away."""
        for changes, all_ in (
            ({"theme": "dark", "more": {"a": 1, "b": 2}}, {"theme": "dark", "more": {"a": 1, "b": 2}}),
            ({"more": {"a": 3}, "language": "de"}, {"theme": "dark", "more": {"a": 3}, "language": "de"}),
            ({"theme": None, "none": None}, {"more": {"a": 3}, "language": "de"}),
        ):
            with named(changes):
                self.assertEqual(self.run_unit(presets.prefer, self.alice.id, changes, now=NOON), all_)
                self.assertEqual(self.run_unit(presets.preferences, self.alice.id), all_)
        self.assertEqual(self.run_unit(presets.preferences, self.kid.id), {})

    def test_preferences_have_an_end(self) -> None:
        """What was kept before counts, and what goes away makes room."""
        half = "x" * (PREFERENCES_BYTES // 2)
        self.run_unit(presets.prefer, self.alice.id, {"a": half}, now=NOON)
        self.refused(Invalid, presets.prefer, self.alice.id, {"b": half}, now=NOON)
        self.run_unit(presets.prefer, self.alice.id, {"a": None, "b": half}, now=NOON)

    def test_a_token_without_power_changes_nothing(self) -> None:
        token = self.confined(selection="country-us")
        actor = ByToken(self.alice.id, token.id, confined=True)
        self.refused(Forbidden, presets.create, actor, "x", {}, now=NOON)
        self.refused(Forbidden, presets.prefer, actor, {"a": 1}, now=NOON)

    def test_the_audit_holds_nothing_of_it(self) -> None:
        self.new("private", secret="hidden")
        self.run_unit(presets.prefer, self.alice.id, {"x": "hidden"}, now=NOON)
        self.assertNotIn("hidden", json.dumps(self.history(self.alice)))


class PresetOnPostgresTests(OnPostgres, PresetTests):
    """The same on PostgreSQL."""
