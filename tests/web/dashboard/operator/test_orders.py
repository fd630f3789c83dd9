"""Orders as operators see them."""

from __future__ import annotations

from tests.web.dashboard.operator.support import InstallationCase
from tests.web.dashboard.selling import opened, ordered, sold
from tests.web.support import named

ORDERS = "/operator/orders/"


class OrderTests(InstallationCase):
    def setUp(self) -> None:
        super().setUp()
        opened(self.world)

    def test_where_the_page_is_found(self) -> None:
        """Where something is sold."""
        self.assertIn(f'href="{ORDERS}"', self.ada.open("/operator/").html)
        self.world.set_topology(selling=type(self.world.live.topology.selling)())
        self.assertNotIn(f'href="{ORDERS}"', self.ada.open("/operator/").html)

    def test_settled(self) -> None:
        """Once; a second time it is said that nothing was added."""
        order = ordered(self.world)
        form = self.ada.open(ORDERS).form(f"{ORDERS}settle/") | {"reference": "bank 7"}
        page = self.ada.send(f"{ORDERS}settle/", reference="bank 7")
        self.assertIn(f"Order {order.id} is settled; its invoice is 1.", page.text)
        self.assertIn("bank 7", page.text)
        self.assertIn(f"{ORDERS}{order.id}/invoice.pdf", page.links.values())
        self.assertEqual(303, self.ada.ask("POST", f"{ORDERS}settle/", form).status)
        self.assertIn("was settled already: nothing was added", self.ada.open(ORDERS).text)

    def test_cancelled(self) -> None:
        order = ordered(self.world)
        self.ada.open(ORDERS)
        form = self.ada.page.form(f"{ORDERS}settle/")
        page = self.ada.send(f"{ORDERS}cancel/")
        self.assertIn(f"Order {order.id} was cancelled.", page.text)
        page = self.ada.ask("POST", f"{ORDERS}settle/", form)
        self.assertEqual((400, True), (page.status, f"Order {order.id} was cancelled" in page.text))

    def test_filters(self) -> None:
        """By account and state; what nobody is called is told."""
        sold(self.world)
        ordered(self.world, "eve")
        for query, shown in (
            ("", ["1", "2", "3"]),
            ("?state=open", ["2", "3"]),
            ("?state=settled&account=jo", ["1"]),
            ("?account=eve", ["3"]),
        ):
            with named(query):
                page = self.vera.open(f"{ORDERS}{query}")
                found = [number for number in "123" if f'data-label="Number" class="whole">{number}<' in page.html]
                self.assertEqual(shown, found)
        for query, status in (("?account=nobody", 404), ("?state=paid", 400)):
            self.assertEqual(status, self.ada.open(f"{ORDERS}{query}").status)

    def test_what_is_refused(self) -> None:
        """Numbers that are none; an order of one's own."""
        token = {"csrf": self.token(self.ada)}
        for number, status in (("99", 404), ("x", 400), ("", 400)):
            for end in ("settle/", "cancel/"):
                with named((number, end)):
                    self.assertEqual(status, self.ada.ask("POST", f"{ORDERS}{end}", token | {"number": number}).status)
