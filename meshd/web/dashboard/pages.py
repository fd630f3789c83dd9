"""Pages: a template and its facts become a Reply; and what every group of routes needs to answer with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.defaults import DEFAULT_NAMESPACE

from meshd.accounts.errors import AccountError, Forbidden
from meshd.auth.sessions import Life
from meshd.model import Account, Admission, Refusal
from meshd.web.call import Call
from meshd.web.dashboard import cookies, figures, static, wording
from meshd.web.forms import WHOLE, Form, FormError
from meshd.web.problems import Worded
from meshd.web.reply import EMPTY, Fields, Reply, Text
from meshd.web.room import Caller, Room, Route, Who
from meshd.web.services import Routes, Services

NO_STORE: Fields = (("Cache-Control", "no-store"),)
HOME = "/account/dashboard/"


class Link(NamedTuple):
    """A place of the navigation."""

    text: str
    href: str


OWN = (Link("Dashboard", HOME), Link("Bandwidth", "/account/usage/"), Link("Activity", "/account/activity/"))
LISTS = (Link("IPs", "/account/edit_ips/"), Link("Hostnames", "/account/edit_hostnames/"))
PARENTS = (
    Link("Proxies", "/account/edit_proxies/"),
    Link("Bearer Tokens", "/account/edit_tokens/"),
    Link("Sub-accounts", "/account/sub_accounts/"),
)
KEYS = "/account/api_keys/"
PROGRAMS = (Link("API Keys", KEYS),)
BUYING = (Link("Orders", "/account/orders/"),)
SETTINGS = (Link("Settings", "/account/settings/"),)

SOLD = "/operator/orders/"
HOSTS = "/operator/hosts/"
CERTIFICATES = "/operator/certificates/"
OPERATORS = ("root", "admin", "viewer")
"""The roles that see the pages of operators."""
OPERATING = (
    Link("Overview", "/operator/"),
    Link("Accounts", "/operator/accounts/"),
    Link("Plans", "/operator/plans/"),
    Link("Usage", "/operator/usage/"),
    Link("Orders", SOLD),
    Link("Exits", "/operator/exits/"),
    Link("Hosts", HOSTS),
    Link("Certificates", CERTIFICATES),
    Link("Live", "/operator/exchanges/"),
    Link("Bans", "/operator/bans/"),
    Link("Audit", "/operator/audit/"),
    Link("Nodes", "/operator/settings/"),
)


def navigation(account: Account, *, selling: bool = False, dialect: bool = False) -> tuple[Link, ...]:
    """The places that an account has: a sub-account's parent decides on proxies, tokens and sub-accounts, and buys.

    selling: whether anything is sold here; dialect: whether ProxyHat's API is on.
    """
    more = (*(PROGRAMS if dialect else ()), *(BUYING if selling else ()))
    parents = (*PARENTS, *more) if account.parent_id is None else ()
    return (*OWN, *LISTS, *parents, *SETTINGS)


def operating(account: Account, *, selling: bool = False, hosting: bool = False) -> tuple[Link, ...]:
    """The places of operators, a second row; () for customers.  hosting: whether anything can be published here."""
    if account.role not in OPERATORS:
        return ()
    without = {*(() if selling else (SOLD,)), *(() if hosting else (HOSTS, CERTIFICATES))}
    return tuple(link for link in OPERATING if link.href not in without)


def here(path: str, links: Sequence[Link]) -> str:
    """The address of the link that leads to the page at `path`, or to one that it is below; "" for none."""
    found = (link.href for link in links if path == link.href or (path.startswith(link.href) and link != links[0]))
    return max(found, key=len, default="")


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it is shown: what was typed, and what is wrong with it."""

    typed: Mapping[str, str]
    problems: Mapping[str, str]

    def value(self, name: str, default: object = "") -> str:
        """What a field shows: what was typed into it last, else the default."""
        return self.typed.get(name, str(default))

    @property
    def whole(self) -> str:
        """What is wrong with no single field; "" for nothing."""
        return self.problems.get(WHOLE, "")


EMPTY_FORM = Filled({}, {})
SECRETS = frozenset({"password", "current", "code", "again", "certificate_key"})
"""Fields that no page shows again."""


def refilled(form: Form, error: FormError | AccountError) -> Filled:
    """A form that was refused, without what is secret in it."""
    return Filled({name: text for name, text in form.items() if name not in SECRETS}, wording.told(error))


