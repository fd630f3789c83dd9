"""A manual page as troff's `man` macros have it, in the few forms that `man` and `mandoc` render alike."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

_MARKED = re.compile(r"(?P<option>(?<![\w-])--?[a-z][\w-]*)|(?P<place>\b[A-Z][A-Z_]+\b)")


def plain(text: str) -> str:
    """Text to be read, with what troff would take for its own escaped; blanks at its ends are gone."""
    text = re.sub(r"\s+", " ", text).strip().replace("\\", "\\e")
    for character, name in (("`", "\\(ga"), ("'", "\\(aq"), ("^", "\\(ha"), ("~", "\\(ti"), ('"', "\\(dq")):
        text = text.replace(character, name)
    return re.sub(r"(?<![\w])-(?=[\w-])|(?<=-)-", r"\\-", text)  # of an option; elsewhere it is a hyphen


def literal(text: str) -> str:
    """Text to be typed as it stands: every hyphen is a minus."""
    return re.sub(r"(?<!\\)-", r"\\-", plain(text))


def bold(text: str) -> str:
    return f"\\fB{literal(text)}\\fR"


def italic(text: str) -> str:
    return f"\\fI{literal(text)}\\fR"


def usage(text: str) -> str:
    """A line of usage: options bold, what stands for a value in italics."""
    text = literal(text).replace("\\-", "-")

    def mark(found: re.Match[str]) -> str:
        font = "B" if found["option"] else "I"
        return f"\\f{font}{found[0]}\\fR"

    return _MARKED.sub(mark, text).replace("-", "\\-")


class Page:
    """One page, written from top to bottom."""

    def __init__(self, name: str, section: int, date: str, version: str, about: str) -> None:
        """date: YYYY-MM-DD; about: what stands behind the name in lists of pages."""
        self.name = name
        self.section = section
        manual = {1: "User Commands", 5: "File Formats", 8: "System Administration"}[section]
        head = f'.TH {literal(name.upper())} {section} {date} "meshd {literal(version)}" "{manual}"'
        self._lines = [".\\\" Made by tools/package from meshd's own parser and tables.", head, ".nh", ".ad l"]
        self.heading("NAME")
        self._lines.append(f"{literal(name)} \\- {plain(about)}")

    @property
    def file(self) -> str:
        return f"{self.name}.{self.section}"

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def heading(self, title: str) -> None:
        self._lines.append(f".SH {literal(title)}")

    def subheading(self, title: str) -> None:
        self._lines.append(f".SS {literal(title)}")

    def paragraphs(self, text: str) -> None:
        """Text whose paragraphs have empty lines between them."""
        for paragraph in re.split(r"\n\s*\n", text.strip()):
            if paragraph.strip():
                self._paragraph(_filled(plain(paragraph)))

    def usage(self, text: str) -> None:
        self._paragraph(_filled(usage(text)))

    def entry(self, term: str, text: str) -> None:
        """An item of a list; term: marked already, by `bold` and `italic`."""
        self._lines += [".TP", term, *(_filled(plain(text)) or ["\\&"])]

    def block(self, lines: Sequence[str]) -> None:
        """Lines that are shown as they are."""
        self._lines += [".PP", ".nf", *(f"\\&{literal(line)}" for line in lines), ".fi"]

    def see(self, pages: Sequence[tuple[str, int]]) -> None:
        """The last heading: other pages by name and section."""
        self.heading("SEE ALSO")
        words = [f"\\fB{literal(name)}\\fR({section})" for name, section in pages]
        self._lines += [f"{word}," for word in words[:-1]] + words[-1:]

    def _paragraph(self, lines: Sequence[str]) -> None:
        if not self._lines[-1].startswith((".SH", ".SS")):  # they begin one
            self._lines.append(".PP")
        self._lines += lines


def _filled(text: str) -> list[str]:
    """Lines of a paragraph: each sentence begins one, and none begins as a request would."""
    sentences = re.split(r"(?<=[.?!]) (?=[A-Z])", text)
    lines = [
        line
        for sentence in sentences
        for line in textwrap.wrap(sentence, 78, break_long_words=False, break_on_hyphens=False)
    ]
    return [f"\\&{line}" if line.startswith(".") else line for line in lines]
