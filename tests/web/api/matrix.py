"""Who may do what: every path of the API, by every kind of caller, and the status that each gets.

The one table of it; the tests ask every cell, and `docs/api.md` shows it (`python -m tests.web.api.matrix` writes it
there).  `on` says whom a row is about: the caller itself, or the parent's sub-account `sub`, named by `username`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.support.manual import ROOT

PAGE = ROOT / "docs" / "api.md"
BEGIN, END = "<!-- matrix: tests/web/api/matrix.py -->\n", "<!-- end of the matrix -->"

CALLERS = (
    "root",
    "root token",
    "parent",
    "parent token",
    "sub",
    "sub token",
    "other",
    "other token",
    "banned",
    "inactive",
    "nobody",
)
"""`parent` is the sub-account's, `other` a customer who has nothing to do with either; a token is that account's."""


class Row(NamedTuple):
    method: str
    path: str
    on: str
    statuses: tuple[int, ...]
    """One a caller, in the order of CALLERS."""
    form: dict[str, object] = {}
    """What is sent besides `username`."""


def _row(method: str, path: str, on: str, told: str, **form: object) -> Row:
    """told: the eight statuses of those who are signed in; the last three are the same everywhere."""
    return Row(method, path, on, (*map(int, told.split()), 429, 402, 401), form)


SUB = "the sub-account"
SELF = "the caller"

MATRIX = (
    # ------------------------------------------- root     parent   sub      other
    _row("GET", "/api/sub/get/", SUB, "            200 403  200 200  403 403  403 403"),
    _row("POST", "/api/sub/create/", "a new name", "200 200  200 200  403 403  200 200"),
    _row("POST", "/api/sub/edit/", SUB, "          200 403  200 200  403 403  403 403", email="a@b.example"),
    _row("POST", "/api/sub/edit/", "no account", " 404 404  404 404  403 403  404 404", username="no-such"),
    _row("POST", "/api/sub/activate/", SUB, "      200 403  200 200  403 403  403 403"),
    _row("POST", "/api/sub/deactivate/", SUB, "    200 403  200 200  403 403  403 403"),
    _row("POST", "/api/sub/delete/", SUB, "        200 403  200 200  403 403  403 403"),
    _row("GET", "/api/ips/", SELF, "               200 200  200 200  200 200  200 200"),
    _row("GET", "/api/ips/", SUB, "                200 403  200 200  403 403  403 403"),
    _row("GET", "/api/ip_labels/", SELF, "         200 200  200 200  200 200  200 200"),
    _row("GET", "/api/ip_labels/", SUB, "          200 403  200 200  403 403  403 403"),
    _row("POST", "/api/ip/add/", SELF, "           200 200  200 200  200 200  200 200", ip="8.8.4.4"),
    _row("POST", "/api/ip/add/", SUB, "            200 403  200 200  403 403  403 403", ip="8.8.4.4"),
    _row("POST", "/api/ip/delete/", SELF, "        400 400  400 400  204 204  400 400", ip="8.8.8.8"),
    _row("POST", "/api/ip/delete/", SUB, "         204 403  204 204  403 403  403 403", ip="8.8.8.8"),
    _row("GET", "/api/hostnames/", SELF, "         200 200  200 200  200 200  200 200"),
    _row("GET", "/api/hostnames/", SUB, "          200 403  200 200  403 403  403 403"),
    _row("POST", "/api/hostname/add/", SELF, "     200 200  200 200  200 200  200 200", domain="b.example.com"),
    _row("POST", "/api/hostname/add/", SUB, "      200 403  200 200  403 403  403 403", domain="b.example.com"),
    _row("POST", "/api/hostname/delete/", SELF, "  400 400  400 400  204 204  400 400", domain="a.example.com"),
    _row("POST", "/api/hostname/delete/", SUB, "   204 403  204 204  403 403  403 403", domain="a.example.com"),
    _row("GET", "/api/proxies/", SELF, "           200 200  200 200  200 200  200 200"),
    _row("POST", "/api/proxy/add/", SELF, "        200 200  200 200  403 403  200 200", proxy="us"),
    _row("POST", "/api/proxy/delete/", SELF, "     204 204  204 204  403 403  204 204", proxy="us"),
    _row("GET", "/api/geoips/{proxy}/", SELF, "    200 200  200 200  200 200  200 200", proxy="open"),
    _row("GET", "/api/pac/", SELF, "               200 200  200 200  200 200  200 200"),
    _row("GET", "/api/pac/", SUB, "                200 403  200 200  403 403  403 403"),
    _row("POST", "/api/pac/create/", SELF, "       200 200  200 200  200 200  200 200"),
    _row("POST", "/api/pac/create/", SUB, "        200 403  200 200  403 403  403 403"),
    _row("POST", "/api/pac/delete/", SELF, "       204 204  204 204  204 204  204 204"),
    _row("POST", "/api/pac/delete/", SUB, "        204 403  204 204  403 403  403 403"),
    _row("GET", "/api/tokens/", SELF, "            200 401  200 401  403 401  200 401"),
    _row("GET", "/api/tokens/", SUB, "             200 401  200 401  403 401  403 401"),
    _row("GET", "/api/token/made/", SELF, "        200 401  200 401  403 401  200 401", id=1),
    _row("GET", "/api/token/made/", SUB, "         200 401  200 401  403 401  403 401", id="own token"),
    _row("POST", "/api/token/create/", SELF, "     200 401  200 401  403 401  200 401"),
    _row("POST", "/api/token/create/", SUB, "      200 401  200 401  403 401  403 401"),
    _row("POST", "/api/token/activate/", SUB, "    200 401  200 401  403 401  404 401", id="sub token"),
    _row("POST", "/api/token/deactivate/", SUB, "  200 401  200 401  403 401  404 401", id="sub token"),
    _row("POST", "/api/token/delete/", SUB, "      204 401  204 401  403 401  404 401", id="sub token"),
    _row("POST", "/api/self/password/", SELF, "    200 401  200 401  200 401  200 401", password="new one"),
    _row("POST", "/api/self/email/", SELF, "       200 401  200 401  200 401  200 401", email="a@b.example"),
    _row("GET", "/api/usage/", SELF, "             200 200  200 200  200 200  200 200"),
    _row("GET", "/api/usage/", SUB, "              200 403  200 200  403 403  403 403"),
    _row("GET", "/api/activity/", SELF, "          200 200  200 200  200 200  200 200"),
    _row("GET", "/api/activity/", SUB, "           200 403  200 200  403 403  403 403"),
)


def table() -> str:
    """The matrix as Markdown."""
    lines = [f"| path | on | {' | '.join(CALLERS)} |", f"|---|---|{'---|' * len(CALLERS)}"]
    for row in MATRIX:
        lines.append(f"| `{row.method} {row.path}` | {row.on} | {' | '.join(map(str, row.statuses))} |")
    return "\n".join(lines) + "\n"


def shown(page: str) -> str:
    """The table as a page has it."""
    return page.partition(BEGIN)[2].partition(END)[0].strip("\n") + "\n"


def main() -> None:
    page = PAGE.read_text()
    PAGE.write_text(re.sub(f"(?s){re.escape(BEGIN)}.*?{re.escape(END)}", f"{BEGIN}\n{table()}\n{END}", page))


if __name__ == "__main__":
    main()
