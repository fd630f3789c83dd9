"""curl's own tests of HTTP and HTTPS, run by meshd, Squid and tinyproxy: the numbers in docs/clients.md.

    python -m tools.curlsuite --in FOLDER                  # fetches and builds curl there, runs its tests, prints
    python -m tools.curlsuite --in FOLDER --before TREE    # beside them another tree of meshd
    python -m tools.curlsuite --in FOLDER --write          # and puts the numbers into docs/clients.md

The source is Debian's, by `apt-get source`; nothing of it is kept here. A test counts where curl passes it without a
proxy. Then its client goes by a proxy and all else stays: what the test's own server was sent, and what curl prints, is
compared with what the test wants.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import peers
from tests.support.daemon import LiveDaemon, clean_environment

VERSION = "7.88.1-10+deb12u15"
TREE = f"curl-{VERSION.partition('-')[0]}"
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
NEEDED = "libssl-dev zlib1g-dev libbrotli-dev libzstd-dev libnghttp2-dev libidn2-dev libpsl-dev stunnel4"
CONFIGURE = (
    "--with-openssl --with-nghttp2 --enable-websockets --disable-shared --disable-ldap --disable-manual "
    "--without-librtmp --without-libssh2"
)
HOOK = Path(__file__).with_suffix(".pl")
MANUAL = Path(__file__).parents[1] / "docs" / "clients.md"
BEGIN, END = "<!-- curl's tests -->\n", "<!-- end of curl's tests -->\n"
AT_ONCE = 5
"""Most of a test's time is waiting."""
PATIENCE = 3600.0

CONFIG = """
[limits]
tunnels_per_account = 0
unauthenticated_per_address = 100000
unauthenticated = 100000
"""

WAYS = {
    "plain": "`http_proxy`",
    "tunnel": "`--proxytunnel`",
    "socks": "`--preproxy socks5h://`",
}
VERDICTS = ALIKE, FORM, ORDER, DIFFERS = "alike", "in another form", "in another order", "differs"

_HOP = re.compile(
    rb"(?i)(?:connection|keep-alive|proxy-connection|via|x-cache|x-cache-lookup|cache-status|x-proxymesh-ip):"
    rb"|cache-control: max-age=259200$"
)
"""What a hop writes of its own; the last is what Squid adds to requests."""
_CHUNK = re.compile(rb"[0-9a-f]{1,8}")
_FIELD = re.compile(rb"[\w-]+: ")


@dataclass(frozen=True)
class Reason:
    """Why tests differ."""

    why: str
    where: str
    """The manual's place for it; "" where nothing differs but what the client says of itself."""
    numbers: str
    """The tests, as `runtests.pl` is told them."""

    @property
    def tests(self) -> set[int]:
        return set(map(int, self.numbers.split()))


CARRIES = "[what it carries](proxy.md#what-it-carries)"
SPELLINGS = "[spellings](proxy.md#spellings)"
ODD = "[odd answers](proxy.md#odd-answers)"
LIMITS = "[`limits`](settings.md#each-setting)"
REFUSALS = "[refusals](proxy.md#refusals)"

SORTED = (
    Reason(
        "The test tells its client a name's address (`--resolve`, its own resolver): names are resolved at the proxy",
        "[ways in](proxy.md#ways-in)",
        "31 46 414 442 443 444 655 1317 1318 1322 1324 1458 1502 1503 1504 1505 1506 1515 1516 2052",
    ),
    Reason(
        "The client tells of its own connections: address, port, number, options, the answer to `CONNECT`",
        "",
        "193 435 560 678 1089 1223 1400 1401 1402 1403 1404 1455 1456 1465 2032 2082 2084 2085 3028",
    ),
    Reason(
        "The client shows fields of this connection, or the proxy's own",
        CARRIES,
        "1671",
    ),
    Reason(
        "The test needs the origin itself: a way from `--interface ::1`, TFTP, HTTP on a bare connection",
        "",
        "556 1046 2002 2003",
    ),
    Reason(
        "curl asks nothing: where the URL has an IPv6 address it takes what it sends by SOCKS5 for one too",
        "",
        "1230 2053",
    ),
    Reason(
        "What is an exit code of curl's is an answer of the proxy's: no such name, nobody listens, no answer",
        REFUSALS,
        "19 20 30 37 158 507 1079 1915",
    ),
    Reason(
        "Another `Host` than the target's: the target counts",
        SPELLINGS,
        "61 62 73 329 1121 1258 1292 1561",
    ),
    Reason(
        "A request that can be read in two ways, or that names nobody",
        SPELLINGS,
        "60 1147 1298 1299 1543",
    ),
    Reason(
        "An answer that curl refuses too, by its exit code in the place of our 502",
        ODD,
        "36 178 262 387 393 394 398 415 418 1144 1172 1174 1416 1430 1431 1432 1433",
    ),
    Reason(
        "An answer that curl takes, and that has two readings: no head, `ICY`, two framings, bare LF beside CRLF",
        ODD,
        "66 319 365 1164 1417 1533 3025",
    ),
    Reason(
        "A coding of one hop (`TE: gzip`): it is not asked for, and is refused where it comes all the same",
        ODD,
        "1122 1123 1124 1125 1170 1171 1277",
    ),
    Reason("A head of 100 kB", LIMITS, "56 553 1154 1556"),
    Reason(
        "Both heads are of HTTP/1.1: curl does not see that an origin speaks HTTP/1.0, or 1.2",
        CARRIES,
        "129 1071 1072 1073",
    ),
    Reason("Chunks come together as they were read, and a 204 has none", CARRIES, "326 334 645 650 654 1514 1540"),
    Reason("No protocol but WebSocket is switched to (`Upgrade: h2c`)", CARRIES, "1800"),
    Reason(
        "A refusal that comes before the upload ends the connection, behind which curl does not try again",
        REFUSALS,
        "357",
    ),
    Reason("A `POST` meets the end of a connection that its origin has kept", CARRIES, "584"),
)


