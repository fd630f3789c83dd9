"""Sub-accounts: `/api/sub/…`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from meshd.accounts import subaccounts
from meshd.accounts.errors import NotFound, NotYours
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.validate import EMAIL, MAX_LIMIT, NAME, PASSWORD, USERNAME
from meshd.model import GB, Identity, monthly_limit
from meshd.web.alike import subaccount_edited, subaccount_made
from meshd.web.api.answers import DONE
from meshd.web.api.fields import in_gb
from meshd.web.forms import Form, Reading
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

NAMED = ("username",)
DETAILS = (
    "username",
    "password",
    "first_name",
    "last_name",
    "email",
    "monthly_limit",
    "total_limit",
    "monthly_bandwidth_limit",
    "total_bandwidth_limit",
)


class SubAccountRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", "/api/sub/get/", Who.PARENT, self.get, NAMED)
        room.route("POST", "/api/sub/create/", Who.PARENT, self.create, DETAILS)
        room.route("POST", "/api/sub/edit/", Who.PARENT, self.edit, DETAILS)
        room.route("POST", "/api/sub/activate/", Who.PARENT, self.activate, NAMED)
        room.route("POST", "/api/sub/deactivate/", Who.PARENT, self.deactivate, NAMED)
        room.route("POST", "/api/sub/delete/", Who.PARENT, self.delete, NAMED)

    async def get(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subaccounts.details, caller.actor, _username(form), at=self._now())
        return Reply(details(found))

    async def create(self, caller: Caller, form: Form) -> Reply:
        username, password, profile = _read_details(form)
        new = NewAccount(username=username, profile=profile)
        return Reply(details(await subaccount_made(self._services, caller, new, password)))

    async def edit(self, caller: Caller, form: Form) -> Reply:
        """Change a sub-account: a field that was not sent stays; a name that was sent empty is removed."""
        username, password, profile = _read_details(form)
        try:
            edited = await subaccount_edited(self._services, caller, username, profile, password)
        except NotYours as error:  # this path's document alone tells the two apart
            if error.absent:
                raise NotFound("there is no such sub-account") from None
            raise
        return Reply(details(edited))

    async def activate(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subaccounts.activate, caller.actor, _username(form), now=self._now())
        return Reply(details(found))

    async def deactivate(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subaccounts.deactivate, caller.actor, _username(form), now=self._now())
        return Reply(details(found))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._perform(subaccounts.delete, caller.actor, _username(form), now=self._now())
        return DONE


def details(identity: Identity, included: Mapping[str, int] = MappingProxyType({})) -> dict[str, object]:
    """The details object of ProxyMesh's document: bandwidth in GB, names only where they were set.

    included: by plan, the monthly limit that is shown of an account that has none of its own.
    """
    account, usage = identity.account, identity.usage
    names = {"first_name": account.first_name, "last_name": account.last_name, "email": account.email}
    return {
        "username": account.username,
        "active": account.active,
        "monthly_bandwidth": usage.period_bytes / GB,
        "monthly_bandwidth_limit": in_gb(monthly_limit(account, included)),
        "total_bandwidth": usage.total_bytes / GB,
        "total_bandwidth_limit": in_gb(account.total_limit),
        **{name: text for name, text in names.items() if text},
    }


def _username(form: Form) -> str:
    with form.reading() as field:
        return field.text("username", USERNAME, required=True)


def _read_details(form: Form) -> tuple[str, str, Profile]:
    """The username, the password ("" for none) and what is told of the account."""
    with form.reading() as field:
        username, password = field.text("username", USERNAME, required=True), field.secret("password", PASSWORD)
        profile = Profile(
            first_name=field.changed("first_name", NAME),
            last_name=field.changed("last_name", NAME),
            email=field.changed("email", EMAIL),
            monthly_limit=_limit(field, "monthly_limit", "monthly_bandwidth_limit"),
            total_limit=_limit(field, "total_limit", "total_bandwidth_limit"),
        )
        return username, password, profile


def _limit(field: Reading, name: str, shown: str) -> int | None:
    """A limit in bytes, sent in whole GB under the name in the document's forms or, shown, that in its answers."""
    given, other = (field.optional_number(each, least=0, most=MAX_LIMIT // GB) for each in (name, shown))
    if given is not None and other is not None and given != other:
        field.wrong(shown, Worded(f"This field and {name} are not the same."))
    chosen = other if given is None else given
    return None if chosen is None else chosen * GB
