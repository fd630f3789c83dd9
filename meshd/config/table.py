"""Every setting that has one value: its key, what it may be, its default, and what it does.

The manual's table and the environment's names are made from these rows, and `build.py` reads nothing that has none.
Proxies, exits, plans and offers, of which there are many, are described in `sections.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshd.config.endpoints import ENDPOINT
from meshd.config.hostrows import ROWS
from meshd.config.kinds import NAME, PATH, TRUTH, Kind, choice, list_of, number, pattern, processes
from meshd.config.metrics import NEAR
from meshd.config.metrics import ROWS as METRICS
from meshd.config.network import AUTHORITY, HOST, MAILBOX, NAMESERVER, USER
from meshd.config.stores import STORE_URL
from meshd.config.topologyrows import DESTINATIONS, LIMITS, PROBES, SELLING, TIMEOUTS, UDP, Rows
from meshd.topology import Limits, Timeouts
from meshd.values.hosting import Hosting
from meshd.values.metrics import Metrics
from meshd.values.offers import Selling
from meshd.values.probing import Probing
from meshd.values.times import DAY
from meshd.values.udp import Udp

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


_RESTART = frozenset({"limits.window_bytes", "limits.password_workers", "limits.password_queue"})


def _of_topology(section: str, table: Rows, defaults: object = None) -> Iterator[Setting]:
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
    Setting(
        "workers",
        processes(64),
        1,
        "processes that carry what comes to the proxies' TCP ports; 1 for the daemon itself, which does the rest alone",
        "workers",
        live=False,
        flag="workers",
    ),
    Setting("exits_from", list_of(PATH), [], "files with lists of exits, read again when they change", "exits_from"),
    Setting(
        "places_from",
        list_of(PATH),
        [],
        "databases (mmdb) that tell where exits are, read again when they change; what the first says counts",
        "places_from",
    ),
    Setting(
        "cost_currency",
        pattern('a currency\'s code such as "EUR"', r"[A-Z]{3}"),
        "USD",
        "the currency in which you say what exits cost",
        "topology.cost_currency",
    ),
    Setting("log.exchanges", PATH, "{data_dir}/exchanges.log", "a line for each exchange", "exchange_log", live=False),
    Setting(
        "log.requests", PATH, "{data_dir}/requests.log", "a line for each request to the API", "request_log", live=False
    ),
    Setting("log.changes", PATH, "{data_dir}/changes.log", "a line for each change", "change_log", live=False),
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
        "api.connect_tcp",
        TRUTH,
        True,
        "whether customers may have tunnels there too, by CONNECT-TCP; never without `api.tls`",
        "api_connect_tcp",
    ),
    Setting(
        "api.by_address",
        TRUTH,
        False,
        "whether a listed address is enough for such a tunnel; its peers must then be clients, and no balancer",
        "api_by_address",
    ),
    Setting("api.http2", TRUTH, False, "whether clients may speak HTTP/2 there; likewise", "api_http2"),
    Setting("api.pac", TRUTH, True, "whether accounts may have a PAC file there, for browsers; likewise", "api_pac"),
    Setting("api.pvd", TRUTH, True, "whether a document there tells everybody of the proxies; likewise", "api_pvd"),
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
    Setting("proxy.http2", TRUTH, True, "whether such clients may speak HTTP/2", "proxy_http2", live=False),
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
    Setting(
        "metrics.listen",
        list_of(NEAR),
        [],
        "endpoints where Prometheus finds metrics, on loopback unless they name an address; `[]` for none",
        "topology.metrics.listen",
        flag="metrics",
    ),
    Setting(
        "metrics.token_file", PATH, None, "a file with the bearer token that it shows", "topology.metrics.token_file"
    ),
    *_of_topology("metrics", METRICS, Metrics()),
    *_of_topology("destinations", DESTINATIONS),
    *_of_topology("probes", PROBES, Probing()),
    *_of_topology("udp", UDP, Udp()),
    *_of_topology("timeouts", TIMEOUTS, Timeouts()),
    *_of_topology("limits", LIMITS, Limits()),
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
    *_of_topology("selling", SELLING, Selling()),
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
