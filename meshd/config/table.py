"""Every setting that has one value: its key, what it may be, its default, and what it does.

The manual's table and the environment's names are made from these rows, and `build.py` reads nothing that has none.
Proxies, exits, plans and offers, of which there are many, are described in `sections.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from meshd.config.endpoints import ENDPOINT
from meshd.config.hostrows import ROWS
from meshd.config.kinds import NAME, PATH, TRUTH, Kind, choice, list_of, number, seconds
from meshd.config.network import AUTHORITY, HOST, HOSTNAME, MAILBOX, NAMESERVER, OPENING, PORTS, PROBE_URL, USER
from meshd.config.offers import FONT, LINE, TEXT
from meshd.config.stores import STORE_URL
from meshd.topology import Limits, Timeouts
from meshd.values.hosting import Hosting
from meshd.values.offers import Selling
from meshd.values.probing import Probing
from meshd.values.times import DAY

WEEK = 7 * DAY
YEAR = 365 * DAY
MiB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: in the file under `[section]`, in the environment as `MESHD_SECTION_NAME`."""

    key: str
    kind: Kind
    default: object
    """The default as the file would write it; `{data_dir}` stands for the data folder, None for "not given"."""
    about: str
    attribute: str
    """The attribute of a Config, with dots; "" for a setting that becomes part of the first proxy, or of a section that
    may be off."""
    live: bool = True
    """Whether a reload changes it; else it needs a restart."""
    flag: str = ""
    """The name of its flag, with underscores; "" for none."""

    @property
    def environment(self) -> str:
        return "MESHD_" + self.key.upper().replace(".", "_")


_Rows = Mapping[str, tuple[Kind, str] | tuple[Kind, str, object]]
"""By name the kind, what the setting does, and perhaps the default."""

_DESTINATIONS: _Rows = {
    "allow": (list_of(OPENING), "ranges, or single addresses with a port, that are refused otherwise", []),
    "ports": (list_of(PORTS, empty=False), "ports that requests may go to", ["80", "443", "1024-65535"]),
    "deny_ports": (list_of(PORTS), "ports among those that are refused nevertheless", ["6660-6669", "6697"]),
    "deny_hosts": (list_of(HOSTNAME, into=frozenset), "names that are refused, with everything under them", []),
}

_PROBES: _Rows = {
    "url": (PROBE_URL, "asked for through every exit, to see whether it works; without one there are no probes"),
    "every": (seconds(1, DAY), "within which each exit is tried once, by each process"),
    "timeout": (seconds(0.1, 600), "that an answer may take"),
    "at_once": (number(1, 1000), "probes under way at a time; what cannot be kept up with is late"),
}

_TIMEOUTS: _Rows = {
    "head": (seconds(0.1, DAY), "for a request's whole head, however it drips"),
    "connect": (seconds(0.1, DAY), "for connecting to one destination, all its addresses together"),
    "first_byte": (seconds(0.1, DAY), "for the first byte of an origin's answer"),
    "idle": (seconds(0.1, WEEK), "until a tunnel or a body that moves nothing is ended"),
    "half_closed": (seconds(0.1, WEEK), "that a tunnel may stay idle once one side of it has ended"),
    "keep_alive": (seconds(0.1, DAY), "that a connection is kept between two requests, a client's or an origin's"),
    "dns": (seconds(0.1, 600), "for looking up one name"),
    "turn": (seconds(0, 600), "that an exchange which its account may not begin yet waits for its turn; 0: none waits"),
    "drain": (seconds(0, WEEK), "that open exchanges have to end when meshd is stopped"),
}

