"""The table of exits in docs/exits.md: what is told of what was seen, a row for each proxy, and three rows anew."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tools.exits import packages, table
from tools.exits.__main__ import MANUAL
from tools.exits.catalogue import MAKERS
from tools.exits.makers import Maker, NotHereError, Site
from tools.exits.operations import CARRIED, REFUSED, Seen
from tools.exits.trials import TIMES, Found, Refusal, carry_out, running


def _never(site: Site) -> object:
    raise NotHereError(str(site))


MAKER = Maker("it", "", _never)  # type: ignore[arg-type]
RIGHT = {name: Seen() for name in CARRIED}
REST = Refusal("502 exit failed", "502 exit failed", "exit-password", "exit-password", TIMES)


def found() -> Found:
    """All as it should be."""
    told = {name: [Seen(told="502 exit refused") for _ in several] for name, several in REFUSED.items()}
    return Found("gw.example:PORT", dict(RIGHT), told, wrong=REST)


def failed(*names: str, amiss: str = "reset") -> dict[str, Seen]:
    return RIGHT | {name: Seen(amiss=amiss) for name in names}


class RowTests(SynchronousTestCase):
    """One row of what was seen."""

    def test_all_is_right(self) -> None:
        told = "<br>".join(f"{name}: 502 exit refused" for name in REFUSED)
        rests = "502 exit failed; rests: `exit-password`"
        self.assertEqual(
            table.row(MAKER, "1.0", found()),
            f"| it | 1.0 | `gw.example:PORT` | all | {told} | {rests} | `reuse` works |",
        )

    def test_some_is_not_carried(self) -> None:
        """What fails in the same way is told together."""
        self.assertEqual(table.works(failed("HEAD", "POST")), "all but POST, HEAD: reset")
        ends = ("the client's half-close", "the origin's half-close")
        self.assertEqual(table.works(failed(*ends, amiss="an end")), "all but half-closes: an end")
        self.assertEqual(table.works(failed(ends[0])), "all but the client's half-close: reset")

    def test_most_is_not_carried(self) -> None:
        """Then what is carried comes first."""
        names = [name for name in CARRIED if name != "HEAD"]
        self.assertTrue(table.works(failed(*names)).startswith("**only** HEAD. Else GET, POST,"))
        self.assertEqual(table.works(failed(*CARRIED)), "**nothing**: reset")

    def test_a_tunnel_is_refused_in_another_way(self) -> None:
        seen = replace(found(), refused={"a closed port": [Seen(told="502 a"), Seen(told="200, then the end")]})
        self.assertEqual(table.refused(seen), "a closed port: 502 a (tunnel: 200, then the end)")

    def test_what_should_be_refused_and_is_not(self) -> None:
        """A proxy without such a rule has nothing to tell; what comes of no refusal at all cannot be overlooked."""
        seen = replace(found(), refused={"a": [Seen(told=table.NO_RULE)], "b": [Seen(amiss="it said 200")]})
        self.assertEqual(table.refused(seen), "b: **it said 200**")

    def test_a_wrong_password_that_is_not_noticed(self) -> None:
        seen = replace(REST, plain="401 No, from the exit", plain_rests="", beside=3)
        self.assertEqual(
            table.wrong(seen),
            "http: 401 No, from the exit; **does not rest**<br>tunnel: 502 exit failed; rests: `exit-password`<br>"
            f"**beside a good exit 3 of {TIMES} were served**",
        )
        self.assertEqual(table.wrong(None), "it has no login")

    def test_to_know(self) -> None:
        """The note first; then what was added, what may be said of it, and whatever is amiss."""
        seen = replace(found(), to_origins=["Via"], to_clients=["X-Cache"], reuse="reset", differ=["GET"])
        seen = replace(seen, tunnel=RIGHT, rests={"POST": "exit-head"})
        self.assertEqual(
            table.to_know(replace(MAKER, note="Loud"), seen),
            "Loud<br>Tells origins: `Via`<br>Taken from answers: `X-Cache`<br>No `reuse`: reset<br>"
            "With `tunnel` all of `http://` works<br>Rests by POST: `exit-head`<br>"
            f"{table.DIFFER}: GET",
        )
        self.assertIn("With `tunnel`: all but GET: reset", table.to_know(MAKER, replace(seen, tunnel=failed("GET"))))

    def test_connections_that_are_kept_without_a_login(self) -> None:
        """Nothing is to be said of `reuse` then; what is amiss is told unless it is so of every connection."""
        open_ = replace(MAKER, login=False)
        told = {reuse: table.to_know(open_, replace(found(), reuse=reuse)) for reuse in ("", "-", "reset")}
        self.assertEqual(told, {"": "", "-": "", "reset": "Where its connections are kept: reset"})
        self.assertEqual(table.to_know(open_, replace(found(), reuse="reset", carried=failed("GET"))), "")

    def test_a_bar_is_no_column(self) -> None:
        self.assertIn("a \\| b", table.row(replace(MAKER, name="a | b"), "", found()))


class LineTests(SynchronousTestCase):
    """The line that a proxy is written by."""

    def test_kinds(self) -> None:
        self.assertEqual(MAKER.line("gw.test:1"), "gw.test:1:us:s3cret")
        self.assertEqual(replace(MAKER, login=False).line("gw.test:1"), "gw.test:1")
        self.assertEqual(replace(MAKER, kind="socks5").line("gw.test:1", "x"), "gw.test:1:us:x kind=socks5")
        self.assertEqual(replace(MAKER, kind="https").line("gw.test:1"), "https://us:s3cret@gw.test:1")
        self.assertEqual(
            replace(MAKER, attributes="tunnel=true", login=False).line("gw.test:1", attributes="weight=2"),
            "gw.test:1 tunnel=true weight=2",
        )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def rows() -> list[list[str]]:
    """Of the manual."""
    made = MANUAL.read_text().partition(table.BEGIN)[2].partition(table.END)[0]
    return [cells(line) for line in made.splitlines()[4:] if line.startswith("|")]


class TableTests(SynchronousTestCase):
    """The whole, and the manual."""

    def test_put(self) -> None:
        """What stands around the table stays."""
        text = f"a\n{table.BEGIN}old\n{table.END}b\n"
        self.assertEqual(table.put(text, "new\n"), f"a\n{table.BEGIN}new\n{table.END}b\n")

    def test_what_was_not_run_is_told(self) -> None:
        made = table.table(["| a |"], ["b (no program b)"], "2026-11-29")
        self.assertTrue(made.startswith(f"Seen on 2026-11-29, with {len(CARRIED)} operations each.\n"), made)
        self.assertTrue(made.endswith("\n\nNot run: b (no program b).\n"), made)

    def test_manual(self) -> None:
        """Each proxy has a row of as many cells as the head, or is told not to have been run; and it is what its line
        says today.
        """
        made = MANUAL.read_text().partition(table.BEGIN)[2].partition(table.END)[0]
        self.assertEqual(made.splitlines()[2:4], [table.HEADER, "|---" * table.COLUMNS + "|"])
        absent = made.partition("Not run: ")[2]
        there = [maker for maker in MAKERS if f"{maker.name} (" not in absent]
        self.assertEqual([row[0] for row in rows()], [maker.name for maker in there])
        self.assertEqual({len(row) for row in rows()}, {table.COLUMNS})
        for maker, row in zip(there, rows(), strict=True):
            self.assertEqual(row[2], f"`{maker.line('gw.example:PORT')}`")
            self.assertIn(maker.note, row[6])
            pinned = packages.PYTHON | packages.NODE
            self.assertEqual(row[1], pinned.get(maker.package, row[1]))

    def test_what_holds_for_all(self) -> None:
        """No byte is billed that was not there, and no exit rests by what a customer asks for."""
        text = MANUAL.read_text()
        self.assertNotIn(table.DIFFER, text)
        self.assertNotIn("Rests by", text)
        for row in rows():
            self.assertNotIn("beside a good exit", row[5], row[0])

    def test_names(self) -> None:
        """None stands twice."""
        names = [maker.name for maker in MAKERS]
        self.assertEqual(len(set(names)), len(names))


class RunTests(SynchronousTestCase):
    """What the manual says of proxies that are here."""

    def compare(self, name: str) -> None:
        maker = next(maker for maker in MAKERS if maker.name == name)
        try:
            with running(maker, Path("/nonexistent")) as trial:
                seen = carry_out(trial, maker)
        except NotHereError as error:
            raise SkipTest(str(error)) from None
        self.assertEqual((seen.differ, seen.rests), ([], {}))
        told = next(row for row in rows() if row[0] == name)
        self.assertEqual([table.works(seen.carried), table.refused(seen), table.wrong(seen.wrong)], told[3:6])
        if seen.tunnel:
            self.assertEqual(table.works(seen.tunnel), "all")
        if maker.login:
            self.assertEqual("`reuse` works" in told[6], not seen.reuse)

    def test_squid(self) -> None:
        self.compare("Squid")

    def test_tinyproxy(self) -> None:
        self.compare("tinyproxy")

    def test_dante(self) -> None:
        self.compare("Dante, `socksmethod: none`")
