"""The rows of settings that a topology has: what they are, in the sections of destinations, probes, timeouts, limits,
udp and selling.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshd.config.kinds import TRUTH, Kind, choice, list_of, number, seconds
from meshd.config.network import ADDRESS, HOSTNAME, OPENING, PORTS, PROBE_URL
from meshd.config.offers import FONT, LINE, TEXT
from meshd.values.times import DAY

WEEK = 7 * DAY
YEAR = 365 * DAY
MiB = 1024 * 1024

Rows = Mapping[str, tuple[Kind, str] | tuple[Kind, str, object]]
"""By name the kind, what the setting does, and perhaps the default."""

DESTINATIONS: Rows = {
    "allow": (list_of(OPENING), "ranges, or single addresses with a port, that are refused otherwise", []),
    "ports": (list_of(PORTS, empty=False), "ports that requests may go to", ["80", "443", "1024-65535"]),
    "deny_ports": (list_of(PORTS), "ports among those that are refused nevertheless", ["6660-6669", "6697"]),
    "deny_hosts": (list_of(HOSTNAME, into=frozenset), "names that are refused, with everything under them", []),
}

PROBES: Rows = {
    "url": (PROBE_URL, "asked for through every exit, to see whether it works; without one there are no probes"),
    "every": (seconds(1, DAY), "within which each exit is tried once, by each process"),
    "timeout": (seconds(0.1, 600), "that an answer may take"),
    "at_once": (number(1, 1000), "probes under way at a time; what cannot be kept up with is late"),
}

TIMEOUTS: Rows = {
    "head": (seconds(0.1, DAY), "for a request's whole head, however it drips"),
    "connect": (seconds(0.1, DAY), "for connecting to one destination, all its addresses together"),
    "first_byte": (seconds(0.1, DAY), "for the first byte of an origin's answer"),
    "idle": (seconds(0.1, WEEK), "until a tunnel or a body that moves nothing is ended"),
    "half_closed": (seconds(0.1, WEEK), "that a tunnel may stay idle once one side of it has ended"),
    "udp_idle": (seconds(0.1, DAY), "without a datagram to one destination, or from there, until it is forgotten"),
    "keep_alive": (seconds(0.1, DAY), "that a connection is kept between two requests, a client's or an origin's"),
    "dns": (seconds(0.1, 600), "for looking up one name"),
    "turn": (seconds(0, 600), "that an exchange which its account may not begin yet waits for its turn; 0: none waits"),
    "drain": (seconds(0, WEEK), "that open exchanges have to end when meshd is stopped"),
}

UDP: Rows = {
    "on": (TRUTH, "whether customers may send datagrams"),
    "ports": (list_of(PORTS), "where SOCKS5 clients send theirs, for a firewall; `[]` for any port", []),
    "address": (ADDRESS, 'the address that such clients are told; `""` for the one they have connected to'),
    "destinations": (number(1, 10_000), "of one association at a time; the one that was silent longest gives way"),
}

LIMITS: Rows = {
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

SELLING: Rows = {
    "name": (LINE, "the seller's, on invoices"),
    "address": (list_of(LINE), "lines below it: address, tax number, what the law asks for", []),
    "note": (TEXT, "what stands below an invoice's sum"),
    "instructions": (TEXT, "how to pay, told with each order; {number} and {amount} stand for the order's"),
    "days": (number(1, 365), "for which an order waits for its payment"),
    "font": (FONT, "a TrueType font for invoices; without one that of reportlab, for Western Europe", None),
}
