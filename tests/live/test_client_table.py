"""The table of clients in docs/clients.md: what is told of what was seen, and that each client has its row."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.live.programs import PROGRAMS, Task
from tests.support.manual import ROOT
from tools.clients import habits, telling, terminal
from tools.clients.__main__ import MANUAL
from tools.clients.client import CARRIED, NAME, PASSWORD, REFUSED, WAYS, WRONG, Client, Library, Outcome, Seen
from tools.clients.habits import HABITS, Trace
from tools.clients.place import ENVIRONMENTS, WORKERS, pinned
from tools.clients.rows import CLIENTS
from tools.clients.world import folder, started_in

PAGE = Seen(True, '200 OK\n{"method": "GET"}')
BOTH = Client("it", "", "in the URL", dict.fromkeys(("http", "https"), Library("python", "it")))
SOCKS = Client("it", "", "in the URL", {"SOCKS5": Library("python", "it")})


def refused(status: str, words: str) -> Seen:
    return Seen(False, f"connected\nHTTP/1.1 {status} {words}\nbye")


def right(client: Client) -> Outcome:
    """All as it should be."""
    seen: Outcome = {}
    for way in client.ways:
        seen |= {(way, kind): PAGE for kind in CARRIED}
        seen |= {(way, kind): refused(*told) for kind, told in REFUSED.items()}
    return seen


class JudgeTest(SynchronousTestCase):
    """One row of what was seen."""

    def test_all_is_right(self) -> None:
        """Nothing is amiss, and a way that the client has not is a dash."""
        line = "`HTTP/1.1 407 invalid credentials`"
        self.assertEqual(
            telling.row(BOTH, "1.0", right(BOTH)),
            "| it | 1.0 | in the URL | yes | yes | - "
            f"| http: status and words, {line}<br>https: status and words, {line} |  |",
        )

    def test_one_credential_fails(self) -> None:
        """It is named, and the client's complaint stands in the last column."""
        seen = right(BOTH) | {("http", "token as name"): Seen(False, "so it | is\n")}
        self.assertEqual(telling.cell(BOTH, seen, "http"), "**not by token as name**")
        self.assertEqual(telling.cell(BOTH, seen, "https"), "yes")
        self.assertEqual(telling.amiss(BOTH, seen), "http, token as name: `so it \\| is`")

    def test_nothing_works(self) -> None:
        """A way of which no page came is told once; a page that the origin did not send is none."""
        seen = right(BOTH) | {("https", kind): replace(PAGE, arrived=False) for kind in CARRIED}
        self.assertEqual(telling.cell(BOTH, seen, "https"), "**no**")

    def test_the_origin_was_asked_and_no_page_came(self) -> None:
        """That is no success, but for a client that shows none."""
        seen = Seen(True, "certificate verify failed")
        self.assertFalse(telling.carried(seen, BOTH))
        self.assertTrue(telling.carried(seen, replace(BOTH, shows=False)))

    def test_a_refusal_that_passes(self) -> None:
        """It cannot be overlooked."""
        seen = right(BOTH) | {("http", "exhausted"): PAGE}
        self.assertIn("http, exhausted: **it passed**", telling.amiss(BOTH, seen))

    def test_it_does_not_end(self) -> None:
        seen: Outcome = {(way, kind): Seen(False, "", late=True) for way in WAYS for kind in (*REFUSED, *CARRIED)}
        self.assertEqual(telling.refusal(SOCKS, seen), "SOCKS5: does not end")
        self.assertEqual(telling.amiss(SOCKS, seen), "SOCKS5: does not end")

    def test_the_note_comes_first(self) -> None:
        client = replace(SOCKS, note="Loud")
        self.assertEqual(telling.amiss(client, right(client)), "Loud")

    def test_refusals_that_differ(self) -> None:
        """Each is told by itself where they are not all alike."""
        seen = right(BOTH) | {("http", "exhausted"): Seen(False, "no luck")}
        told = telling.refusal(BOTH, seen).partition("<br>")[0]
        self.assertEqual(
            told,
            "http: wrong password: status and words; inactive: status and words; exhausted: neither, "
            "`HTTP/1.1 407 invalid credentials`",
        )

    def test_a_number_within_another_is_no_status(self) -> None:
        self.assertEqual(telling.shown("port 40712", "wrong password"), "neither")
        self.assertEqual(telling.shown("response=407", "wrong password"), "status")
        self.assertEqual(telling.shown("Invalid Credentials", "wrong password"), "words")

    def test_the_line_that_tells_most(self) -> None:
        """Both before one, one before none; of none the last."""
        self.assertEqual(
            telling.telling("a\n407\n407 invalid credentials\nb", "wrong password"), "407 invalid credentials"
        )
        self.assertEqual(telling.telling("a\ninvalid credentials\nb", "wrong password"), "invalid credentials")
        self.assertEqual(telling.telling("a\n`b`\n----\n", "wrong password"), "'b'")
        self.assertEqual(telling.telling("b\n  at it.main(it.java:3)\n)\n", "wrong password"), "b")
        self.assertEqual(telling.telling("\n", "wrong password"), "")

    def test_a_complaint(self) -> None:
        """Of a page that did not come the last status tells more than the first, through which a client went on."""
        self.assertEqual(telling.complaint("a 407\nb 502 no\nc\n"), "b 502 no")
        self.assertEqual(telling.complaint("a\nb\n\n"), "b")
        self.assertEqual(telling.complaint(""), "")

    def test_a_long_line_keeps_what_tells(self) -> None:
        line = telling.telling("x" * 300 + " 407 invalid credentials " + "y" * 300, "wrong password")
        self.assertLessEqual(len(line), telling.SHOWN + 1)
        self.assertTrue(line.startswith("…"), line)
        self.assertTrue(line.endswith("407 invalid credentials…"), line)


