"""The tree itself: what a reader may rely on wherever they open it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.manual import ROOT, tracked

MODULE_LINES = 300
FUNCTION_LINES = 40

UNMIRRORED = {"store/statements", "store/migrations"}
"""Their tests are the store's contract."""

ROOTS = {"meshd.tap", "meshd.store.postgres.blocking"}
"""The plugin names the one, the store's URL the other."""


def modules() -> list[Path]:
    """Of the package."""
    return [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "meshd")]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT / "meshd"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports(path: Path) -> set[str]:
    """Dotted names that a module imports or names in a text, also those that may be a module's member."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def needs() -> dict[str, set[str]]:
    """By each module of the package those that it imports itself, anywhere in it and for whatever."""
    known = {dotted(path): path for path in modules()}
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        wanted: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                members = {f"{node.module}.{alias.name}" for alias in node.names}
                wanted |= {name if name in known else node.module for name in members}
        found[name] = wanted & set(known)
    return found


def circles(needs: dict[str, set[str]]) -> list[set[str]]:
    """The largest sets of modules of which each needs all others."""
    reached = {name: _all_needed(name, needs) for name in needs}
    found: list[set[str]] = []
    for name, below in reached.items():
        circle = {other for other in below if name in reached[other]}
        if circle and circle not in found:
            found.append(circle)
    return found


def _all_needed(name: str, needs: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = set(needs[name])
    while waiting:
        reached.add(found := waiting.pop())
        waiting |= needs[found] - reached
    return reached


class TreeTests(SynchronousTestCase):
    """Sizes, places, leftovers."""

    def test_modules_are_short(self) -> None:
        """A longer one has a noun in it that wants to move out."""
        for path in modules():
            lines = len(path.read_text().splitlines())
            self.assertLessEqual(lines, MODULE_LINES, path)

    def test_functions_are_short(self) -> None:
        """What cannot be seen at once cannot be judged at once."""
        for path in modules():
            for function in functions(ast.parse(path.read_text())):
                lines = (function.end_lineno or 0) - function.lineno + 1
                self.assertLessEqual(lines, FUNCTION_LINES, f"{path}: {function.name}")

    def test_every_package_has_its_tests_in_the_same_place(self) -> None:
        """Whoever looks for the tests of meshd/x finds tests/x."""
        for package in {path.parent for path in modules()} - {ROOT / "meshd"}:
            name = short(package)
            if name not in UNMIRRORED:
                self.assertTrue(list((ROOT / "tests" / name).glob("test_*.py")), f"no tests/{name}/test_*.py")

    def test_every_package_ships(self) -> None:
        """A folder that setup.cfg does not list is missing in a wheel."""
        listed = set((ROOT / "setup.cfg").read_text().split())
        for package in {path.parent for path in modules()}:
            self.assertIn(dotted(package), listed)

    def test_no_module_is_left_over(self) -> None:
        """Each is needed by a test, by the daemon or by the command."""
        known = {dotted(path): path for path in modules()}
        tests = [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")]
        waiting = ROOTS | {name for path in tests for name in imports(path)}
        reached: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in known and name not in reached:
                reached.add(name)
                waiting |= imports(known[name])
        packages = {name for name in known if known[name].name == "__init__.py"}
        self.assertEqual(set(known) - reached - packages, set())

    def test_circles_are_found(self) -> None:
        """However long they are; who only needs one is in none."""
        tree = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set[str](), "e": {"e"}, "f": {"a"}}
        self.assertEqual(circles(tree), [{"a", "b", "c"}, {"e"}])

    def test_no_two_modules_need_each_other(self) -> None:
        """Neither could be read first; annotations count."""
        self.assertEqual(circles(needs()), [])

    def test_nothing_is_put_off(self) -> None:
        """What is to be done stands in the tracker, not in the code."""
        word = re.compile(r"\b(?:TO" + "DO|FIX" + r"ME|XX" + r"X)\b")
        for path in tracked():
            if path.suffix in {".py", ".md", ".cfg", ".toml", ".ini", ".yaml", ".sql"}:
                self.assertNotRegex(path.read_text(), word, str(path))

    def test_no_module_imports_the_reactor(self) -> None:
        """It is an argument; only the plugin's function may take the one that twistd has installed."""
        for path in modules():
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ImportFrom) and node.module == "twisted.internet":
                    self.assertNotIn("reactor", [alias.name for alias in node.names], path)
                if isinstance(node, ast.Import):
                    self.assertNotIn("twisted.internet.reactor", [alias.name for alias in node.names], path)

    def test_values_are_frozen(self) -> None:
        """Every dataclass of the ground floor is frozen and has slots."""
        for name in ("model.py", "topology.py"):
            for node in ast.walk(ast.parse((ROOT / "meshd" / name).read_text())):
                if isinstance(node, ast.ClassDef):
                    for decorator in map(ast.unparse, node.decorator_list):
                        self.assertEqual(decorator, "dataclass(frozen=True, slots=True)", f"{name}: {node.name}")

    def test_the_data_planes_objects_have_slots(self) -> None:
        """Of what there is one for each connection, request or tunnel, an idle one costs memory."""
        wanted = {
            "proxy/connection.py": {"ClientConnection"},
            "passing/connection.py": {"Connection"},
            "passing/forwarding.py": {"Forwarding"},
            "proxy/forward.py": {"ProxyForwarding"},
            "sockets/flow.py": {"Flow"},
            "sockets/relay.py": {"Tunnel"},
            "proxy/repeating.py": {"Repeated", "RepeatedExchanges"},
            "proxy/request.py": {"ProxyRequest"},
            "proxy/said.py": {"Said"},
            "sockets/task.py": {"Task"},
            "passing/kept.py": {"Origin"},
            "sockets/wire.py": {"Wire", "Watcher"},
            "usage/meter.py": {"Meter", "Tally"},
        }
        for name, classes in wanted.items():
            found = {
                node.name: {ast.unparse(each).partition(" =")[0] for each in node.body if isinstance(each, ast.Assign)}
                for node in ast.walk(ast.parse((ROOT / "meshd" / name).read_text()))
                if isinstance(node, ast.ClassDef) and node.name in classes
            }
            self.assertEqual({each for each, assigned in found.items() if "__slots__" in assigned}, classes, name)

    def test_twisteds_folder_is_no_package(self) -> None:
        """An __init__.py there would hide Twisted itself."""
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])