@dataclass
class Outcome:
    """What became of each test, by its number."""

    verdicts: dict[int, str] = field(default_factory=dict)
    by_proxy: set[int] = field(default_factory=set)
    """Those whose client has made a connection to the proxy."""


# Its source


def built(folder: Path) -> Path:
    """curl's tree, built."""
    tree = folder / TREE
    if not tree.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        listed = folder / "debian.sources"
        listed.write_text(re.sub(r"(?m)^Types:.*$", "Types: deb-src", SOURCES.read_text()))
        options = [f"Dir::Etc::sourcelist={listed}", "Dir::Etc::sourceparts=-", f"Dir::State::lists={folder}/lists"]
        apt = ["apt-get", "-q", *(word for option in options for word in ("-o", option))]
        say(folder, [*apt, "update"], folder)
        say(folder, [*apt, "source", f"curl={VERSION}"], folder)
    if not (tree / "tests" / "libtest" / "lib500").exists():
        for command in (["./configure", *CONFIGURE.split()], ["make", "-j2"], ["make", "-j2", "-C", "tests"]):
            say(folder, command, tree)
    return tree


def say(folder: Path, command: Sequence[str], where: Path) -> None:
    """Run it; what it prints goes to a file of the folder.  Raises: CalledProcessError."""
    with (folder / "build.log").open("ab") as log:
        subprocess.run(command, cwd=where, check=True, stdout=log, stderr=log, timeout=PATIENCE)


# Its tests


@contextlib.contextmanager
def proxy(maker: str, place: Path, before: str) -> Iterator[str]:
    """Run the maker's proxy; its host:port, "" for none."""
    close: Callable[[], None] = lambda: None  # noqa: E731
    address = ""
    if maker.startswith("meshd"):
        daemon = LiveDaemon(config=CONFIG, tree=before if maker == "meshd before" else "")
        daemon.account("anna")
        daemon.cli("ip", "add", "anna", "127.0.0.1")
        address, close = daemon.proxy, daemon.close
    elif maker:
        started = {"Squid": peers.squid, "tinyproxy": peers.tinyproxy}[maker](place)
        address, close = started.address, started.close
    try:
        yield address
    finally:
        close()


def run(tree: Path, way: str, maker: str, before: str) -> Outcome:
    """All tests by one proxy; those that are not alike are run a second time, for some depend on the moment."""
    place = tree.parent / "runs" / f"{maker or 'direct'}-{way}".replace(" ", "-")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    shutil.copytree(tree, copy := place / TREE, symlinks=True)
    try:
        with proxy(maker, place, before) as address:
            outcome = tried(copy, place / "1", way, address, ["HTTP", "HTTPS"])
            odd = [number for number, verdict in outcome.verdicts.items() if verdict == DIFFERS]
            if odd:
                tried(copy, place / "2", way, address, map(str, sorted(odd)))
    finally:
        shutil.rmtree(copy)
    return found(place)


def found(place: Path) -> Outcome:
    """What a run has left there."""
    tries = [judged(kept) for kept in sorted(place.glob("[12]"))]
    verdicts = {number: verdict for each in tries for number, verdict in each.verdicts.items()}
    return Outcome(verdicts, set().union(*(each.by_proxy for each in tries)))


def tried(copy: Path, kept: Path, way: str, address: str, words: Iterable[str]) -> Outcome:
    """These tests once."""
    kept.mkdir()
    (kept / "notes").touch()
    told = {"SUITE_WAY": way, "SUITE_BY": address, "SUITE_KEPT": str(kept), "LC_ALL": "C.UTF-8"}
    command = ["nice", "perl", "runtests.pl", "-a", "-n", "-am", "-L", str(HOOK), *words]
    with (kept / "log").open("wb") as log:
        environment = clean_environment() | {"USER": os.environ.get("USER", "root")} | told
        subprocess.run(
            command, cwd=copy / "tests", env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        )
    return judged(kept)


