"""How moments are called."""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import meshd.auth


class NameTests(SynchronousTestCase):
    def test_a_name_says_which_clock(self) -> None:
        """`now` is the calendar's and `monotonic` the other's; `at` would be either, and is neither."""
        modules = sorted(Path(meshd.auth.__path__[0]).glob("*.py"))
        self.assertGreater(len(modules), 10)
        for module in modules:
            tree = ast.parse(module.read_text())
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
            self.assertNotIn("at", names, module)
            for node in ast.walk(tree):
                match node:
                    case ast.Assign(targets=[ast.Name(id="now")], value=value):
                        self.assertIn("self._now()", ast.unparse(value), module)
                    case ast.Assign(targets=[ast.Name(id="monotonic")], value=value):
                        self.assertRegex(ast.unparse(value), r"^self\._(clock\.)?seconds\(\)$", module)
