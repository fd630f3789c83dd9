"""`/v1/proxy-descriptors`: how to reach the gateway as a sub-user: host, port, user name and password."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from urllib.parse import quote

from meshd.accounts import subusers
from meshd.accounts.errors import Forbidden, Invalid
from meshd.accounts.subusers import SubUser
from meshd.exits.census import Family, Place
from meshd.selection import LONGEST, Selection, SelectionError, country_code, read_selection, render
from meshd.values.addresses import join_host
from meshd.values.slugs import slug
from meshd.values.uuids import written
from meshd.values.v1 import V1
from meshd.web.document import Document, Members
from meshd.web.forms import Form
from meshd.web.problems import Unknown, Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers
from meshd.web.v1.values import UUID

PATH = "/v1/proxy-descriptors"
FIELDS = ("sub_user_uuid", "protocol", "location", "session", "filter")
LOCATION = ("country", "region", "city")
SESSION = ("mode", "ttl")
MODES = ("sticky", "rotating")
PROTOCOLS = ("http", "socks5")
TTL = "30m"
SID_BYTES = 8
PROVIDER = "meshd"


class DescriptorRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("POST", PATH, Who.ANY, self.create, FIELDS)

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Answer with what a client of the gateway is set up by; nothing is kept of it."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            uuid = member.required("sub_user_uuid", UUID)
            protocol = member.text("protocol", LONGEST) or PROTOCOLS[0]
            if protocol not in PROTOCOLS:
                member.wrong("protocol", Worded(f"must be one of {', '.join(PROTOCOLS)}"))
            place = _read_place(member, _within(member, "location", LOCATION))
            tier = _read_tier(member)
            ttl = _read_ttl(member, _within(member, "session", SESSION))
        self._require_exits(place)
        sub = await self._perform(subusers.read, caller.actor, uuid, at=self._now())
        password = self._password(sub)
        sid = f"-sid-{self._services.random(SID_BYTES).hex()}-ttl-{ttl}" if ttl else ""
        name = f"{sub.account.username}-{_place_text(place)}{sid}{_tier_text(tier)}"
        if len(name) > LONGEST:
            raise Invalid({"location": [f"The user name would have more than {LONGEST} characters."]})
        v1 = self._live.topology.v1
        assert v1 is not None
        told = {"provider_id": PROVIDER, "sub_user_uuid": written(sub.uuid), "filter": tier}
        return answers.payload(told | described(v1, protocol, name, password))

    def _password(self, sub: SubUser) -> str:
        """The sub-user's password.  Raises: Forbidden while it is suspended; Invalid for one that is not known."""
        if sub.suspended_at:
            raise Forbidden("this sub-user is suspended")
        account = sub.account
        seals = self._services.seals()
        found = None if sub.sealed is None else seals.open(sub.sealed, account.id, account.password_hash)
        if found is None:
            raise Invalid({"sub_user_uuid": ["Its password was not set by this API: set one first."]})
        return found

    def _require_exits(self, place: Selection) -> None:
        """Refuse a place at which no exit of the gateway works.  Raises: Invalid."""
        countries = self._services.places("countries")
        if place.country and place.country not in countries:
            raise Invalid({"location.country": ["There is no exit in this country now."]})
        if place.region and not any(each.code == place.region for each in self._in_country("regions", place)):
            raise Invalid({"location.region": ["There is no exit in this region now."]})
        cities = (each for each in self._in_country("cities", place) if place.region in ("", each.region))
        if place.city and not any(each.code == place.city for each in cities):
            raise Invalid({"location.city": ["There is no exit in this city now."]})

    def _in_country(self, family: Family, place: Selection) -> Iterable[Place]:
        """The places of a family in the country that is asked for, in all of them for none."""
        counted = self._services.places(family)
        return counted.get(place.country, ()) if place.country else chain.from_iterable(counted.values())


def described(v1: V1, protocol: str, name: str, password: str) -> dict[str, object]:
    """Where the gateway is for a protocol, and a URL with the credentials in it."""
    port = v1.socks_port if protocol == "socks5" else v1.port
    credentials = f"{quote(name, safe='')}:{quote(password, safe='')}"
    return {
        "protocol": protocol,
        "host": v1.domain,
        "port": port,
        "username": name,
        "password": password,
        "url": f"{protocol}://{credentials}@{join_host(v1.domain, port)}",
    }


def _within(member: Members, name: str, known: tuple[str, ...]) -> Mapping[str, str]:
    """The members of an object within the body, each called `object.member` where something is wrong with it."""
    table = member.table(name) or {}
    for each in table:
        if each not in known:
            member.wrong(f"{name}.{each}"[:LONGEST], Unknown("", known))
    inner = Members(table)
    texts = {each: inner.text(each, LONGEST) or "" for each in known}
    for each, problem in inner.problems.items():
        member.wrong(f"{name}.{each}", problem)
    return texts


def _read_place(member: Members, texts: Mapping[str, str]) -> Selection:
    named = (slug(texts[each]) for each in LOCATION)
    country, region, city = ("" if each == "any" else each for each in named)
    place = Selection(country=country_code(country), region=region, city=city)
    _require_read(member, "location", _place_text(place))
    return place


def _read_ttl(member: Members, texts: Mapping[str, str]) -> str:
    """How long a sticky session lasts; "" for none."""
    mode, ttl = texts["mode"], texts["ttl"]
    if mode and mode not in MODES:
        member.wrong("session.mode", Worded(f"must be one of {', '.join(MODES)}"))
    if mode == "rotating" or not (mode or ttl):
        return ""
    _require_read(member, "session.ttl", f"ttl-{ttl or TTL}")
    return ttl or TTL


def _read_tier(member: Members) -> str:
    tier = slug(member.text("filter", LONGEST) or "").removeprefix("filter-")
    tier = "" if tier == "none" else tier
    _require_read(member, "filter", _tier_text(tier).removeprefix("-"))
    return tier


def _require_read(member: Members, name: str, text: str) -> None:
    """Note a problem where the gateway would not read the text."""
    try:
        read_selection(text)
    except SelectionError as error:
        member.wrong(name, Worded(f"cannot be read: {error}"))


def _place_text(place: Selection) -> str:
    rest = render(Selection(region=place.region, city=place.city)) if place.region or place.city else ""
    return f"country-{place.country.lower() or 'any'}{'-' if rest else ''}{rest}"


def _tier_text(tier: str) -> str:
    return f"-{render(Selection(tier=tier))}" if tier else ""
