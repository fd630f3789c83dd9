"""Something that is sold, and to whom."""

from __future__ import annotations

from meshd.accounts import orders, settling, toplevel
from meshd.accounts.orders import Order
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.topology import PLANS
from meshd.values.offers import Offer, Selling, seller
from tests.web.support import NOON, World

OPERATOR = Operator("operator:test")
TEN = Offer("ten", "regular", 10, 1999, "EUR", "10 GB")
SELLING = Selling("Mesh Ltd", instructions="Transfer {amount} for {number}.", offers={"ten": TEN})


def opened(world: World) -> None:
    """From now on something is sold, and `jo` and `eve` have something to buy for."""
    world.set_topology(selling=SELLING)
    for name in ("jo", "eve"):
        limit = Profile(monthly_limit=1)
        world.store.file.run(toplevel.edit, OPERATOR, name, limit, Terms(), plans=PLANS, now=NOON)


def ordered(world: World, who: str = "jo", offer: Offer = TEN) -> Order:
    how = {"plans": PLANS, "selling": SELLING, "now": NOON}
    return world.store.file.run(orders.create, OPERATOR, who, offer, **how)  # type: ignore[arg-type]


def settled(world: World, order: Order, reference: str = "") -> None:
    how = {"plans": PLANS, "seller": seller(SELLING), "now": NOON}
    world.store.file.run(settling.settle, OPERATOR, order.id, reference=reference, **how)  # type: ignore[arg-type]


def sold(world: World) -> None:
    """Order 1 of `jo` is paid, and order 2 is not yet."""
    opened(world)
    settled(world, ordered(world))
    ordered(world)
