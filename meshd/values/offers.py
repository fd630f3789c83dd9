"""What the operator sells, by the settings, and under whose name.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from meshd.values import money

OfferKind = Literal["regular", "subscription"]
KINDS: tuple[OfferKind, ...] = ("regular", "subscription")

GB = 10**9


@dataclass(frozen=True, slots=True)
class Offer:
    """Bytes at a price: bought once (`regular`), or for one period (`subscription`)."""

    name: str
    kind: OfferKind
    gb: int
    price: int
    """In minor units of the currency."""
    currency: str
    """ISO 4217."""
    title: str
    period: Literal["", "monthly"] = ""
    """How long a subscription lasts; "" for what is bought once."""
    rollover: bool = False
    """Whether bytes of a subscription that are left at its end are kept."""

    @property
    def bytes(self) -> int:
        return self.gb * GB

    @property
    def lapses(self) -> bool:
        """Whether what is not used by the end of the period is lost."""
        return self.kind == "subscription" and not self.rollover

    @property
    def price_per_gb(self) -> float:
        return money.per(self.price, self.gb, self.currency)


@dataclass(frozen=True, slots=True)
class Selling:
    """Who sells, and how customers pay."""

    name: str = ""
    """The seller's, as invoices have it."""
    address: tuple[str, ...] = ()
    """The lines of the seller's address, and what else an invoice must say of the seller."""
    note: str = ""
    """What stands below each invoice."""
    instructions: str = ""
    """How to pay, told with each order; `{number}` and `{amount}` stand for those of the order."""
    days: int = 14
    """Days for which an order waits for its payment."""
    font: str = ""
    """A TrueType font for invoices; "" for the one that comes with reportlab, of Western Europe's letters."""
    offers: Mapping[str, Offer] = field(default_factory=dict)
    """What customers can buy, by name, in the file's order."""
    webhook_secret: Path | None = None
    """The file with the secret by which the payment processor signs."""
    webhook_key: bytes = field(default=b"", repr=False)
    """That secret; b"" where there is no payment processor."""

    def told(self, number: int, amount: int, currency: str) -> str:
        """How to pay that order."""
        shown = money.shown(amount, currency)
        return self.instructions.replace("{number}", str(number)).replace("{amount}", shown)


class Seller(NamedTuple):
    """What an invoice keeps of the settings that held when it was made."""

    lines: tuple[str, ...] = ()
    note: str = ""


def seller(selling: Selling) -> Seller:
    return Seller(tuple(line for line in (selling.name, *selling.address) if line), selling.note)


def of_kind(offers: Mapping[str, Offer], kind: str) -> list[Offer]:
    """The offers of that kind, in the order of the settings."""
    return [each for each in offers.values() if each.kind == kind]
