"""schemathesis against a live daemon: every operation of the document, by password and by bearer token.

Run by `tox -e schemathesis`; no part of the suite, since what it asks is another thing at each run.  What it found is
kept in `tests/web/api/test_found_cases.py`.  The exit status is 0 where nothing was found.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from meshd.web.openapi import document
from tests.support.daemon import ROOT, LiveDaemon, clean_environment

CONFIG = """
[limits]
failures = 1000
names_per_address = 1000
"""
"""Wrong credentials are a part of the run; to be banned for them would end it."""

HERE = Path(__file__).parent
PASSWORD = '[auth.openapi.basic]\nusername = "parent"\npassword = "{}"\n'
BEARER = '[auth.openapi.bearer]\nbearer = "{}"\n'

SECONDS = 75
"""For each of the two runs."""

FOR_PASSWORDS = "^/api/token"


def furnished() -> tuple[LiveDaemon, str]:
    """A daemon with a parent, its sub-accounts, tokens and addresses; the parent's password."""
    daemon = LiveDaemon(config=CONFIG)
    password = daemon.account("parent")
    for number in range(10):
        daemon.account(f"child{number}", parent="parent")
    for number in range(3):
        daemon.cli("ip", "add", "parent", f"9.9.9.{number}")
        daemon.cli("ip", "add", "child0", f"9.9.9.{number + 3}")
        daemon.token("child0")
        daemon.token("parent")
    return daemon, password


def run(daemon: LiveDaemon, auth: str, *options: str) -> bool:
    """One run; whether nothing was found and no answer was for a banned caller."""
    with tempfile.TemporaryDirectory() as folder:  # it writes files where it runs
        settings = Path(folder, "schemathesis.toml")
        settings.write_text((HERE / "schemathesis.toml").read_text() + auth)
        words = [
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={settings}", "run"),
            f"{daemon.api}/api/openapi.json",
            f"--tls-verify={daemon.certificate}",
            f"--max-time={SECONDS}",
            "--continue-on-failure",
            "--warnings=off",
            *options,
        ]
        environ = {
            **clean_environment(),
            "SCHEMATHESIS_HOOKS": "tests.live.schemathesis_hooks",
            "PYTHONPATH": str(ROOT),
        }
        clean = subprocess.run(words, env=environ, cwd=folder, check=False).returncode == 0
    return told(daemon) and clean


def told(daemon: LiveDaemon) -> bool:
    """Print what was answered; whether no fault stands in the log, nobody was banned, and each path answered 2xx once.

    A path that never did was tried on its threshold alone.
    """
    daemon.terminate()  # and with it the last lines of its logs are written
    answers = _answers(daemon)
    print("answers:", dict(sorted(Counter(status for _, status in answers).items())), flush=True)
    asked = {path for path, _ in answers}
    served = {path for path, status in answers if status.startswith("2")}
    shut = [
        template
        for template in document("meshd.web.api")["paths"]
        if _any(template, asked) and not _any(template, served)
    ]
    print("never 2xx:", shut, flush=True)
    return not shut and not {"429", "500"} & {status for _, status in answers} and "Traceback" not in daemon.log_text()


def _answers(daemon: LiveDaemon) -> list[tuple[str, str]]:
    """Path and status of every request that reached a route."""
    lines = (json.loads(line) for line in (daemon.data_dir / "requests.log").read_text().splitlines())
    return [(line["path"], str(line["status"])) for line in lines if line["path"]]


def _any(template: str, paths: set[str]) -> bool:
    pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))
    return any(map(pattern.fullmatch, paths))


def main() -> int:
    """Both runs, whatever the first one finds."""
    outcomes = []
    for auth, options in ((PASSWORD, ()), (BEARER, (f"--exclude-path-regex={FOR_PASSWORDS}",))):
        daemon, password = furnished()
        try:
            secret = password if auth is PASSWORD else daemon.token("parent")
            outcomes.append(run(daemon, auth.format(secret), *options, *sys.argv[1:]))
        finally:
            daemon.close()
    return int(not all(outcomes))


if __name__ == "__main__":
    sys.exit(main())
