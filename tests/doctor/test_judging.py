"""What is said of facts: a row for each cause, and one in which nothing is wrong."""

from __future__ import annotations

import stat
from typing import Any

from meshd.doctor import clock, exits, files, limits, listeners, names, process, store
from meshd.doctor.clock import Clock
from meshd.doctor.exits import Exits, Way
from meshd.doctor.files import Certificate, Files, Journals, Seen
from meshd.doctor.limits import Machine
from meshd.doctor.listeners import Listener, Owner, Ports
from meshd.doctor.names import Server
from meshd.doctor.process import Process
from meshd.doctor.store import Condition, Disk
from meshd.values.times import DAY
from tests.doctor.support import Judging, status

NOW = 1_800_000_000
Said = tuple[tuple[str, bool], ...]

FOLDER = Seen("/data", status(stat.S_IFDIR | 0o700))
SOUND = Files(FOLDER, (), (), (), Journals(), (), runs=True, me=7)
FILES: dict[str, tuple[dict[str, Any], Said]] = {
    "nothing": ({}, ()),
    "no folder yet": ({"folder": None}, ()),
    "another user": ({"me": 8}, (("is user 7's, and this is user 8", True),)),
    "root looks": ({"me": 0}, (("is user 7's", False),)),
    "a folder that is open": (
        {"folder": Seen("/data", status(stat.S_IFDIR | 0o755))},
        (("/data is open to others (mode 0755)", True),),
    ),
    "one with other things in it": (
        {"folder": Seen("/data", status(stat.S_IFDIR | 0o755)), "kept": ["photos"]},
        (("holds other things (photos)", True),),
    ),
    "one within a folder of everybody's": (
        {"above": [Seen("/", status(stat.S_IFDIR | 0o755)), Seen("/mnt", status(stat.S_IFDIR | 0o777))]},
        (("/mnt, in which the data folder is, can be written to by everybody", True),),
    ),
    "a log that is open": (
        {"inside": [Seen("/data/exchanges.log", status(stat.S_IFREG | 0o644), written=True)]},
        (("/data/exchanges.log is open to others (mode 0644)", True),),
    ),
    "a certificate that is open, as it may be": (
        {"inside": [Seen("/data/cert.pem", status(stat.S_IFREG | 0o644))]},
        (),
    ),
    "a link in the place of a file": (
        {"inside": [Seen("/data/meshd.sqlite3", status(stat.S_IFLNK | 0o777), written=True)]},
        (("/data/meshd.sqlite3 is a symbolic link", True),),
    ),
    "a second name": (
        {"inside": [Seen("/data/meshd.sqlite3", status(links=2), written=True)]},
        (("has a second name", True),),
    ),
    "another user's file": (
        {"inside": [Seen("/data/meshd.sqlite3", status(uid=9), written=True)]},
        (("belongs to user 9", True),),
    ),
    "journals that wait": (
        {"journals": Journals(["a"], ["b", "c"]), "runs": False},
        (("2 journals of processes that are dead", False),),
    ),
    "damaged journals": ({"journals": Journals(damaged=["a.damaged"])}, (("were damaged", True),)),
    "a certificate that is good": ({"certificates": [Certificate("/c", expires=NOW + 90 * DAY)]}, ()),
    "one that ends soon": (
        {"certificates": [Certificate("/c", expires=NOW + 3 * DAY)]},
        (("/c ends in 3 days", True),),
    ),
    "one that has ended": ({"certificates": [Certificate("/c", expires=NOW)]}, (("/c has ended on 2027", True),)),
    "one that cannot be served": (
        {"certificates": [Certificate("/c", "the key is another's")]},
        (("/c: the key is another's", True),),
    ),
}

PROCESS: dict[str, tuple[Process, Said]] = {
    "runs": (Process("/data", 5, runs=True, ours="2.0", version="2.0", seen_at=NOW - 5), ()),
    "runs, and the store does not know": (Process("/data", 5, runs=True, ours="2.0"), ()),
    "does not": (Process("/data", 0, runs=False, ours="2.0"), (("no daemon runs on /data", False),)),
    "has died": (Process("/data", 5, runs=False, ours="2.0"), (("(process 5) has died", True),)),
    "another version": (
        Process("/data", 5, runs=True, ours="2.0", version="1.9", seen_at=NOW),
        (("process 5 runs meshd 1.9, and this command is 2.0", True),),
    ),
    "is silent": (
        Process("/data", 5, runs=True, ours="2.0", version="2.0", seen_at=NOW - 90),
        (("nothing for 90 seconds", True),),
    ),
    "refused settings": (
        Process("/data", 5, runs=True, ours="2.0", refused=("x is wrong",)),
        (("the latest reload was refused: x is wrong", True),),
    ),
}