_LIMITS: _Rows = {
    "head_bytes": (number(1024, MiB), "of a request's line and fields together; more is answered 431"),
    "request_line_bytes": (number(512, MiB), "of a request's line; more is answered 414"),
    "fields": (number(10, 10_000), "header fields in a request; more are answered 431"),
    "response_head_bytes": (number(1024, 4 * MiB), "of the head of an origin's response; more is answered 502"),
    "interim_responses": (number(0, 1000), "1xx responses passed on before the final one"),
    "connections": (number(0, 10**7), "client connections in all; 0 derives it from the descriptor limit"),
    "descriptor_reserve": (number(16, 100_000), "file descriptors kept free for the store and the API"),
    "kept_connections": (
        number(0, 10**7),
        "idle connections to origins that wait for a next request; 0 for a quarter of the descriptors, 65536 at most",
    ),
    "unauthenticated_per_address": (number(1, 10**6), "connections of one address before a credential was accepted"),
    "unauthenticated": (number(1, 10**7), "connections in all before a credential was accepted"),
    "tunnels_per_account": (
        number(0, 10**7),
        "exchanges of one account at a time, and of one published host; 0 for no limit",
    ),
    "new_tunnels_per_second": (number(0, 10**6), "tunnels opened by one account; 0 for no limit"),
    "requests_per_second": (number(0, 10**6), "requests of one account; 0 for no limit"),
    "exit_retries": (number(0, 20), "other exits that are tried for a request whose exit cannot be reached"),
    "on_limit": (choice("cut", "finish", "slow"), "what happens to an account's exchanges at a byte limit"),
    "slow_kbit": (number(1, 10**8), "kilobits a second, both directions together, at such a limit of `slow`"),
    "failures": (number(1, 1000), "wrong credentials of one name from one address that cause a ban"),
    "failure_window": (number(1, YEAR), "seconds within which they count together"),
    "ban_seconds": (number(1, YEAR), "that a ban lasts"),
    "names_per_address": (number(1, 10**6), "names tried wrongly from one address before it is banned for every name"),
    "credential_cache": (number(0, 3600), "seconds that a verified credential is remembered"),
    "identities": (number(100, 10**7), "accounts remembered by each process"),
    "password_workers": (number(1, 64), "threads that verify passwords"),
    "password_queue": (number(1, 10_000), "sign-ins that may wait for them; of more, the last in turn is answered 503"),
    "slice_bytes": (number(4096, 1024 * MiB), "that a process may move for an account before it asks for more"),
    "window_bytes": (
        number(0, 1024 * MiB),
        "that a connection's sender may be ahead of its reader, and so all that it moves in a round trip; "
        "0 leaves it to the kernel",
    ),
    "flush_seconds": (seconds(0.05, 60), "between two writings of the counters to the store"),
    "activity_per_account": (number(0, 10**6), "newest exchanges of an account that the API can tell; 0 keeps none"),
    "activity_seconds": (number(60, YEAR), "that they are kept for"),
    "session_idle": (number(60, YEAR), "seconds after which somebody who asks for no page is signed out"),
    "session_longest": (number(60, YEAR), "seconds after which somebody has to sign in again, however busy"),
    "domain_days": (number(0, 3650), "that an account's sums by target host are kept for; 0 keeps none"),
}

_SELLING: _Rows = {
    "name": (LINE, "the seller's, on invoices"),
    "address": (list_of(LINE), "lines below it: address, tax number, what the law asks for", []),
    "note": (TEXT, "what stands below an invoice's sum"),
    "instructions": (TEXT, "how to pay, told with each order; {number} and {amount} stand for the order's"),
    "days": (number(1, 365), "for which an order waits for its payment"),
    "font": (FONT, "a TrueType font for invoices; without one that of reportlab, for Western Europe", None),
}

_RESTART = frozenset({"limits.window_bytes", "limits.password_workers", "limits.password_queue"})


def _of_topology(section: str, table: _Rows, defaults: object = None) -> Iterator[Setting]:
    """Settings that a topology has in a section of its own; a row without a default has that of `defaults`."""
    for name, (kind, about, *default) in table.items():
        key = f"{section}.{name}"
        value = default[0] if default else getattr(defaults, name)
        yield Setting(key, kind, value, about, f"topology.{key}", live=key not in _RESTART)


