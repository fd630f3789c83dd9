"""A browser of memory: it keeps cookies as browsers do, follows redirects and sends the forms that pages show."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from html import unescape
from html.parser import HTMLParser
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.web.support import Answer, World, named

__all__ = ["Browser", "PagesTestCase", "named"]


class _Reader(HTMLParser):
    """The forms of a page, with their fields, and the text that somebody sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.links: dict[str, str] = {}
        self._link = ""
        self._field, self._area = "", False
        """Of a select or a text area that is being read, its name."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "form":
            self.forms.append((has.get("action") or "", {}))
        if tag == "input" and has.get("name") and self.forms:
            self.forms[-1][1][has["name"] or ""] = has.get("value") or ""
        self._chosen(tag, has)
        self._link = (has.get("href") or "") if tag == "a" else self._link

    def _chosen(self, tag: str, has: dict[str, str | None]) -> None:
        """What a select and a text area send that nobody has touched."""
        if tag in ("select", "textarea") and self.forms:
            self._field, self._area = has.get("name") or "", tag == "textarea"
            if self._area:
                self.forms[-1][1][self._field] = ""
        if tag == "option" and self._field:
            value = has.get("value") or ""
            self.forms[-1][1].setdefault(self._field, value)
            if "selected" in has:
                self.forms[-1][1][self._field] = value

    def handle_data(self, data: str) -> None:
        if self._field and self._area:
            self.forms[-1][1][self._field] += data
        if text := " ".join(data.split()):
            self.texts.append(text)
            if self._link:
                self.links.setdefault(text, self._link)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = ""
        if tag in ("select", "textarea") and self._field:
            if self._area:
                self.forms[-1][1][self._field] = self.forms[-1][1][self._field].removeprefix("\n")
            self._field = ""


class Page:
    """An answer as somebody sees it."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.status = answer, answer.status
        self._reader = _Reader()
        self._reader.feed(answer.body.decode(errors="replace"))

    @property
    def text(self) -> str:
        return " ".join(self._reader.texts)

    @property
    def html(self) -> str:
        return unescape(self.answer.body.decode())

    @property
    def links(self) -> dict[str, str]:
        return self._reader.links

    def form(self, action: str) -> dict[str, str]:
        """The fields of the form that is sent there, with what they hold."""
        found = [fields for to, fields in self._reader.forms if to == action]
        assert found, f"no form to {action}: {[to for to, _ in self._reader.forms]}"
        return dict(found[0])

    @property
    def actions(self) -> list[str]:
        return [to for to, _ in self._reader.forms]


class Browser:
    """Somebody's browser: its cookies, and the page that it shows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}
        self.page: Page
        self.agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"

    def ask(self, method: str, target: str, form: Mapping[str, object] | None = None, *fields: Any) -> Page:
        """One request, without following where it leads."""
        sent = [*fields, ("User-Agent", self.agent)]
        if self.cookies:
            sent.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        answer = self.world.ask(method, target, *sent, who=None, form=form)
        for line in answer.all("Set-Cookie"):
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0]
            if "Max-Age=0" in rest:
                del self.cookies[name]
        self.page = Page(answer)
        return self.page

    def open(self, target: str) -> Page:
        return self._followed(self.ask("GET", target))

    def send(self, action: str, **fields: object) -> Page:
        """Send a form of the page that is shown, these fields filled in, and go where that leads."""
        return self._followed(self.ask("POST", action, {**self.page.form(action), **fields}))

    def sign_in(self, name: str = "jo", password: str = "secret") -> Page:
        self.open("/sign-in/")
        return self.send("/sign-in/", username=name, password=password)

    def _followed(self, page: Page) -> Page:
        for _ in range(4):
            if page.status != 303:
                return page
            page = self.ask("GET", page.answer.one("Location"))
        raise AssertionError("it leads in circles")


class PagesTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))
        self.browser = Browser(self.world)

    def another(self) -> Browser:
        return Browser(self.world)

    def signed_in(self, name: str = "jo") -> Browser:
        browser = self.another()
        assert browser.sign_in(name).status == 200, browser.page.text
        return browser


def secret_of(page: Page) -> str:
    """The token in the one-time panel."""
    (found,) = set(re.findall(r"pm_[0-9A-Za-z]{49}", page.html))
    return str(found)
