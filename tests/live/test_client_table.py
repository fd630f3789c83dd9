"""The table of clients in docs/clients.md: what is told of what was seen, and that each client has its row."""

from __future__ import annotations

import re
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.live.programs import Task
from tools import clients
from tools.clients import CARRIED, CLIENTS, MANUAL, NODE, PYTHON, REFUSED, WAYS, Client, Library, Outcome, Seen

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
            clients.row(BOTH, "1.0", right(BOTH)),
            "| it | 1.0 | in the URL | yes | yes | - "
            f"| http: status and words, {line}<br>https: status and words, {line} |  |",
        )

    def test_one_credential_fails(self) -> None:
        """It is named, and the client's complaint stands in the last column."""
        seen = right(BOTH) | {("http", "token as name"): Seen(False, "so it | is\n")}
        self.assertEqual(clients.cell(BOTH, seen, "http"), "**not by token as name**")
        self.assertEqual(clients.cell(BOTH, seen, "https"), "yes")
        self.assertEqual(clients.amiss(BOTH, seen), "http, token as name: `so it \\| is`")

    def test_nothing_works(self) -> None:
        """A way of which no page came is told once; a page that the origin did not send is none."""
        seen = right(BOTH) | {("https", kind): replace(PAGE, arrived=False) for kind in CARRIED}
        self.assertEqual(clients.cell(BOTH, seen, "https"), "**no**")

    def test_the_origin_was_asked_and_no_page_came(self) -> None:
        """That is no success, but for a client that shows none."""
        seen = Seen(True, "certificate verify failed")
        self.assertFalse(clients.carried(seen, BOTH))
        self.assertTrue(clients.carried(seen, replace(BOTH, shows=False)))

    def test_a_refusal_that_passes(self) -> None:
        """It cannot be overlooked."""
        seen = right(BOTH) | {("http", "exhausted"): PAGE}
        self.assertIn("http, exhausted: **it passed**", clients.amiss(BOTH, seen))

    def test_it_does_not_end(self) -> None:
        seen: Outcome = {(way, kind): Seen(False, "", late=True) for way in WAYS for kind in (*REFUSED, *CARRIED)}
        self.assertEqual(clients.refusal(SOCKS, seen), "SOCKS5: does not end")
        self.assertEqual(clients.amiss(SOCKS, seen), "SOCKS5: does not end")

    def test_the_note_comes_first(self) -> None:
        client = replace(SOCKS, note="Loud")
        self.assertEqual(clients.amiss(client, right(client)), "Loud")

    def test_refusals_that_differ(self) -> None:
        """Each is told by itself where they are not all alike."""
        seen = right(BOTH) | {("http", "exhausted"): Seen(False, "no luck")}
        told = clients.refusal(BOTH, seen).partition("<br>")[0]
        self.assertEqual(
            told,
            "http: wrong password: status and words; inactive: status and words; exhausted: neither, "
            "`HTTP/1.1 407 invalid credentials`",
        )

    def test_a_number_within_another_is_no_status(self) -> None:
        self.assertEqual(clients.shown("port 40712", "wrong password"), "neither")
        self.assertEqual(clients.shown("response=407", "wrong password"), "status")
        self.assertEqual(clients.shown("Invalid Credentials", "wrong password"), "words")

    def test_the_line_that_tells_most(self) -> None:
        """Both before one, one before none; of none the last."""
        self.assertEqual(
            clients.telling("a\n407\n407 invalid credentials\nb", "wrong password"), "407 invalid credentials"
        )
        self.assertEqual(clients.telling("a\ninvalid credentials\nb", "wrong password"), "invalid credentials")
        self.assertEqual(clients.telling("a\n`b`\n----\n", "wrong password"), "'b'")
        self.assertEqual(clients.telling("\n", "wrong password"), "")

    def test_a_long_line_keeps_what_tells(self) -> None:
        line = clients.telling("x" * 300 + " 407 invalid credentials " + "y" * 300, "wrong password")
        self.assertLessEqual(len(line), clients.SHOWN + 1)
        self.assertTrue(line.startswith("…"), line)
        self.assertTrue(line.endswith("407 invalid credentials…"), line)


class SteadyTest(SynchronousTestCase):
    """What differs from run to run, and what is secret, is not told."""

    task = Task("http://127.0.0.1:4444/echo", "127.0.0.1:5555", "x", "pm_secret", "/tmp/folder-1")

    def test_secrets(self) -> None:
        text = clients.steady(f"x:pm_secret eDpwbV9zZWNyZXQ= {clients.PASSWORD} {clients.WRONG}", self.task)
        self.assertEqual(text, "x:PASSWORD … PASSWORD PASSWORD")

    def test_places_and_times(self) -> None:
        text = "2026/11/29 06:38:30 it[3949] 127.0.0.1:5555 127.0.0.1:4444 port=40453 0xdeadbeef0 client7https "
        text += "/tmp/folder-1/a"
        self.assertEqual(clients.steady(text, self.task), "… it[…] proxy:31280 origin port=… 0x… name FOLDER/a")


class TableTest(SynchronousTestCase):
    """The whole, and the manual."""

    def test_put(self) -> None:
        """What stands around the table stays."""
        text = f"a\n{clients.BEGIN}old\n{clients.END}b\n"
        self.assertEqual(clients.put(text, "new\n"), f"a\n{clients.BEGIN}new\n{clients.END}b\n")

    def test_what_was_not_run_is_told(self) -> None:
        made = clients.table(["| a |"], ["b (no program b)"], "2026-11-29")
        self.assertTrue(made.startswith("Seen on 2026-11-29.\n"), made)
        self.assertTrue(made.endswith("\n\nNot run: b (no program b).\n"), made)

    def test_manual(self) -> None:
        """Each client has a row of eight cells, or is told not to have been run; no refusal has passed."""
        made = MANUAL.read_text().partition(clients.BEGIN)[2].partition(clients.END)[0]
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in made.splitlines()[4:]]
        rows = [row for row in rows if row]
        absent = made.partition("Not run: ")[2]
        self.assertEqual([row[0] for row in rows], [each.name for each in CLIENTS if f"{each.name} (" not in absent])
        self.assertEqual({len(row) for row in rows}, {8})
        self.assertNotIn("it passed", made)

    def test_recommended(self) -> None:
        """What the manual recommends has worked wherever anything has; and nobody was banned by one wrong password."""
        made = MANUAL.read_text().partition(clients.BEGIN)[2].partition(clients.END)[0]
        failed = {kind for found in re.findall(r"\*\*not by ([^*]+)\*\*", made) for kind in found.split(", ")}
        self.assertLessEqual(failed, {"token as name", "sticky key"})
        self.assertTrue(failed)

    def test_names(self) -> None:
        """None stands twice, and each library is one that a worker knows and that is pinned."""
        names = [client.name for client in CLIENTS]
        self.assertEqual(len(set(names)), len(names))
        workers = {
            "python": (clients.HERE / "clients_python.py").read_text(),
            "node": (clients.HERE / "clients_node.mjs").read_text(),
        }
        for client in CLIENTS:
            for by in client.ways.values():
                if isinstance(by, Library):
                    self.assertRegex(workers[by.worker], rf'(?:def with_|\n  "?){re.escape(by.name)}\b', client.name)
                    self.assertIn(client.version, {"", *PYTHON, *NODE})