class SteadyTest(SynchronousTestCase):
    """What differs from run to run, and what is secret, is not told."""

    task = Task("http://127.0.0.1:4444/echo", "127.0.0.1:5555", "x", "pm_secret", "/tmp/folder-1")

    def test_secrets(self) -> None:
        text = telling.steady(f"x:pm_secret eDpwbV9zZWNyZXQ= {PASSWORD} {WRONG}", self.task)
        self.assertEqual(text, "x:PASSWORD … PASSWORD PASSWORD")

    def test_places_and_times(self) -> None:
        self.assertEqual(telling.steady(f"http://{NAME}:4444/echo", self.task), "http://origin/echo")
        text = "2026/11/29 06:38:30 it[3949] 127.0.0.1:5555 127.0.0.1:4444 port=40453 0xdeadbeef0 client7https "
        text += "/tmp/folder-1/a"
        self.assertEqual(telling.steady(text, self.task), "… it[…] proxy:31280 origin port=… 0x… name FOLDER/a")


class TableTest(SynchronousTestCase):
    """The whole, and the manual."""

    def test_put(self) -> None:
        """What stands around the table stays."""
        text = f"a\n{telling.BEGIN}old\n{telling.END}b\n"
        self.assertEqual(
            telling.put(text, "new\n", telling.BEGIN, telling.END), f"a\n{telling.BEGIN}new\n{telling.END}b\n"
        )

    def test_what_was_not_run_is_told(self) -> None:
        made = telling.table(["| a |"], ["b (no program b)"], "2026-11-29", 0)
        self.assertTrue(made.startswith("Seen on 2026-11-29. Bans in force when all had run: none.\n"), made)
        self.assertTrue(made.endswith("\n\nNot run: b (no program b).\n"), made)

    def test_manual(self) -> None:
        """Each client has a row of eight cells, or is told not to have been run; no refusal has passed."""
        made = MANUAL.read_text().partition(telling.BEGIN)[2].partition(telling.END)[0]
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in made.splitlines()[4:]]
        rows = [row for row in rows if row]
        absent = made.partition("Not run: ")[2]
        self.assertEqual([row[0] for row in rows], [each.name for each in CLIENTS if f"{each.name} (" not in absent])
        self.assertEqual({len(row) for row in rows}, {8})
        self.assertNotIn("it passed", made)

    def test_recommended(self) -> None:
        """What the manual recommends has worked wherever anything has; and nobody was banned by one wrong password."""
        made = MANUAL.read_text().partition(telling.BEGIN)[2].partition(telling.END)[0]
        failed = {kind for found in re.findall(r"\*\*not by ([^*]+)\*\*", made) for kind in found.split(", ")}
        self.assertLessEqual(failed, {"token as name", "sticky key"})
        self.assertTrue(failed)

    def test_names(self) -> None:
        """None stands twice; each library is one that a worker knows and that is pinned, or a browser of Debian's."""
        names = [client.name for client in CLIENTS]
        self.assertEqual(len(set(names)), len(names))
        known = {name: "".join(file.read_text() for file in scripts(name)) for name in ENVIRONMENTS}
        for client in CLIENTS:
            for by in client.ways.values():
                if isinstance(by, Library):
                    self.assertRegex(known[by.environment], known_as(by), client.name)
                    self.assertIn(client.version, {"", by.needs, *pinned()})

    def test_pins(self) -> None:
        """No package is pinned twice, and each is asked or is what another needs."""
        self.assertEqual(len(pinned()), sum(len(each.pins) for each in ENVIRONMENTS.values()))

    def test_main(self) -> None:
        """The manual names thirty and more that the tests run: programs that CI installs, and libraries of theirs."""
        told = re.search(
            r"At each change \d+ of these are run by the tests too: (.*?)\.\n", MANUAL.read_text(), re.DOTALL
        )
        assert told is not None
        named = [re.sub(r"\s+", " ", name) for name in re.split(r",\s+|\s+and\s+", told[1])]
        self.assertIn(f"At each change {len(named)} of these", told[0])
        self.assertGreaterEqual(len(named), 30)
        needed = re.findall(r"^need (\S+) ", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
        run = {
            re.sub(r"^LWP$", "Perl's LWP", re.split(r", (?:by|from) | by | --", name)[0]) for name in installed(needed)
        }
        self.assertEqual(set(named) - run - set(LIBRARIES), set())
        extras = (ROOT / "setup.cfg").read_text()
        for library, test in LIBRARIES.items():
            self.assertIn(f"\n    {library.lower().replace('_', '-')}", extras)
            self.assertIn(library.lower().replace("-", "_"), (ROOT / "tests" / "live" / test).read_text().lower())

    def test_browsers(self) -> None:
        """Each habit has its row, and what the manual warns of has been seen."""
        made = MANUAL.read_text().partition(habits.BEGIN)[2].partition(habits.END)[0]
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in made.splitlines()[4:]]
        self.assertEqual([row[0] for row in rows], [habit.what for habit in HABITS])
        seen = {row[0]: row[1:] for row in rows}
        self.assertEqual(seen[HABITS[0].what][0], "**both as the first**")
        self.assertEqual(seen[HABITS[1].what], ["each as itself", "**both as the first**"])
        self.assertEqual([cell.startswith("**DIRECT**") for cell in seen[HABITS[3].what]], [True, True])