def judged(kept: Path) -> Outcome:
    """What the tests have left in this folder."""
    outcome = Outcome()
    ended = re.search(rb"(?m)^TESTFAIL:.*failed: ([0-9 ]*)", (kept / "log").read_bytes())
    failed = {int(number) for number in ended[1].split()} if ended else set()
    for line in (kept / "notes").read_text().splitlines():
        number, what, first, *_ = line.split("\t")
        verdict = outcome.verdicts.setdefault(int(number), DIFFERS if int(number) in failed else ALIKE)
        if what == "ran":
            outcome.by_proxy |= {int(number)} if first == "1" else set()
            continue
        got, wanted = ((kept / f"{first}.{side}").read_bytes() for side in ("got", "wanted"))
        outcome.verdicts[int(number)] = max(verdict, compared(got, wanted), key=VERDICTS.index)
    return outcome


def compared(got: bytes, wanted: bytes) -> str:
    """Whether two texts say the same."""
    plain = essence(got), essence(wanted)
    if plain[0] == plain[1]:
        return FORM
    return ORDER if sorted(plain[0]) == sorted(plain[1]) else DIFFERS


def essence(text: bytes) -> list[bytes]:
    """The lines without what a connection has of its own: line ends, blanks, versions, chunks, the hop's own fields."""
    text = re.sub(rb"\n[ \t]+", b" ", text.replace(b"\r", b"").replace(b"[DISCONNECT]\n", b""))
    text = re.sub(rb"(?m)^([\w-]+:)[ \t]+", rb"\1 ", text.replace(b"HTTP/1.0", b"HTTP/1.1"))
    lines = [line.rstrip(b" \t") for line in text.split(b"\n") if not _HOP.match(line)]
    if b"transfer-encoding: chunked" not in map(bytes.lower, lines):
        return lines
    rest = [line for line in lines if not _FIELD.match(line) and not _CHUNK.fullmatch(line)]
    return [*filter(_FIELD.match, lines), b"".join(rest)]


# The numbers


def all_runs(tree: Path, before: str) -> dict[tuple[str, str], Outcome]:
    """By way and maker; ("direct", "") is curl alone."""
    ours = ["meshd", *(["meshd before"] if before else [])]
    wanted = [(way, maker) for way in WAYS for maker in ours] + [("plain", "Squid"), ("plain", "tinyproxy")]
    wanted = [*wanted, ("direct", "")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(lambda each: run(tree, *each, before), wanted), strict=True))


def table(outcomes: dict[tuple[str, str], Outcome]) -> str:
    """As docs/clients.md has it, of runs by way and maker."""
    direct = {number for number, verdict in outcomes["direct", ""].verdicts.items() if verdict != DIFFERS}
    lines = [
        f"Made on {datetime.now(UTC):%Y-%m-%d} with curl {VERSION}: {len(direct)} of its tests pass without a proxy.",
        "",
        f"| the client is told of the proxy by | proxy | {' | '.join(VERDICTS)} |",
        "|---" * 6 + "|",
    ]
    for (way, maker), outcome in outcomes.items():
        if maker:
            counted = Counter(verdict for number, verdict in outcome.verdicts.items() if number in direct)
            cells = [WAYS[way], maker, *(str(counted[verdict]) for verdict in VERDICTS)]
            lines.append(f"| {' | '.join(cells)} |")
    by_proxy = ", ".join(f"{len(outcomes[way, 'meshd'].by_proxy & direct)} by {said}" for way, said in WAYS.items())
    lines += ["", f"Of them made a connection to the proxy: {by_proxy}.", ""]
    lines += [f"| why it differs by meshd | where it is told | {' | '.join(WAYS.values())} | tests |", "|---" * 6 + "|"]
    differ = {
        way: {number for number, verdict in outcomes[way, "meshd"].verdicts.items() if verdict == DIFFERS} & direct
        for way in WAYS
    }
    unsorted = set().union(*differ.values()) - set().union(*(reason.tests for reason in SORTED))
    rest = [Reason("not sorted", "", " ".join(map(str, sorted(unsorted))))] if unsorted else []
    for reason in (*SORTED, *rest):
        seen = sorted(reason.tests & set().union(*differ.values()))
        counts = [str(len(reason.tests & differ[way])) for way in WAYS]
        lines.append(f"| {reason.why} | {reason.where} | {' | '.join(counts)} | {' '.join(map(str, seen))} |")
    return "\n".join(lines) + "\n"


def put(text: str, made: str) -> str:
    """The manual with another table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, behind = rest.partition(END)
    return before + begin + made + end + behind


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools.curlsuite")
    parser.add_argument("--in", dest="folder", type=Path, required=True)
    parser.add_argument("--before", default="", metavar="TREE")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        tree = built(asked.folder.resolve())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}; see build.log. Of Debian it needs: {NEEDED}")
    made = table(all_runs(tree, asked.before))
    sys.stdout.write(made)
    if asked.write:
        MANUAL.write_text(put(MANUAL.read_text(), made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
