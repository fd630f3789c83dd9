"""docs/settings.md says all of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from meshd.config.exits.described import EXIT
from meshd.config.page import renewed
from meshd.config.sections import PLAN, PROXY, RULE
from meshd.config.show import of_plan, value_text
from meshd.config.table import SETTINGS
from meshd.topology import PLANS
from tests.config.support import ConfigTestCase

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


class PageTests(ConfigTestCase):
    """The manual and the code are one."""

    def test_every_setting_stands_in_it(self) -> None:
        """Its table is today's: `python -m meshd.config.page docs/settings.md` renews it."""
        page = PAGE.read_text()
        for setting in SETTINGS:
            self.assertIn(f"| `{setting.key}`", page)
        self.assertEqual(page, renewed(page), "run python -m meshd.config.page docs/settings.md")

    def test_every_key_of_proxies_exits_and_plans_stands_in_it(self) -> None:
        """Those tables are written by hand."""
        page = PAGE.read_text()
        for key in (*PROXY, *EXIT, *RULE, *PLAN):
            self.assertIn(f"`{key}`", page)

    def test_the_plans_numbers_are_those_shipped(self) -> None:
        """Row by row."""
        page = PAGE.read_text()
        for key in PLAN:
            cells = [value_text(of_plan(plan, key)) for plan in PLANS.values()]
            self.assertIn(f"| `{key}` | {' | '.join(cells)} |", page)

    def test_its_example_loads(self) -> None:
        """Whoever copies it has a file that works."""
        (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.assertEqual(set(self.load(example).topology.proxies), set(tomllib.loads(example)["proxies"]))