ROOMY = Disk("/data", 10**12)
STORE: dict[str, tuple[Condition, Disk, Said]] = {
    "sound": (Condition("/s", seconds=0.001, size=10**9, log=10**6), ROOMY, ()),
    "missing": (Condition("/s", missing=True), ROOMY, (("there is no store at /s yet", False),)),
    "away": (Condition("/s", failed="/s: it is away"), ROOMY, (("/s: it is away", True),)),
    "behind": (Condition("/s", behind="lacks 0002_a.sql"), ROOMY, (("lacks 0002_a.sql", True),)),
    "damaged": (Condition("/s", broken=("page 3",)), ROOMY, (("/s is damaged: page 3", True),)),
    "not checked": (Condition("/s", unchecked="it is large"), ROOMY, (("it is large", False),)),
    "slow": (Condition("/s", seconds=0.4), ROOMY, (("takes 400 ms", True),)),
    "a long log": (Condition("/s", log=10**9), ROOMY, (("write-ahead log of /s has grown to 1000 MB", False),)),
    "takes no writes": (Condition("/s", read_only=True), ROOMY, (("takes no writes", True),)),
    "a full disk": (Condition("/s"), Disk("/data", 10**7), (("/data has 10 MB left", True),)),
    "no room for a copy": (
        Condition("/s", size=10**10, log=1),
        Disk("/data", 10**9),
        (("less than the store takes (10000 MB)", False),),
    ),
    "no inodes": (Condition("/s"), Disk("/data", 10**12, 0), (("no file can be made", True),)),
}

CLOCK: dict[str, tuple[Clock, Said]] = {
    "right": (Clock(NOW, 0.001, 0.5, 0.1, [("node", -5)]), ()),
    "of no store": (Clock(NOW, 0.0), ()),
    "never set": (Clock(1000.0, 0.0), (("a year that is over", True),)),
    "set meanwhile": (Clock(NOW, -3.0), (("was moved by -3.0 s", True),)),
    "the store's is ahead": (Clock(NOW, 0.0, 5.0), (("5.0 s ahead of", True),)),
    "the store's is behind": (Clock(NOW, 0.0, -5.0), (("5.0 s behind", True),)),
    "the answer took too long to tell": (Clock(NOW, 0.0, 5.0, 4.0), ()),
    "another node's": (Clock(NOW, 0.0, 0.0, 0.0, [("b:/data", 30)]), (("the clock of b:/data is 30 s ahead", True),)),
}

PLENTY = Machine(65536, 100, True, 0, 128, 4_194_304, 4096, 10**10, 4096, 28232, 2_097_152, tracked=10, trackable=1000)
LIMITS: dict[str, tuple[dict[str, Any], Said]] = {
    "plenty": ({}, ()),
    "nothing to be read": (
        dict.fromkeys(("opened", "available", "queue", "ports", "receive", "tracked", "trackable")),
        (),
    ),
    "few descriptors": ({"descriptors": 1024}, (("1024 descriptors: 448 clients", False),)),
    "fewer than the settings want": (
        {"descriptors": 4096, "connections": 10_000},
        (("limits.connections = 10000 takes up to 20128", True),),
    ),
    "nearly all open": ({"opened": 60_000}, (("has 60000 of 65536 descriptors open", True),)),
    "little memory": ({"available": 10**7}, (("10 MB of memory are left", True),)),
    "a short queue": ({"queue": 128}, (("somaxconn is 128", False),)),
    "few ports": ({"ports": 1000}, (("has 1000 ports", False),)),
    "as many workers as cores": ({"workers": 2, "cores": 2}, ()),
    "more workers than cores": ({"workers": 4, "cores": 2}, (("workers = 4, and meshd may use 2", False),)),
    "more than one": ({"workers": 2, "cores": 1}, (("workers = 2, and meshd may use 1 core: ", False),)),
    "as many as the daemon has": ({"workers": 0, "cores": 1}, ()),
    "cores not to be seen": ({"workers": 4}, ()),
    "small windows": ({"receive": 212_992}, (("rmem_max is 212992", False),)),
    "a full table": ({"tracked": 900}, (("tracks 900 connections of 1000", True),)),
}

