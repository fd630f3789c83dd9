"""Every metric that there is: its type, its labels, what it means, and what several processes' values are together.

Services name what they tell without the prefix; a sample whose name is not here is told to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

PREFIX = "meshd_"

Kind = Literal["counter", "gauge", "histogram"]
Together = Literal["sum", "max", "min"]

_PARTS = ("_bucket", "_sum", "_count")
"""The samples of a histogram."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    together: Together = "sum"
    """What the values of several processes are as one."""

    @property
    def counts(self) -> bool:
        """Whether its samples only grow, so that what a process has counted is kept after its end."""
        return self.kind != "gauge"

    def names(self) -> Iterator[str]:
        """Of its samples."""
        if self.kind == "histogram":
            yield from (self.name + part for part in _PARTS)
        else:
            yield self.name


def _counter(name: str, help_: str, *labels: str) -> Family:
    return Family(name, "counter", help_, labels)


def _gauge(name: str, help_: str, *labels: str, together: Together = "sum") -> Family:
    return Family(name, "gauge", help_, labels, together)


FAMILIES: tuple[Family, ...] = (
    _gauge("build_info", "What runs here; the value is always 1.", "version", "python", "twisted", together="max"),
    _gauge("start_time_seconds", "When the daemon was started, in seconds since the epoch.", together="max"),
    _counter("process_cpu_seconds_total", "CPU time, of user and system, of each process.", "process"),
    _gauge("process_resident_memory_bytes", "Resident memory of each process.", "process"),
    _gauge("process_open_fds", "Descriptors that each process has open.", "process"),
    _gauge("process_max_fds", "Descriptors that each process may have open.", "process"),
    Family("reactor_lag_seconds", "histogram", "By how much a timer that is due four times a second was late."),
    _counter("exchanges_total", "Exchanges that have ended, by the proxy and by how they ended.", "proxy", "outcome"),
    _counter("refusals_total", "Exchanges that were refused or failed, by the reason in the log.", "reason"),
    _counter("transferred_bytes_total", "Bytes that were counted, and are or will be billed.", "direction"),
    _gauge("exchanges_open", "Exchanges and tunnels that are counted now."),
    _gauge("datagram_flows", "Destinations that clients' datagrams go to."),
    _gauge("exchanges_waiting", "Exchanges that wait for their turn, since their account has too many."),
    _gauge("client_connections", "Connections of clients of the proxies."),
    _gauge("clients_unknown", "Connections to the proxies on which no credential was accepted yet."),
    _gauge("dataplane_fds", "Descriptors of the proxies' connections."),
    _gauge("dataplane_max_fds", "Descriptors that the proxies' connections may have; beyond, clients are turned away."),
    _gauge("origin_connections_kept", "Idle connections to origins that wait for a next request."),
    _counter("destinations_observed_total", "Exchanges that rules which only observe would have refused.", "reason"),
    _counter("account_exchanges_total", "Exchanges that have ended, of accounts in metrics.accounts.", "account"),
    _counter("account_bytes_total", "Bytes of the exchanges of accounts in metrics.accounts.", "account", "direction"),
    _gauge("exits", "Exits in the settings and their lists.", together="max"),
    _gauge("exits_resting", "Exits that rest since they have failed.", together="max"),
    _gauge("exits_drained", "Exits by which nothing new leaves, since the operator drains them.", together="max"),
    _counter("exit_rests_total", "Rests that have begun, of all exits."),
    _gauge("exit_exchanges_open", "Exchanges that leave by the exit now.", "exit"),
    _gauge("exit_resting", "1 while the exit rests, else 0.", "exit", together="max"),
    _counter("exit_failures_total", "Times that the exit could not be reached or did not serve.", "exit"),
    _counter("dns_lookups_total", "Names that were looked up; what is remembered is not.", "result"),
    _gauge("dns_lookups_open", "Names that are being looked up."),
    _gauge("dns_names", "Names that are remembered."),
    _counter("auth_hashes_total", "Passwords that were hashed."),
    _counter("auth_hashes_refused_total", "Passwords that were not hashed, since too many waited for too long."),
    _gauge("auth_hashes_waiting", "Passwords that wait to be hashed."),
    _gauge("auth_hashes_waiting_max", "Passwords that may wait to be hashed."),
    _gauge("auth_identities", "Credentials and addresses that are remembered."),
    _gauge("auth_banned_addresses", "Addresses that are banned, for a name or for all.", together="max"),
    _gauge("ledger_batches_waiting", "Batches of counts that are sealed and that the store has not yet."),
    _gauge("ledger_unbilled_seconds", "Age of the oldest byte that the store has not yet; 0 for none.", together="max"),
    _gauge("ledger_accounts", "Accounts that something is counted for."),
    _gauge("ledger_leases", "Accounts with a limit that a part of what is left is lent of."),
    _gauge("ledger_leased_bytes", "Bytes of those leases."),
    _counter("reports_lost_total", "Exchanges that no report has counted, since too much waited for the store."),
    _gauge("store_up", "1 where the store answered when it was asked last, else 0.", together="min"),
    Family("store_unit_seconds", "histogram", "How long units of the store took, from the asking to the answer."),
    _counter("store_failures_total", "Units that the store did not carry out: away, full, or a fault."),
    _gauge("change_feed_lag_seconds", "Seconds since the change feed was last read.", together="max"),
    _gauge("certificate_remaining_seconds", "Seconds until the certificate expires.", "certificate", together="min"),
    _gauge("worker_up", "1 while a worker lets clients in, else 0.", "worker"),
    _counter("worker_restarts_total", "Processes of the worker that ended unasked.", "worker"),
    _gauge("worker_silent_seconds", "Seconds since the worker last told its numbers.", "worker"),
    _counter("reloads_total", "Reloads of the settings.", "outcome"),
    _gauge("reload_timestamp_seconds", "When the settings were last reloaded, or refused; 0 for never."),
    _gauge("reload_successful", "0 where the last reload was refused, else 1."),
    _gauge("api_connections", "Connections to each API.", "api"),
    _gauge("api_connections_unauthenticated", "Those on which nobody has signed in.", "api"),
    _counter("api_requests_total", "Requests to each API that were answered.", "api", "status"),
    _gauge("hosts_connections", "Connections of clients of published hosts."),
    _gauge("hosts_published", "Published hosts that are served."),
    _gauge("hosts_upstreams", "Upstreams of published hosts that are watched."),
    _gauge("hosts_upstream_connections_kept", "Idle connections to upstreams of published hosts."),
    _gauge("hosts_stream_exchanges", "Connections to streams that are served."),
    _gauge("hosts_stream_flows", "Clients by datagram that are served."),
    _gauge("log_failing", "1 while the log cannot be written, else 0.", "log", together="max"),
    _counter("log_lines_lost_total", "Lines of the log that were given up.", "log"),
)
"""In the order in which they are told."""

OF: Mapping[str, Family] = MappingProxyType({name: family for family in FAMILIES for name in family.names()})
"""The metric that a sample of that name is part of."""


def labels_of(name: str) -> tuple[str, ...]:
    """The labels of a sample of that name, in their order.  Raises: KeyError for a name that there is not."""
    family = OF[name]
    return (*family.labels, "le") if name != family.name and name.endswith("_bucket") else family.labels