def _of_hosts() -> Iterator[Setting]:
    """Settings of `[hosts]`, a section that may be off; a row without a default has that of a Hosting."""
    for name, (kind, about, *default) in ROWS.items():
        value = default[0] if default else getattr(Hosting(), name)
        value = list(value) if isinstance(value, tuple) else value
        yield Setting(f"hosts.{name}", kind, value, about, "", flag="hosts" if name == "listen" else "")


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "data_dir", PATH, "meshd-data", "the data folder, made with mode 0700", "data_dir", live=False, flag="data_dir"
    ),
    Setting(
        "store.url",
        STORE_URL,
        "sqlite:///{data_dir}/meshd.sqlite3",
        "where accounts and usage are kept",
        "store_url",
        live=False,
        flag="store",
    ),
    Setting("exits_from", list_of(PATH), [], "files with lists of exits, read again when they change", "exits_from"),
    Setting("log.exchanges", PATH, "{data_dir}/exchanges.log", "a line for each exchange", "exchange_log", live=False),
    Setting(
        "log.requests", PATH, "{data_dir}/requests.log", "a line for each request to the API", "request_log", live=False
    ),
    Setting(
        "api.listen",
        list_of(ENDPOINT, empty=False),
        ["tcp:8443"],
        "endpoints of the API and the dashboard",
        "api_listen",
        flag="api",
    ),
    Setting("api.tls", TRUTH, True, "false where a TLS front of your own stands before it", "api_tls", live=False),
    Setting(
        "api.certificate",
        PATH,
        "{data_dir}/cert.pem",
        "the certificate chain of the API and the proxies, PEM",
        "certificate",
    ),
    Setting("api.key", PATH, "{data_dir}/key.pem", "its key, PEM, of mode 0640 at most", "key"),
    Setting("api.domain", AUTHORITY, None, "host:port at which people reach the API", "api_domain"),
    Setting(
        "proxy.listen",
        list_of(ENDPOINT, empty=False),
        None,
        "endpoints of the first proxy, in place of those in its own section",
        "",
        flag="proxy",
    ),
    Setting("proxy.domain", AUTHORITY, None, "host:port of the first proxy, likewise", ""),
    Setting("proxy.tls", TRUTH, True, "whether clients may come to the proxies by TLS too", "proxy_tls", live=False),
    Setting(
        "proxy.status_on_forwarded",
        TRUTH,
        False,
        "whether origins' responses get a Proxy-Status field too",
        "topology.proxy_status_on_forwarded",
    ),
    Setting(
        "dns.servers",
        list_of(NAMESERVER),
        [],
        "name servers to ask; none means the system's resolver, with its hosts file and search list",
        "dns_servers",
        live=False,
    ),
    Setting(
        "dns.names",
        number(10, 10**7),
        50_000,
        "names that each process remembers, half a KiB each; of more the least recently used is forgotten",
        "dns_names",
        live=False,
    ),
    Setting(
        "hostnames.allow_private",
        TRUTH,
        False,
        "whether an allowlisted host name may mean a private address, as on a LAN",
        "hostnames_allow_private",
        live=False,
    ),
    Setting("mail.smtp", AUTHORITY, None, "host:port of the server that letters are sent through", "mail.smtp"),
    Setting("mail.from", MAILBOX, None, "the address that letters are from", "mail.sender"),
    Setting("mail.user", USER, None, "the name by which meshd signs in to that server", "mail.user"),
    Setting("mail.password_file", PATH, None, "a file with the password for that", "mail.password_file"),
    Setting(
        "mail.tls",
        choice("offered", "required", "implicit", "none"),
        "offered",
        "whether the way to the server is encrypted; its certificate is verified where that is required or implicit",
        "mail.tls",
    ),
    Setting("mail.spool", PATH, "{data_dir}/mail", "a folder for letters that no server takes", "mail.spool"),
    *_of_topology("destinations", _DESTINATIONS),
    *_of_topology("probes", _PROBES, Probing()),
    *_of_topology("timeouts", _TIMEOUTS, Timeouts()),
    *_of_topology("limits", _LIMITS, Limits()),
    Setting(
        "v1.registration",
        choice("closed", "invite", "open"),
        "closed",
        "who may make an account by ProxyHat's API: nobody, who has a code of invitation, anybody",
        "",
    ),
    Setting("v1.plan", NAME, "10", "the plan of accounts that are made so", ""),
    Setting(
        "v1.gateway",
        list_of(ENDPOINT),
        ["tcp:8080"],
        "endpoints of the gateway, as customers are told them for HTTP; `[]` for none",
        "",
    ),
    Setting(
        "v1.socks",
        list_of(ENDPOINT),
        ["tcp:1080"],
        "endpoints of the gateway, as customers are told them for SOCKS5; `[]` for none",
        "",
    ),
    Setting(
        "v1.access_seconds",
        number(60, YEAR),
        WEEK,
        "that an access token holds with which somebody has signed in by ProxyHat's API",
        "",
    ),
    Setting(
        "v1.secrets",
        PATH,
        "{data_dir}/secrets.key",
        "the key, 32 bytes, that seals sub-users' passwords, of mode 0640 at most; the same for all processes",
        "secrets",
        live=False,
    ),
    Setting("v1.domain", HOST, None, "the host at which customers reach the gateway", ""),
    Setting(
        "v1.webhook_secret",
        PATH,
        None,
        "a file with the secret by which your payment processor signs",
        "topology.selling.webhook_secret",
    ),
    *_of_topology("selling", _SELLING, Selling()),
    *_of_hosts(),
    Setting(
        "hosts.secrets",
        PATH,
        "{data_dir}/secrets.key",
        "the key, 32 bytes, that seals private keys of certificates, of mode 0640 at most; the same for all processes",
        "host_secrets",
        live=False,
    ),
)

SECTIONS = frozenset(setting.key.partition(".")[0] for setting in SETTINGS if "." in setting.key)