HERE = Listener("tcp:80", "local", 80, [Owner(5, "twistd")])
PORTS: dict[str, tuple[Ports, Said]] = {
    "the daemon's": (Ports([HERE], {5}, 1024, 7), ()),
    "a worker's": (Ports([HERE._replace(owners=[Owner(6)])], {5, 6}, 1024, 7), ()),
    "not to be seen whose": (Ports([HERE._replace(owners=[Owner(0)])], {5}, 1024, 7), ()),
    "taken": (
        Ports([HERE._replace(owners=[Owner(9, "nginx")])], {5}, 1024, 7),
        (("tcp:80 (local) is taken by nginx (9)", True),),
    ),
    "taken by whom": (Ports([HERE._replace(owners=[Owner(0)])], (), 80, 7), (("another user's process", True),)),
    "nobody's": (Ports([HERE._replace(owners=[])], {5}, 1024, 7), (("nobody listens at tcp:80 (local)", True),)),
    "does not answer": (
        Ports([HERE._replace(refused="timed out")], {5}, 1024, 7),
        (("does not answer from this machine: timed out", True),),
    ),
    "free": (Ports([HERE._replace(owners=[])], (), 80, 7), ()),
    "privileged": (Ports([HERE._replace(owners=[])], (), 1024, 7), (("below 1024, where user 7 may not", False),)),
    "privileged, for root": (Ports([HERE._replace(owners=[])], (), 1024, 0), ()),
    "privileged, by a capability": (Ports([HERE._replace(owners=[])], (), 1024, 7, may_bind=True), ()),
    "open by address": (
        Ports([HERE], {5}, 1024, 7, by_address=["tcp:443", "tcp:444"]),
        (("tcp:443 (api) gives a tunnel without a password", False), ("tcp:444 (api) gives", False)),
    ),
}

GOOD = Server("192.0.2.1:53", seconds=0.01)
NAMES: dict[str, tuple[list[Server], bool, Said]] = {
    "good": ([GOOD], True, ()),
    "does not know the name": ([GOOD._replace(code=3)], True, ()),
    "none": ([], False, (("/etc/resolv.conf names no server", True),)),
    "one of two": ([GOOD, Server("b:53", "is away")], True, (("name server b:53 is away", True),)),
    "all": ([Server("b:53", "is away")], True, (("b:53 is away", True), ("no name server answers", True))),
    "refuses": ([GOOD, GOOD._replace(code=5)], True, (("refuses us", True),)),
    "slow": ([GOOD._replace(seconds=2.0)], False, (("takes 2.0 s", False),)),
}

A, B = Way("a", "http://@192.0.2.1:80"), Way("b", "http://@192.0.2.2:80")
EXITS: dict[str, tuple[Exits, Said]] = {
    "good": (Exits([A, B, Way("direct", ""), Way("too", "")], {"local": ["a", "b"]}, (), ()), ()),
    "away": (
        Exits([A._replace(problem="it is away"), B], {"local": ["a", "b"]}, (), ()),
        (("exit a: it is away", True),),
    ),
    "many away": (
        Exits([Way(str(n), str(n), "gone") for n in range(8)], {"local": ["a"]}, (), ()),
        (*((f"exit {n}: gone", True) for n in range(5)), ("3 more exits cannot", True)),
    ),
    "rests": (Exits([A, B], {"local": ["a", "b"]}, {"b"}, ()), (("after failures rest: b", False),)),
    "twice": (Exits([A, A._replace(name="c")], {"local": ["a", "c"]}, (), ()), (("a, c are one and the same", False),)),
    "none": (Exits([A], {"local": []}, (), ()), (("proxy local has no exit", True),)),
    "all drained": (Exits([A], {"local": ["a"]}, (), {"a"}), (("all exits of proxy local are drained", True),)),
    "none that works": (
        Exits([A, B], {"local": ["a", "b"]}, {"a"}, {"b"}),
        (("after failures rest: a", False), ("no exit of proxy local works now", True)),
    ),
    "too many": (Exits([A], {"local": ["a"]}, (), (), 100), (("100 exits were not connected to", False),)),
}


class JudgingTests(Judging):
    def test_files(self) -> None:
        for case, (changes, said) in FILES.items():
            self.says(files.judge(SOUND._replace(**changes), NOW), *said, case=case)

    def test_process(self) -> None:
        for case, (facts, said) in PROCESS.items():
            self.says(process.judge(facts, NOW), *said, case=case)

    def test_store(self) -> None:
        for case, (facts, disk, said) in STORE.items():
            self.says(store.judge(facts, [disk]), *said, case=case)

    def test_clock(self) -> None:
        for case, (facts, said) in CLOCK.items():
            self.says(clock.judge(facts), *said, case=case)

    def test_limits(self) -> None:
        for case, (changes, said) in LIMITS.items():
            self.says(limits.judge(PLENTY._replace(**changes)), *said, case=case)

    def test_listeners(self) -> None:
        for case, (facts, said) in PORTS.items():
            self.says(listeners.judge(facts), *said, case=case)

    def test_names(self) -> None:
        for case, (facts, own, said) in NAMES.items():
            self.says(names.judge(facts, own=own), *said, case=case)

    def test_exits(self) -> None:
        for case, (facts, said) in EXITS.items():
            self.says(exits.judge(facts), *said, case=case)
