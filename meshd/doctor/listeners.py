"""Judges listeners: whether their ports are the daemon's, may be taken, and answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from meshd.doctor.findings import Finding


class Owner(NamedTuple):
    """Who has a socket open."""

    pid: int
    """0 where it is not known, as of another user's process."""
    name: str = ""


class Listener(NamedTuple):
    """An endpoint of the settings that is a TCP port."""

    text: str
    use: str
    """The proxy's name, or what else it is for."""
    port: int
    owners: Sequence[Owner]
    """Whoever listens there now."""
    refused: str = ""
    """Why a connection to it failed, "" where it did not or was not tried."""


class Ports(NamedTuple):
    listeners: Sequence[Listener]
    daemon: Collection[int]
    """Process ids of the daemon and its workers; none where it does not run."""
    privileged: int
    """The first port that anybody may listen at."""
    uid: int
    """The user that the daemon runs as."""
    may_bind: bool = False
    """Whether the daemon may listen below that port by a capability."""
    by_address: Sequence[str] = ()
    """Endpoints of the API where a listed address is enough for a tunnel."""


def judge(ports: Ports) -> Iterator[Finding]:
    for text in ports.by_address:
        yield _by_address(text)
    for each in ports.listeners:
        strangers = [owner for owner in each.owners if owner.pid not in ports.daemon]
        ours = len(strangers) < len(each.owners)
        if not ours and strangers and (strangers[0].pid or not ports.daemon):
            yield _taken(each, strangers[0])
        elif ports.daemon and not each.owners:
            yield Finding(
                "listeners",
                f"nobody listens at {each.text} ({each.use}), though the daemon runs",
                "`meshd reload`, and look at what its log says of it",
            )
        elif each.refused:
            yield Finding(
                "listeners",
                f"{each.text} ({each.use}) does not answer from this machine: {each.refused}",
                "look for a firewall on this machine, and whether the daemon hangs",
            )
        if not ports.daemon and 0 < each.port < ports.privileged and ports.uid and not ports.may_bind:
            yield Finding(
                "listeners",
                f"{each.text} ({each.use}) is below {ports.privileged}, where user {ports.uid} may not listen",
                "AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit, or socket activation",
                wrong=False,
            )


def _by_address(text: str) -> Finding:
    return Finding(
        "listeners",
        f"{text} (api) gives a tunnel without a password to whoever comes from a listed address (api.by_address)",
        "switch it off where a balancer or a container's port stands before it: all have one address then",
        wrong=False,
    )


def _taken(each: Listener, owner: Owner) -> Finding:
    who = f"{owner.name or 'process'} ({owner.pid})" if owner.pid else "another user's process"
    return Finding(
        "listeners",
        f"{each.text} ({each.use}) is taken by {who}",
        "stop that, or listen at another port in the settings",
    )