LIBRARIES = {
    "requests": "clients.py", "urllib3": "clients.py", "httpx": "clients.py", "aiohttp": "clients.py",
    "Scrapy": "clients.py", "curl_cffi": "test_connectors.py", "yt-dlp": "test_connectors.py",
    "Selenium": "test_connectors.py", "Playwright": "test_browser.py", "boto3": "test_waiting_clients.py",
}  # fmt: skip
"""That have tests of their own: where."""


def installed(needed: Sequence[str]) -> list[str]:
    """The programs' names, but of those that CI does not see to."""
    return [name for name, program in PROGRAMS.items() if program.needs in needed or name == "apt-helper"]


def scripts(environment: str) -> list[Path]:
    """Of a worker and what it reads."""
    own = ENVIRONMENTS[environment].script
    return [WORKERS / own, *([WORKERS / "protocols.py"] if own == "libraries.py" else [])]


def known_as(library: Library) -> str:
    """How the worker's script writes it; some of puppeteer's are made for each browser."""
    name = re.escape(library.name)
    if library.name.endswith("_pac"):
        return r"`\$\{kind\}_pac`"
    return rf'(?:def with_|\n  "?){name}\b'


class HabitTest(SynchronousTestCase):
    """What is told of a browser's traces."""

    two, one = HABITS[0], HABITS[3]

    def test_two_names(self) -> None:
        told = [
            habits.told(self.two, Trace(names, 2), "it")
            for names in (("it",), ("it", "it2"), ("it2",), (), ("x", "it"))
        ]
        wanted = ["**both as the first**", "each as itself", "**both as the second**", "as nobody", "as x, the first"]
        self.assertEqual(told, wanted)

    def test_one_page_of_two(self) -> None:
        """That only one came is not that both came as one."""
        self.assertEqual(habits.told(self.two, Trace(("it",), 1), "it"), "as the first")

    def test_past_the_proxy(self) -> None:
        told = [habits.told(self.one, trace, "it") for trace in (Trace((), 0), Trace(("it",), 1), Trace((), 1))]
        self.assertEqual(told, ["no page", "as `it`", "**DIRECT**: the origin sees the user's own address"])


class ProcessTest(SynchronousTestCase):
    """Programs that want more than an input and an output, and what a worker leaves behind."""

    def test_a_password_at_the_terminal(self) -> None:
        """It is given there as often as it is asked for; input, output and status are the program's own."""
        script = "for i in 1 2; do printf 'password for it: ' >/dev/tty; read p </dev/tty; echo $p; done; cat; exit 3"
        command = [sys.executable, terminal.__file__, "words", "sh", "-c", script]
        done = subprocess.run(command, input="the input\n", capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.stdout, done.returncode), ("words\nwords\nthe input\n", 3))

    def test_what_a_worker_has_started(self) -> None:
        """It is known by the folder in its environment, also when it has gone away from its parent."""
        with folder() as at, subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={"HOME": f"{at}/home"}) as process:
            self.assertEqual(started_in(str(at)), [process.pid])
            self.assertEqual(started_in(f"{at}/other"), [])
            process.kill()
