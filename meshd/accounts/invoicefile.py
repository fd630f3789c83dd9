"""Invoices as PDF, made of what the store keeps of them: the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from html import escape
from io import BytesIO
from threading import Lock
from typing import Any

from meshd.store.statements.orders import Invoice, Order
from meshd.values import money
from meshd.values.times import iso

MEDIA = "application/pdf"

SHIPPED = "Vera.ttf"
"""The font that comes with reportlab (Bitstream's licence lets everybody pass it on): letters of Western Europe, €."""

UNKNOWN = "?"
"""Stands for a character that the font does not have."""

_ONE = Lock()
"""reportlab keeps fonts in a table of the process's."""


def named(invoice: Invoice) -> str:
    """What the file is called."""
    return f"invoice-{invoice.number}.pdf"


def written(order: Order, invoice: Invoice, *, font: str = "") -> bytes:
    """The file.  font: the path of a TrueType font; "" for the one that comes with reportlab.

    It takes some 30 milliseconds, and the first of a process half a second more, since reportlab is read only then: not
    for the thread of the proxy.
    """
    with _ONE:
        return _written(order, invoice, *_typeface(font or SHIPPED))


def _written(order: Order, invoice: Invoice, face: str, known: Callable[[str], str]) -> bytes:
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415  # not before somebody asks for an invoice
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer  # noqa: PLC0415

    plain = ParagraphStyle("plain", fontName=face, fontSize=10, leading=14)
    large = ParagraphStyle("large", plain, fontSize=18, leading=26)

    def paragraph(lines: Iterable[str], style: Any = plain) -> Any:
        return Paragraph("<br/>".join(escape(known(line)) for line in lines), style)

    story = [
        paragraph(invoice.seller),
        Spacer(1, 28),
        paragraph(invoice.buyer),
        Spacer(1, 28),
        paragraph([f"Invoice {invoice.number}"], large),
        paragraph([f"Date: {iso(invoice.at)[:10]}", f"Order: {order.id}", *_payment(order)]),
        Spacer(1, 14),
        _table([[paragraph(cells[:1]), cells[1]] for cells in _rows(order)], face),
        Spacer(1, 14),
        paragraph(invoice.note.split("\n")),
    ]
    file, title = BytesIO(), known(f"Invoice {invoice.number}")
    author = known(invoice.seller[0]) if invoice.seller else ""
    SimpleDocTemplate(file, pagesize=A4, title=title, author=author, invariant=1).build(story)
    return file.getvalue()


def _rows(order: Order) -> list[tuple[str, str]]:
    """What was bought, what was taken off, what was paid."""
    currency = order.currency
    sold = f"{order.title} ({order.bytes // 10**9} GB{', ' + order.period if order.period else ''})"
    rows = [(sold, money.shown(order.price, currency))]
    if order.coupon:
        rows.append((f"Coupon {order.coupon}", f"-{money.shown(order.discount, currency)}"))
    return [*rows, ("Total, paid", money.shown(order.amount, currency))]


def _payment(order: Order) -> list[str]:
    return [f"Payment: {order.reference}"] if order.reference else []


def _table(rows: Sequence[Sequence[Any]], face: str) -> Any:
    from reportlab.platypus import Table, TableStyle  # noqa: PLC0415

    style = [
        ("FONT", (0, 0), (-1, -1), face, 10, 14),
        ("ALIGN", (1, 0), (1, -1), "RIGHT"),
        ("LINEABOVE", (0, 0), (-1, 0), 0.5, "black"),
        ("LINEABOVE", (0, -1), (-1, -1), 0.5, "black"),
    ]
    return Table(rows, colWidths=(320, 120), style=TableStyle(style), hAlign="LEFT")


@lru_cache(maxsize=4)
def _typeface(path: str) -> tuple[str, Callable[[str], str]]:
    """The name under which reportlab knows a font, and what leaves of a text that which the font has."""
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    font = TTFont(f"meshd {path}", path)
    pdfmetrics.registerFont(font)
    glyphs = font.face.charToGlyph

    def known(text: str) -> str:
        return "".join(each if ord(each) in glyphs else UNKNOWN for each in text)

    return font.fontName, known
