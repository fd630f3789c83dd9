"""The manual and the code are one: what can be set, seen or refused stands in docs/, and nothing there is made up."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.main import parser
from meshd.config.exits.described import EXIT
from meshd.config.exits.remote import EXIT_LIST
from meshd.config.offers import OFFER
from meshd.config.sections import PLAN, PROXY, RULE
from meshd.config.table import SETTINGS
from meshd.hosts.answers import REASONS as HOSTS
from meshd.proxy.replies import REASONS
from meshd.tap import Options
from meshd.topology import Limits, Timeouts
from meshd.usage import loglines as lines
from meshd.values import internet
from meshd.web.app import build_api
from meshd.web.server.requestlog import Answered
from meshd.web.services import Services
from tests.support.manual import ROOT, blocks, examples, matches, pages, pattern, tracked
from tests.web.support import of_the_api

DOCS = ROOT / "docs"

PROGRAMS = {
    "apt-get", "awk", "cd", "cmp", "createdb", "createuser", "curl", "deluser", "do", "done", "echo", "export", "for",
    "git", "grep", "head", "journalctl", "package", "pg_dump", "podman", "printf", "python", "python3", "pip", "pytest",
    "rm", "ruff", "lint-imports", "mypy", "sed", "sqlite3", "systemctl", "tee", "tr",
}  # fmt: skip
"""What the manual may call besides meshd and twistd."""

PUBLIC_SITES = {
    "acme-v02.api.letsencrypt.org",
    "docs.twisted.org",
    "github.com",
    "keepachangelog.com",
    "semver.org",
    "www.rfc-editor.org",
    "www.w3.org",
}
"""Where links may lead."""

OTHER_HOSTS = re.compile(
    r"(?:localhost|127\.[0-9.]+|[0-9.]+|[a-z0-9.-]*\.(?:example|test|invalid|internal|localhost)|(?:www\.)?example\.(?:com|org|net)"
    r"|[a-z0-9]{1,6}|anna|host|user)\.?"
)
"""Names and addresses that are nobody's (RFC 2606, RFC 6761), and the one-word hosts of examples."""

MACHINE_PATH = re.compile(r"(?<![\w.$\"'{}/-])/(?:work|root|home/\w+|Users)/")

LOGGED = re.compile(r"""\.(?:log\.)?(?:warn|error|critical|failure|say)\(\s*(?:[\w.]+,\s*)?f?["'](?P<text>[^"']+)""")


def doc(name: str) -> str:
    return (DOCS / name).read_text()


