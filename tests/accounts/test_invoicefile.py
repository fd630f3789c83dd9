"""Invoices as PDF."""

from __future__ import annotations

import re
import zlib
from base64 import a85decode

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import invoicefile
from meshd.store.statements.orders import Invoice, Order

ORDER = Order(
    7, 1, "bob", "ten", "regular", "10 GB", 10**10, "", 0, 1999, 200, "EUR", 1, "SAVE10", "settled", "bank 7", 1, 2,
    3, "x"
)  # fmt: skip
INVOICE = Invoice(3, 7, 1768478400, ("Mesh Ltd", "1 Example Street, 10 €"), ("Eve Ünal", "eve"), "No VAT.\nThank you.")


def written(order: Order = ORDER, invoice: Invoice = INVOICE) -> bytes:
    return invoicefile.written(order, invoice)


def drawn(content: bytes) -> str:
    """The texts that the pages draw, one after the other."""
    packed = re.findall(rb"/ASCII85Decode /FlateDecode.*?stream\n?(.*?)endstream", content, re.DOTALL)
    pages = b"".join(zlib.decompress(a85decode(b"<~" + each.strip(), adobe=True)) for each in packed)
    texts = b"".join(re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", pages))
    return re.sub(rb"\\(.)", rb"\1", texts).decode("latin-1")


class InvoiceTests(SynchronousTestCase):
    """What can be seen of the file without a reader of PDF."""

    def test_the_same_bytes_each_time(self) -> None:
        """Whenever it is asked for."""
        first = written()
        self.assertTrue(first.startswith(b"%PDF-1.") and first.rstrip().endswith(b"%%EOF"))
        self.assertEqual(first, written())
        self.assertNotEqual(first, written(invoice=INVOICE._replace(number=4)))

    def test_what_stands_there(self) -> None:
        """Who sells, who buys, what, for how much."""
        text = drawn(written())
        for wanted in ("Mesh Ltd", "eve", "Invoice 3", "2026-01-15", "10 GB", "19.99 EUR", "-2.00 EUR", "17.99 EUR"):
            self.assertIn(wanted, text)

    def test_markup_is_text(self) -> None:
        """Whatever customers and sellers call themselves: it is drawn, and neither read nor refused."""
        for text in (
            "<b>bold</b>",
            "</para>",
            "<img src='file:///etc/hosts'/>",
            "&amp; &lt;",
            "<a href='http://host.test'>x",
            "]]>",
            "%s {0}",
        ):
            order = ORDER._replace(title=text, coupon=text, reference=text)
            whole = written(order, Invoice(1, 7, 0, (text, text), (text,), text))
            self.assertEqual(7, drawn(whole).count(text), text)
            self.assertNotIn(b"/URI", whole)

    def test_what_the_font_lacks(self) -> None:
        """Stands as a question mark, as long as the operator names no other font."""
        self.assertEqual(
            written(invoice=INVOICE._replace(buyer=("??",))), written(invoice=INVOICE._replace(buyer=("Жя",)))
        )
        self.assertNotEqual(
            written(invoice=INVOICE._replace(buyer=("€ü",))), written(invoice=INVOICE._replace(buyer=("??",)))
        )

    def test_long_texts(self) -> None:
        """Go on as many pages as they need."""
        whole = written(invoice=INVOICE._replace(note="\n".join(["word " * 30] * 100), buyer=("x" * 500,)))
        self.assertGreater(whole.count(b"/Type /Page\n") + whole.count(b"/Type /Page "), 1)

    def test_without_anything_that_may_be_left_out(self) -> None:
        """No seller, no note, no coupon, no reference."""
        written(ORDER._replace(coupon="", reference=""), Invoice(1, 7, 0, (), (), ""))

    def test_its_name(self) -> None:
        self.assertEqual("invoice-3.pdf", invoicefile.named(INVOICE))
