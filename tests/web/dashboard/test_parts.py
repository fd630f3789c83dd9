"""The small parts: numbers and times, plots, snippets, words."""

from __future__ import annotations

import ast
import re
import shlex
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from meshd.model import GB
from meshd.web.dashboard import figures, plots, snippets, static, wording
from meshd.web.dashboard.dialect import EVERY_ANSWER
from meshd.web.dashboard.pages import OPERATING, here
from meshd.web.dashboard.plots import MOST_BARS, Bar
from meshd.web.problems import Flaw, NoChoice, TooLarge, TooLong, TooSmall, Unknown, Worded
from tests.values.test_autoconfig import answers
from tests.web.support import named

SIZES = {
    0: "0 bytes",
    1: "1 byte",
    999: "999 bytes",
    1000: "1.00 kB",
    99_949: "99.9 kB",
    999_499: "999 kB",
    999_500: "1.00 MB",
    12_340_000_000: "12.3 GB",
    10**18: "1.00 EB",
    10**22: "10000 EB",
}

AGO = {-5: "just now", 59: "just now", 60: "1 minute ago", 7200: "2 hours ago", 90_000: "1 day ago"}

AGENTS = {
    "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537 Chrome/156.0 Safari/537 Edg/156.0": "Edge on Windows",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0) AppleWebKit/605 Version/26.0 Mobile Safari/604.1": "Safari on iPhone",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:150.0) Gecko Firefox/150.0": "Firefox on macOS",
    "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36": "Chrome on Android",
    "curl/8.0": "curl/8.0",
    "": "unknown",
    "<script>": "<script>",
}


class FigureTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        """One to three digits before the point; a GB is 10**9 bytes."""
        for count, shown in SIZES.items():
            with named(count):
                self.assertEqual(figures.size(count), shown)

    def test_limits_as_fields_take_them(self) -> None:
        for limit, shown in ((0, ""), (20 * GB, "20"), (GB // 2, "0.5"), (1, "0.000000001"), (10**18, "1000000000")):
            self.assertEqual(figures.gigabytes(limit), shown)

    def test_shares_and_times(self) -> None:
        """Never beyond the whole; in the largest unit that is full."""
        for part, whole, share in ((0, 0, 0), (1, 0, 0), (1, 3, 33), (5, 4, 100)):
            self.assertEqual(figures.share(part, whole), share)
        for past, shown in (
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (7200, "2 hours ago"),
            (90_000, "1 day ago"),
            (-5, "just now"),
        ):
            self.assertEqual(figures.ago(1_000_000 - past, 1_000_000), shown)

    def test_browsers(self) -> None:
        """In two words; what is none of the usual ones as it is."""
        for agent, shown in AGENTS.items():
            with named(agent):
                self.assertEqual(figures.browser(agent), shown)


class PlotTests(SynchronousTestCase):
    def test_what_a_strict_policy_lets_through(self) -> None:
        """No style, no script, nothing from elsewhere; each bar says its numbers; well-formed, whatever its name."""
        drawn = plots.bars([Bar(f"<{day}>", day * 10**6, 10**5) for day in range(90)], 'a "title" & more')
        root = ElementTree.fromstring(str(drawn))
        self.assertEqual(len(root.findall("g")), 90)
        self.assertEqual(len(root.findall("g/title")), 90)
        self.assertEqual(root.get("aria-label"), 'a "title" & more')
        for node in root.iter():
            self.assertIn(node.tag, {"svg", "line", "text", "g", "title", "rect"})
            self.assertEqual([name for name in node.attrib if name in ("style", "href") or name.startswith("on")], [])
        self.assertLess(len(drawn), 20_000)

    def test_bounds(self) -> None:
        """Of too many bars the last ones; of none an empty scale; all of them within the picture."""
        many = ElementTree.fromstring(str(plots.bars([Bar("x", 1, 0)] * 500, "t")))
        self.assertEqual(len(many.findall("g")), MOST_BARS)
        for found in ([], [Bar("x", 0, 0)], [Bar("x", 10**18, 10**18)]):
            root = ElementTree.fromstring(str(plots.bars(found, "t")))
            for rect in root.iter("rect"):
                top, height = float(rect.get("y", "-1")), float(rect.get("height", "-1"))
                self.assertTrue(0 <= top <= top + height <= plots.HEIGHT)


class SnippetTests(SynchronousTestCase):
    def test_each_is_of_its_language(self) -> None:
        """Python that parses, words that a shell takes as they are, whatever the username."""
        for username in ("jo", "jo+a@mail.example", "a.b-c_d"):
            found = {each.title: each.text for each in snippets.snippets("us.mesh.example:31280", username)}
            for title in ("Python: requests", "Python: httpx", "Python: aiohttp", "Scrapy", "Playwright"):
                with named((title, username)):
                    ast.parse(found[title])
            self.assertIn(username, shlex.split(found["curl"].splitlines()[0]))
            for text in found.values():
                self.assertIn("us.mesh.example:31280", text)

    def test_a_pac_file(self) -> None:
        script = snippets.pac("us.mesh.example:31280")
        self.assertIn('"PROXY us.mesh.example:31280"', script)
        for host in ("2001:db8::2", "[2001:db8::2]"):  # no dot in it, and yet no name of the browser's own network
            with named(host):
                self.assertEqual(answers(script, (host, "printer")), ["PROXY us.mesh.example:31280", "DIRECT"])


class WordingTests(SynchronousTestCase):
    def test_every_problem_has_words(self) -> None:
        """A sentence that somebody understands, with its numbers."""
        for problem in (*Flaw, Unknown("", ("a",)), Unknown("b", ("b",))):
            self.assertTrue(wording.worded(problem).endswith("."))
        for other, told in (
            (TooLong(10, 12), "Use at most 10 characters; this has 12."),
            (TooSmall(1), "Enter 1 or more."),
            (TooLarge(9), "Enter 9 or less."),
            (NoChoice(("a", "b")), "Choose one of a, b."),
            (Worded("No."), "No."),
        ):
            self.assertEqual(wording.worded(other), told)

    def test_sentences(self) -> None:
        for detail, sentence in (("no", "No."), ("No!", "No!"), ("", ".")):
            self.assertEqual(wording.sentence(detail), sentence)
        self.assertEqual(len({name for name, _ in EVERY_ANSWER}), len(EVERY_ANSWER))


PAIRS = {
    "ink": ("card", "ground", "soft"),
    "faint": ("card", "ground", "soft"),
    "link": ("card", "ground"),
    "danger": ("card", "danger-soft"),
    "good": ("good-soft", "card"),
    "warn": ("warn-soft",),
    "on-strong": ("strong",),
}
"""Colours of texts, and the grounds that each stands on."""


class ContrastTests(SynchronousTestCase):
    def test_every_text_can_be_read(self) -> None:
        """In light and in dark: 4.5 to 1 or more, as WCAG 2.2 AA asks."""
        sheet = static._content("meshd.css").decode()
        light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in sheet.split("@media", 2)[:2])
        self.assertEqual(set(light), set(dark))
        for scheme in (light, dark):
            for text, grounds in PAIRS.items():
                for ground in grounds:
                    with named((text, ground)):
                        self.assertGreaterEqual(_contrast(scheme[text], scheme[ground]), 4.5)


def _contrast(one: str, other: str) -> float:
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class NavigationTests(SynchronousTestCase):
    def test_where_somebody_is(self) -> None:
        """The place that a page is below; the first page of operators has nothing below it."""
        for path, href in (
            ("/operator/", "/operator/"),
            ("/operator/accounts/", "/operator/accounts/"),
            ("/operator/accounts/jo/tokens/", "/operator/accounts/"),
            ("/operator/new_account/", ""),
            ("/account/dashboard/", ""),
        ):
            with named(path):
                self.assertEqual(here(path, OPERATING), href)
