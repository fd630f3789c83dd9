"""The settings of one worker: what it serves, its part of the bounds, and no secret that it has no use for."""

from __future__ import annotations

from dataclasses import replace

from meshd.config import Config
from meshd.config.endpoints import parsed
from meshd.daemon.sharing import can_be_shared
from meshd.topology import Limits, ProxyHost, Topology
from meshd.values.mail import Mail
from meshd.values.metrics import Metrics
from meshd.values.notices import Notify
from meshd.values.offers import Selling


def portion(config: Config, workers: int) -> Config:
    """The settings for each of so many workers."""
    mail = Mail(config.mail.spool)  # letters and notices are the daemon's
    topology = _topology(config.topology, workers)
    return replace(config, api_listen=(), workers=1, mail=mail, notify=Notify(), topology=topology)


def _topology(topology: Topology, workers: int) -> Topology:
    return replace(
        topology,
        proxies={name: _proxy(host) for name, host in topology.proxies.items()},
        limits=limits(topology.limits, workers),
        selling=Selling(),
        hosts=None,
        metrics=Metrics(accounts=topology.metrics.accounts, daemons=bool(topology.metrics.listen)),
    )


def _proxy(host: ProxyHost) -> ProxyHost:
    """The proxy with those of its listeners at which each worker can have a socket."""
    return replace(host, listen=tuple(each for each in host.listen if can_be_shared(parsed(each).place)))


def limits(whole: Limits, workers: int) -> Limits:
    """The bounds of one worker, where these are for the machine's sake: an equal part, rounded up."""
    return replace(
        whole,
        connections=_part(whole.connections, workers),
        unauthenticated=_part(whole.unauthenticated, workers),
        password_workers=_part(whole.password_workers, workers),
        password_queue=_part(whole.password_queue, workers),
    )


def _part(whole: int, workers: int) -> int:
    return -(-whole // workers)