@cache
def environment() -> Environment:
    """The templates, each compiled once in a process."""
    made = Environment(
        loader=PackageLoader("meshd.web.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    shown = (
        figures.amount,
        figures.size,
        figures.count,
        figures.date,
        figures.moment,
        figures.browser,
        figures.gigabytes,
    )
    made.filters |= {each.__name__: each for each in shown}
    made.globals |= {"asset": static.path, "ago": figures.ago, "span": figures.span, "share": figures.share}
    made.globals["here"] = here
    return made


def render(template: str, facts: Mapping[str, object]) -> Text:
    made = environment()
    known = made.globals.keys() - DEFAULT_NAMESPACE.keys()  # Jinja's own, such as `range`, no page uses
    assert known.isdisjoint(facts), f"{template}: a fact would hide what every page knows by its name"
    return Text(made.get_template(template).generate(facts))


def plain(call: Call | None, template: str, status: int = 200, *, fields: Fields = (), **facts: object) -> Reply:
    """A page for somebody who is not known, or whose request was refused before it was known whose it is."""
    token = cookies.token(cookies.secret(call)) if call is not None else ""
    shared = {
        "account": None,
        "navigation": (),
        "operating": (),
        "seeing": "",
        "path": "",
        "said": "",
        "token": token,
        "form": EMPTY_FORM,
    }
    return Reply(render(template, shared | facts), status, (*NO_STORE, *fields))


def see_other(location: str, *fields: tuple[str, str]) -> Reply:
    """Send the browser to another page, by GET."""
    return Reply(EMPTY, 303, (*NO_STORE, ("Location", location), *fields))


class PageRoutes(Routes):
    """What every group of pages has at hand."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._auth = services.auth.entrance

    def _page(self, room: Room, path: str, route: Route, fields: Sequence[str] = ()) -> None:
        """Mount a page that is looked at."""
        room.route("GET", path, Who.PASSWORD, route, fields)

    def _change(self, room: Room, path: str, route: Route, fields: Sequence[str] = ()) -> None:
        """Mount a form that changes something, which a viewer may not."""

        async def guarded(caller: Caller, form: Form) -> Reply:
            if caller.account.role == "viewer":
                raise Forbidden("a viewer changes nothing")
            return await route(caller, form)

        self._own(room, path, guarded, fields)

    def _own(self, room: Room, path: str, route: Route, fields: Sequence[str] = ()) -> None:
        """Mount a form about how somebody signs in herself, a viewer too."""
        room.route("POST", path, Who.PASSWORD, route, fields)

    def _show(self, caller: Caller, template: str, status: int = 200, *, fields: Fields = (), **facts: Any) -> Reply:
        """A page for somebody who is signed in; what the last page left to be said is said, once."""
        call = caller.call
        said = cookies.said(call)
        topology = self._live.topology
        selling = bool(topology.selling.offers) or topology.v1 is not None
        shared: dict[str, object] = {
            "account": caller.account,
            "navigation": navigation(caller.account, selling=selling, dialect=topology.v1 is not None),
            "operating": operating(caller.account, selling=selling, hosting=topology.hosts is not None),
            "path": call.path,
            "seeing": call.seeing,
            "said": said,
            "token": cookies.token(cookies.secret(call)),
            "form": EMPTY_FORM,
            "now": self._now(),
        }
        spent = cookies.dropped(cookies.SAID) if said else ()
        return Reply(render(template, shared | facts), status, (*NO_STORE, *spent, *fields))

    def _done(self, caller: Caller, location: str, said: str, *fields: tuple[str, str], secret: bytes = b"") -> Reply:
        """Send the browser on after a change, which the next page confirms.  secret: of the session, if it is new."""
        sealing = secret or cookies.secret(caller.call)
        return see_other(location, *cookies.saying(sealing, said), *fields)

    async def _tried(
        self, form: Form, change: Callable[[], Awaitable[Reply]], again: Callable[[Filled, int], Awaitable[Reply]]
    ) -> Reply:
        """Carry out a change, or show its form again with what was typed and what is wrong."""
        try:
            return await change()
        except (FormError, AccountError) as error:
            if isinstance(error, AccountError) and wording.status_of(error) not in (400, 404):
                raise
            return await again(refilled(form, error), wording.status_of(error))

    def _life(self) -> Life:
        return Life(self._live.limits.session_idle, self._live.limits.session_longest)

    async def _verified(self, caller: Caller, current: str) -> Admission:
        """Make sure that the caller knows the account's password; failures count as those of a sign-in do.
        Raises: FormError (field `current`).
        """
        name = caller.account.username
        outcome = await self._auth.enter(caller.peer, name, name, current)
        if isinstance(outcome, Refusal):
            raise FormError.of(Worded(_not_verified(outcome)), field="current")
        return outcome


def _not_verified(refusal: Refusal) -> str:
    if refusal.reason == "auth-banned":
        return "There were too many wrong passwords.  Try again later."
    return "This is not your present password." if refusal.reason == "auth-invalid" else "Try again in a moment."


class OperatorRoutes(PageRoutes):
    """Pages of operators alone: a customer is refused before a route is run."""

    def _page(self, room: Room, path: str, route: Route, fields: Sequence[str] = ()) -> None:
        super()._page(room, path, _for_operators(route), fields)

    def _change(self, room: Room, path: str, route: Route, fields: Sequence[str] = ()) -> None:
        super()._change(room, path, _for_operators(route), fields)

    def _own(self, room: Room, path: str, route: Route, fields: Sequence[str] = ()) -> None:
        super()._own(room, path, _for_operators(route), fields)


def _for_operators(route: Route) -> Route:
    async def guarded(caller: Caller, form: Form) -> Reply:
        if caller.account.role not in OPERATORS:
            raise Forbidden("this page is for operators")
        return await route(caller, form)

    return guarded
