"""The APIs below `/v1` and `/api` beside each other in one run: `python bench/v1.py`.

The same clients ask one daemon in turn, on kept TLS connections: `GET /v1/auth/user` with a key and `GET /api/proxies/`
with a bearer token and with a password.  The medians over the rounds are compared, per second of the
daemon's own CPU time; status 0 where the former is as quick as the quicker of the latter.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import httpx

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench import api  # noqa: E402
from bench.api import Sample, Server, alternate, answer, meshd, signed_in  # noqa: E402
from bench.machine import description  # noqa: E402
from bench.processes import Bystanders  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port  # noqa: E402

SETTINGS = f"""{api.SETTINGS}
[v1]
gateway = ["tcp:{{gateway}}:interface=127.0.0.1"]
socks = []
"""
USER = "/v1/auth/user"
KEY = f"{USER}, key"
WANTED = 1.0


def with_key(daemon: LiveDaemon, pid: int) -> Server:
    """An account that signs in and makes a key, as a customer does."""
    password = daemon.account("keyholder")
    with httpx.Client(base_url=f"{daemon.api}/v1", verify=str(daemon.certificate), trust_env=False) as client:
        token = _json(client.post("/auth/login", json={"email": "keyholder", "password": password}))["accessToken"]
        made = client.post("/profile/api-keys", json={}, headers={"Authorization": f"Bearer {token}"})
    return Server(KEY, pid, daemon.api_port, f"Authorization: Bearer {_json(made)['plain_text_token']}", USER)


def _json(response: httpx.Response) -> Any:
    response.raise_for_status()
    return response.json()


def ratio(samples: Mapping[str, Sequence[Sample]]) -> float:
    """Of the medians: that with a key to the best of all others."""
    medians = {name: median(each.per_cpu_second for each in found) for name, found in samples.items()}
    return medians.pop(KEY) / max(medians.values())


def compare(seconds: float, rounds: int, clients: int) -> tuple[dict[str, list[Sample]], float]:
    """Samples, and how much of the machine others had."""
    with meshd(SETTINGS.replace("{gateway}", str(free_port()))) as (daemon, pid):
        servers = [with_key(daemon, pid), *signed_in(daemon, pid)]
        for server in servers:
            answer(server, daemon.certificate)  # which must be one
        bystanders = Bystanders(os.getpid())
        return alternate(servers, daemon.certificate, seconds, rounds, clients), bystanders.share()


def report(samples: Mapping[str, Sequence[Sample]], clients: int, bystanders: float) -> str:
    """The table and what must be known beside it."""
    against = max((name for name in samples if name != KEY), key=lambda name: median_of(samples[name]))
    return "\n\n".join(
        [
            f"`GET {USER}` beside `GET {api.PATH}` by {clients} clients on {description()}.",
            api.rows(samples, against, WANTED),
            f"Processes that were no part of the run had {bystanders:.0%} of the machine meanwhile.",
            f"With a key {ratio(samples):.2f} times as many per CPU second.",
        ]
    )


def median_of(samples: Sequence[Sample]) -> float:
    return median(each.per_cpu_second for each in samples)


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1, help="of each in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=api.CLIENTS)
    options = parser.parse_args(given)
    samples, bystanders = compare(options.seconds, options.rounds, options.clients)
    print(report(samples, options.clients, bystanders))
    failed = any(sample.failed for found in samples.values() for sample in found)
    return 0 if ratio(samples) >= WANTED and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
