"""What is sold: `/v1/regular-options`, `…/subscription-plans`, `…/plans/…`, and for everybody `…/pricing/…`."""

from __future__ import annotations

from meshd.values import money
from meshd.values.offers import Offer, OfferKind, of_kind
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers


class PlanRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", "/v1/regular-options", Who.ANY, self.regular, ())
        room.route("GET", "/v1/subscription-plans", Who.ANY, self.subscriptions, ())
        room.route("GET", "/v1/plans/regular/{name}", Who.ANY, self.one_regular, ("name",))
        room.route("GET", "/v1/plans/subscription/{name}", Who.ANY, self.one_subscription, ("name",))
        room.open("/v1/pricing/regular", self.regular_prices)
        room.open("/v1/pricing/subscriptions", self.subscription_prices)

    async def regular(self, caller: Caller, form: Form) -> Reply:
        return self._listed("regular")

    async def subscriptions(self, caller: Caller, form: Form) -> Reply:
        return self._listed("subscription")

    async def one_regular(self, caller: Caller, form: Form) -> Reply:
        return self._one("regular", form["name"])

    async def one_subscription(self, caller: Caller, form: Form) -> Reply:
        return self._one("subscription", form["name"])

    async def regular_prices(self) -> Reply:
        return self._listed("regular")

    async def subscription_prices(self) -> Reply:
        return self._listed("subscription")

    def _listed(self, kind: OfferKind) -> Reply:
        return answers.bare([described(each) for each in of_kind(self._live.topology.selling.offers, kind)])

    def _one(self, kind: OfferKind, name: str) -> Reply:
        offer = self._live.topology.selling.offers.get(name)
        if offer is None or offer.kind != kind:
            return answers.message(404, answers.NOTHING)
        return answers.bare(described(offer))


def described(offer: Offer) -> dict[str, object]:
    """An offer; its id, by which it is bought, is its name in the settings."""
    shown: dict[str, object] = {
        "id": offer.name,
        "name": offer.name,
        "title": offer.title,
        "gb": offer.gb,
        "price_per_gb": offer.price_per_gb,
        "price_total": money.number(offer.price, offer.currency),
        "currency": offer.currency,
    }
    if offer.kind == "subscription":
        shown |= {"period": offer.period, "rollover_enabled": offer.rollover}
    return shown
