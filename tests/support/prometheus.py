"""Debian's Prometheus on loopback, which scrapes once a second and has rules of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.support.daemon import free_port, until

SCRAPE = 'global: {scrape_interval: 1s, evaluation_interval: 1s, scrape_timeout: 1s}\nrule_files: ["rules.yml"]\n'


def shortened(rules: str) -> str:
    """The same rules, each of which fires as soon as its expression holds."""
    content = yaml.safe_load(rules)
    for group in content["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    return yaml.safe_dump(content)


class Prometheus:
    """Runs from the constructor on, and is gone with the test that owns it."""

    def __init__(self, owner: Any, targets: Mapping[str, int], rules: str) -> None:
        """targets: ports by the names that their instances have."""
        program = shutil.which("prometheus")
        assert program is not None, "apt-get install prometheus"
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="meshd-prometheus-", dir="/tmp"))
        (self._folder / "rules.yml").write_text(rules)
        jobs = [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}} for name, port in targets.items()]
        config = SCRAPE + yaml.safe_dump({"scrape_configs": [{"job_name": "meshd", "static_configs": jobs}]})
        (self._folder / "prometheus.yml").write_text(config)
        self._process = subprocess.Popen(
            [
                program,
                "--config.file=prometheus.yml",
                f"--storage.tsdb.path={self._folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        owner.addCleanup(self.close)
        until(self._ready, "Prometheus is ready", 30.0)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)

    def firing(self) -> set[tuple[str, str]]:
        """Names of alerts, with the instance of each."""
        found = self._get("/api/v1/alerts")["alerts"]
        return {
            (each["labels"]["alertname"], each["labels"]["instance"]) for each in found if each["state"] == "firing"
        }

    def query(self, expression: str) -> dict[str, float]:
        """What an expression gives now, by instance."""
        found = self._get("/api/v1/query", query=expression)["result"]
        return {each["metric"]["instance"]: float(each["value"][1]) for each in found}

    def broken(self) -> list[str]:
        """Why rules could not be evaluated."""
        groups = self._get("/api/v1/rules")["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule.get("lastError")
        ]

    def _ready(self) -> bool:
        assert self._process.poll() is None, "Prometheus has ended"
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.1)
            return False

    def _get(self, path: str, **query: str) -> Any:
        with urlopen(f"http://127.0.0.1:{self.port}{path}?{urlencode(query)}", timeout=60) as answer:
            return json.load(answer)["data"]
