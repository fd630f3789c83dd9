"""The dashboard and the alerts speak of metrics that there are, with labels that they have; and the manual of each."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from meshd.metrics.catalogue import FAMILIES, OF, PREFIX, labels_of
from tests.support.manual import ROOT

RULES = ROOT / "contrib/prometheus/meshd.rules.yml"
DASHBOARD = ROOT / "contrib/grafana/meshd.json"

SCRAPED = {"job", "instance", "datasource"}
"""Labels that Prometheus adds, and Grafana's own variable."""

_METRIC = re.compile(r"\bmeshd_[a-z_]+\b")
_SELECTED = re.compile(r"\b(meshd_[a-z_]+)\{([^}]*)\}")
_LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
_BY = re.compile(r"\bby \(([^)]*)\)")
_TEMPLATED = re.compile(r"\{\{ *(?:\$labels\.)?([a-z_]+) *\}\}")


def rules() -> list[dict[str, Any]]:
    content = yaml.safe_load(RULES.read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def panels() -> Iterator[tuple[str, str, str]]:
    """Title, expression and legend of everything that is drawn."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]


def faults(expression: str, shown: str) -> list[str]:
    """What an expression, and the text that is shown with it, name that there is not."""
    names = set(_METRIC.findall(expression))
    found = [f"no metric {name}" for name in names if name.removeprefix(PREFIX) not in OF]
    known = {
        label for name in names if name.removeprefix(PREFIX) in OF for label in labels_of(name.removeprefix(PREFIX))
    }
    for name, matchers in _SELECTED.findall(expression):
        own = set(labels_of(name.removeprefix(PREFIX))) if name.removeprefix(PREFIX) in OF else set()
        found += [f"{name} has no label {label}" for label in _LABEL.findall(matchers) if label not in own | SCRAPED]
    grouped = {label.strip() for labels in _BY.findall(expression) for label in labels.split(",")}
    told = set(_TEMPLATED.findall(shown))
    found += [f"nothing has a label {label}" for label in grouped | told if label not in known | SCRAPED]
    if grouped:
        found += [f"{label} is summed away" for label in told - grouped]
    return found


def promtool(*words: str, text: str = "") -> str:
    """What it says; AssertionError where it finds a fault."""
    program = shutil.which("promtool")
    assert program is not None, "apt-get install prometheus"
    done = subprocess.run([program, *words], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class ContribTests(SynchronousTestCase):
    def test_faults_are_found(self) -> None:
        """So that the tests below say something."""
        self.assertEqual(faults('sum by (proxy) (rate(meshd_exchanges_total{outcome="x"}[5m]))', "{{proxy}}"), [])
        for expression, shown in (
            ("meshd_made_up == 1", ""),
            ('meshd_exits{exit="x"}', ""),
            ("sum by (account) (meshd_exits)", ""),
            ("meshd_exits", "{{ $labels.exit }}"),
            ("sum by (proxy) (meshd_exchanges_total)", "{{outcome}}"),
        ):
            self.assertEqual(len(faults(expression, shown)), 1, expression)

    def test_alerts_speak_of_what_there_is(self) -> None:
        for rule in rules():
            self.assertEqual(faults(rule["expr"], rule["annotations"]["summary"]), [], rule["alert"])
            self.assertIn(rule["labels"]["severity"], {"critical", "warning"}, rule["alert"])

    def test_prometheus_takes_the_rules(self) -> None:
        self.assertIn(f"{len(rules())} rules found", promtool("check", "rules", str(RULES)))

    def test_the_dashboard_speaks_of_what_there_is(self) -> None:
        found = list(panels())
        self.assertGreater(len(found), 40)
        for title, expression, legend in found:
            self.assertEqual(faults(expression, legend), [], title)
            self.assertIn('job="$job",instance=~"$instance"', expression, title)

    def test_prometheus_takes_the_dashboards_expressions(self) -> None:
        """Each as a rule that records it."""
        expressions = [expression.replace("$__rate_interval", "5m") for _, expression, _ in panels()]
        recorded = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(expressions)]
        path = self.mktemp()
        with open(path, "w") as file:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}, file)
        self.assertIn(f"{len(recorded)} rules found", promtool("check", "rules", path))

    def test_the_dashboards_panels_have_places_of_their_own(self) -> None:
        places = [panel["gridPos"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
        cells = [
            (x, y)
            for at in places
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        self.assertEqual(len(set(cells)), len(cells))

    def test_most_of_what_is_told_is_drawn(self) -> None:
        """All but what is there to be asked for by hand."""
        drawn = {name for _, expression, _ in panels() for name in _METRIC.findall(expression)}
        families = {family.name for family in FAMILIES if not {PREFIX + name for name in family.names()} & drawn}
        self.assertEqual(families, BY_HAND)

    def test_every_alert_stands_in_the_manual(self) -> None:
        """With its severity, what it means and what to do; and none is made up."""
        page = (ROOT / "docs/metrics.md").read_text()
        rows = re.findall(r"^\| `(Meshd\w+)` \| (\w+) \| .+ \| .+ \|$", page, re.MULTILINE)
        self.assertEqual(rows, [(rule["alert"], rule["labels"]["severity"]) for rule in rules()])


BY_HAND = {
    "start_time_seconds",
    "exit_rests_total",
    "exit_resting",
    "dns_names",
    "datagram_flows",
    "ledger_leased_bytes",
    "reports_lost_total",
    "worker_silent_seconds",
    "reload_timestamp_seconds",
    "reload_successful",
    "api_connections_unauthenticated",
    "hosts_connections",
    "hosts_published",
    "hosts_upstreams",
    "hosts_stream_exchanges",
    "hosts_stream_flows",
}