def rows(page: str, header: str) -> list[list[str]]:
    """The cells of the table that begins with this header."""
    table = page.partition(f"\n{header}\n")[2].splitlines()[1:]
    found: list[list[str]] = []
    for line in table:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def subcommands(top: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Words of every command, such as ("account", "create")."""
    nested = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        yield path
    for action in nested:
        for name, below in action.choices.items():
            yield from subcommands(below, (*path, name))


class ReferenceTests(SynchronousTestCase):
    """Tables that a reader looks things up in."""

    def test_every_setting_stands_in_the_manual(self) -> None:
        """settings.md has a row for each, security.md for each bound."""
        page = doc("settings.md")
        for key in (*(setting.key for setting in SETTINGS), *PROXY, *EXIT, *EXIT_LIST, *RULE, *PLAN, *OFFER):
            self.assertIn(f"`{key}`", page)

    def test_the_table_of_limits_is_the_code(self) -> None:
        """One row for each field of Limits and Timeouts, with its default, and no other."""
        table = {
            codes(row[0])[0]: row[1]
            for row in rows(doc("security.md"), "| setting | default | unit | when it is reached |")
        }
        defaults: dict[str, str] = {}
        for section, values in (("timeouts", Timeouts()), ("limits", Limits())):
            for each in fields(values):
                default = getattr(values, each.name)
                defaults[f"{section}.{each.name}"] = default if isinstance(default, str) else f"{default:.10g}"
        self.assertEqual(table, defaults)

    def test_the_table_of_refusals_is_the_code(self) -> None:
        """Every reason with the status and the words that a client gets."""
        table = {
            codes(row[2])[0]: (int(row[0]), row[1])
            for row in rows(doc("proxy.md"), "| status | words | reason | what to do |")
        }
        self.assertEqual(table, {reason: (row.status, row.phrase) for reason, row in REASONS.items()})

    def test_every_reason_of_a_refusal_is_given_somewhere(self) -> None:
        """A reason that the code gives has a row; nothing is refused without one."""
        given: set[str] = set()
        for path in (ROOT / "meshd").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal" and node.args:
                    given |= _texts(node.args[0])
        self.assertGreater(len(given), 20)
        self.assertEqual(given - set(REASONS) - set(HOSTS), set())

    def test_the_table_of_hosts_reasons_is_the_code(self) -> None:
        """Those that the proxy has not, with their status."""
        table = {codes(row[1])[0]: int(row[0]) for row in rows(doc("hosts.md"), "| status | reason | the request |")}
        self.assertEqual(table, {reason: HOSTS[reason][0] for reason in HOSTS.keys() - REASONS.keys()})

    def test_the_refused_ranges_are_the_code(self) -> None:
        """Every range, and no other."""
        found = rows(doc("security.md"), "| range | what it is |")
        shown: set[IPv4Network | IPv6Network] = {ip_network(text) for row in found for text in codes(row[0])}
        self.assertEqual(shown, set(internet._REFUSED))

    def test_every_field_of_the_exchange_log_stands_in_the_manual(self) -> None:
        """In both kinds of lines, and no field is made up."""
        more = lines._DESTINATIONS + lines._UNNAMED
        written = set(re.findall(r'"(\w+)":', lines._LINE + lines._DETAIL + more + lines._RECOVERED))
        shown = {codes(row[0])[0] for row in rows(doc("logging.md"), "| field | what it is |")}
        self.assertEqual(shown, written)

    def test_every_field_of_the_request_log_stands_in_the_manual(self) -> None:
        """In the order of a line."""
        shown = [codes(row[0])[0] for row in rows(doc("logging.md"), "| field | of a request to the API |")]
        self.assertEqual(shown, list(Answered._fields))

    def test_every_end_of_an_exchange_stands_in_the_manual(self) -> None:
        """What tunnels and phases end with, beyond refusals."""
        source = "".join(
            (ROOT / "meshd" / name).read_text()
            for name in (
                "sockets/relay.py",
                *(f"proxy/{each}.py" for each in ("connection", "forward", "barring")),
                *(f"passing/{each}.py" for each in ("connection", "parting", "forwarding")),
            )
        )
        ends = set(re.findall(r'(?:\.close|\.phase|\.note_outcome|_end)\("([a-z-]+)"', source)) | {lines.RECOVERED}
        shown = {code for row in rows(doc("logging.md"), "| reason | the exchange |") for code in codes(row[0])}
        internal = {"delivering", "grace", "kept"}  # phases whose end is the connection's, without a line
        self.assertEqual(ends - set(REASONS) - internal, shown - {'""'})

    def test_every_warning_stands_in_the_manual(self) -> None:
        """Its text, as constant as it is in the code."""
        page = doc("logging.md")
        texts = {
            found["text"]
            for path in (ROOT / "meshd").rglob("*.py")
            if "cli" not in path.parts
            for found in LOGGED.finditer(path.read_text())
        }
        self.assertGreater(len(texts), 20)
        for text in sorted(texts):
            self.assertTrue(f"`{text}" in page, text)

    def test_every_sub_command_stands_in_the_manual(self) -> None:
        """And none is made up, in any page."""
        real = set(subcommands(parser()))
        starts = {path[:n] for path in real for n in range(1, len(path) + 1)}
        page = doc("operating.md")
        for path in real:
            self.assertTrue(f"`meshd {' '.join(path)}" in page, path)
        for each in pages():
            for words in re.findall(r"`meshd ([a-z][a-z -]*)", each.read_text()):
                said = tuple(words.split())
                if words != "cannot start":  # a line of the log
                    self.assertTrue(
                        said in starts or any(said[: len(path)] == path for path in real), f"{each}: {words}"
                    )

    def test_every_path_of_the_api_stands_in_the_manual(self) -> None:
        """As a heading, with its method."""

        async def ready() -> dict[str, bool]:
            return {}

        nobody: Any = SimpleNamespace(perform=None, entrance=None)
        services = Services(nobody, nobody, nobody, nobody, nobody, nobody, ready)
        api = build_api(Clock(), services)
        headings = "".join(re.findall(r"^##+ .*$", doc("api.md"), re.MULTILINE))
        shown = {(method, path) for method, path in re.findall(r"`(GET|POST) (/[a-z_./{}]+)`", headings)}
        self.assertEqual(shown, of_the_api(api.mounted))

    def test_every_dependency_has_its_reason(self) -> None:
        """The table of 0007 is setup.cfg's list, and every package is imported somewhere."""
        config = ConfigParser()
        config.read(ROOT / "setup.cfg")
        wanted = config["options"]["install_requires"].split() + config["options.extras_require"]["postgres"].split()
        names = [re.split(r"[<>=]", line)[0] for line in wanted]
        self.assertEqual(len(set(names)), len(names), "a dependency is listed twice")
        table = rows((DOCS / "decisions/0007-dependencies.md").read_text(), "| package | why | floor |")
        self.assertEqual({code for row in table for code in codes(row[0])}, set(names))
        modules = {
            "pyopenssl": "OpenSSL",
            "pyyaml": "yaml",
            "argon2-cffi": "argon2",
            "psycopg2-binary": "psycopg2",
            "twisted[tls]": "twisted",
        }
        source = "".join(path.read_text() for path in (ROOT / "meshd").rglob("*.py"))
        for name in names:
            self.assertRegex(source, rf"(?m)^\s*(?:from|import) {modules.get(name, name)}\b")


class PageTests(SynchronousTestCase):
    """Every page, whatever it is about."""

    def test_links_lead_somewhere(self) -> None:
        """To a file of this tree and a heading in it, or to a site that is known."""
        for page in pages():
            for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
                if not target.startswith("http"):
                    self._check_link(page, target)

    def _check_link(self, page: Path, target: str) -> None:
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        self.assertTrue(path.exists(), f"{page}: {target}")
        if anchor:
            self.assertIn(anchor, _anchors(path.read_text()), f"{page}: {target}")

    def test_pages_that_are_named_exist(self) -> None:
        """A page spoken of in the manual is one of this tree's."""
        known = {page.name for page in pages()}
        for page in pages():
            for name in re.findall(r"\b([A-Za-z0-9_-]+\.md)\b", page.read_text()):
                self.assertIn(name, known, page)

    def test_modules_that_are_named_exist(self) -> None:
        """A module spoken of in the manual is one of this tree's."""
        known = [str(path.relative_to(ROOT)) for path in tracked()]
        for page in (DOCS / "architecture.md", *(DOCS / "decisions").glob("*.md"), DOCS / "api.md"):
            for name in re.findall(r"`([\w/]+\.(?:py|yaml|cfg))`", page.read_text()):
                self.assertTrue(any(path == name or path.endswith(f"/{name}") for path in known), f"{page}: {name}")

    def test_the_decisions_are_numbered_and_short(self) -> None:
        """Each is context, decision, consequences, in forty lines."""
        found = sorted((DOCS / "decisions").glob("*.md"))
        numbers = [int(page.name.partition("-")[0]) for page in found]
        self.assertEqual(len(set(numbers)), len(numbers))
        for number, page in zip(numbers, found, strict=True):
            text = page.read_text()
            self.assertTrue(page.name.startswith(f"{number:04}-"), page)
            self.assertTrue(text.startswith(f"# {number}. "), page)
            self.assertLessEqual(len(text.splitlines()), 40, page)
            for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
                self.assertIn(part, text, page)

    def test_the_architecture_is_short(self) -> None:
        """A stranger reads it whole, its glossary included."""
        self.assertLessEqual(len(doc("architecture.md").splitlines()), 245)

    def test_commands_exist(self) -> None:
        """Each block of commands calls programs that are known, and meshd and twistd as they understand it."""
        for page in pages():
            for block in blocks(page.read_text()):
                if block.language == "sh":
                    for words in _commands(block.text):
                        self._check_command(page, words)

    def _check_command(self, page: Path, words: list[str]) -> None:
        name = words[0].rpartition("/")[2]
        if name == "meshd":
            try:
                parser().parse_args(words[1:])
            except SystemExit:
                self.fail(f"{page}: {shlex.join(words)}")
        elif name == "twistd":
            options = Options()
            try:
                options.parseOptions(words[words.index("meshd") + 1 :])
            except usage.UsageError as error:
                self.fail(f"{page}: {shlex.join(words)}: {error}")
        else:
            self.assertIn(name, PROGRAMS, f"{page}: {shlex.join(words)}")

    def test_what_is_run_shows_what_comes_of_it(self) -> None:
        """The pages that are run by the live tests have commands to run."""
        for name in ("README.md", "docs/api.md"):
            found = examples((ROOT / name).read_text())
            self.assertGreater(sum(bool(example.output) for example in found), 5, name)

    def test_the_project_speaks_of_itself_alone(self) -> None:
        """No file names a host that is somebody's, or a path of the machine that it was written on."""
        for path in tracked():
            if path.suffix in {".png", ".der"}:
                continue
            text = path.read_text(errors="replace")
            self.assertNotRegex(text, MACHINE_PATH, str(path))
            for host in re.findall(r"https?://(?:[^\s/@\"'`]*@)?([A-Za-z0-9.-]+)", text):
                if host not in PUBLIC_SITES:
                    self.assertRegex(host.lower(), rf"\A{OTHER_HOSTS.pattern}\Z", str(path))


class MatchingTests(SynchronousTestCase):
    """The reading of examples, on which the live tests rest."""

    def test_what_varies_may_vary(self) -> None:
        """Tokens, passwords, times and the widths of columns."""
        token = "pm_" + "a" * 49
        shown = f"token    {token}\npassword  {'x' * 21}\ncreated  2026-11-22 18:51:33"
        real = f"token  pm_{'Z' * 49}\npassword {'7' * 21}\ncreated  2027-01-02 00:00:00\n"
        self.assertTrue(matches(shown, real), pattern(shown).pattern)

    def test_what_is_fixed_must_be_the_same(self) -> None:
        """One other word is a difference, and so is a line too many."""
        self.assertFalse(matches("plan 20", "plan 50"))
        self.assertFalse(matches("plan 20", "plan 20\nplan 20"))
        self.assertFalse(matches("token pm_" + "a" * 49, "token pm_short"))

    def test_a_block_is_paired_with_its_output(self) -> None:
        """Only those marked are run; a block without output shows none."""
        page = "<!-- run -->\n```sh\na\n```\n\n```text\nb\n```\n\n```sh\nc\n```\n\n<!-- run -->\n```sh\nd\n```\n"
        self.assertEqual([tuple(example) for example in examples(page)], [("a\n", "b\n"), ("d\n", "")])


def _texts(node: ast.AST) -> set[str]:
    """What an expression may be, as far as it is told there: a text, or one of two."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return _texts(one) | _texts(other)
    return set()


def _anchors(page: str) -> set[str]:
    """As the usual hosts of repositories make them from headings."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    }


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a script, without assignments before it and redirections behind it."""
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r"\$\(.*\)", "SUBSTITUTED", text)
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("<>"):
                words.append(word)
            elif set(word) <= set(";|&()"):
                if words:
                    yield words[: words.index(">")] if ">" in words else words
                words = []
            elif words or not re.match(r"\w+=", word):
                words.append(word)
                if words == ["do"]:
                    words = []
