"""`/api/admin/accounts`: accounts and sub-accounts, made, read, changed, deleted."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from meshd.accounts import dossier, secondfactor, toplevel
from meshd.accounts.dossier import Changes, Dossier, Held
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.terms import Agreed
from meshd.accounts.toplevel import DEFAULT_PLAN, Terms
from meshd.accounts.validate import EMAIL, MAX_LIMIT, NAME, NOTES, PASSWORD, USERNAME
from meshd.auth.secrets import new_password
from meshd.model import Account
from meshd.values import bounds, rules
from meshd.values.times import iso
from meshd.web.admin.conditions import condition, tagged
from meshd.web.admin.repeats import create
from meshd.web.document import Document, Members
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import EMPTY, Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PATH = "/api/admin/accounts"
ONE = f"{PATH}/{{username}}"

ROLES = ("customer", "viewer", "admin")
SETTABLE = (
    "plan",
    "role",
    "billing_day",
    "first_name",
    "last_name",
    "email",
    "monthly_limit",
    "total_limit",
    "expires_on",
    "notes",
    "bounds",
    "rules",
)
NEW = ("username", "parent", "password", "generate_password", *SETTABLE)
CHANGED = ("username", "parent", "active", *SETTABLE)
PASSWORDS = ("password", "generate_password")


class AccountRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("POST", PATH, Who.PASSWORD, self.create, NEW)
        room.route("GET", ONE, Who.PASSWORD, self.read, ("username",))
        room.route("PATCH", ONE, Who.PASSWORD, self.change, CHANGED)
        room.route("DELETE", ONE, Who.PASSWORD, self.delete, ())
        room.route("PUT", f"{ONE}/password", Who.PASSWORD, self.set_password, PASSWORDS)
        room.route("DELETE", f"{ONE}/second-factor", Who.PASSWORD, self.take_second_factor, ())

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Make an account; a generated password is shown once, in this answer."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            username, parent = member.required("username", USERNAME), member.text("parent", USERNAME) or ""
            chosen, generated = _password(member)
            profile, terms = _profile(member), _terms(member)
            agreed, held = _agreed(member, made=True), _held(member)
        if not parent and terms.plan is None:
            terms = Terms(DEFAULT_PLAN, terms.role, terms.billing_day)
        new = NewAccount(username=username, password_hash=await self._hashed(chosen), profile=profile)
        topology = self._live.topology
        unit = partial(
            dossier.create,
            caller.actor,
            new,
            parent=parent,
            terms=terms,
            agreed=agreed,
            held=held,
            plans=topology.plans,
            proxies=list(topology.proxies),
            now=self._now(),
        )
        shown = {"password": generated} if generated else {}
        return await create(self._services, caller, unit, lambda made: described(made) | shown, _where)

    async def read(self, caller: Caller, form: Form) -> Reply:
        return tagged(described(await self._perform(dossier.read, caller.actor, form["username"])))

    async def change(self, caller: Caller, form: Form) -> Reply:
        """Change what the body names (RFC 7396), unless the account is no longer as If-Match says."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            changes = Changes(
                profile=_profile(member),
                terms=_terms(member),
                agreed=_agreed(member),
                held=_held(member),
                active=member.truth("active"),
            )
        changed = await self._perform(
            dossier.change,
            caller.actor,
            named(caller),
            changes,
            expected=condition(caller.call, described),
            plans=self._live.topology.plans,
            now=self._now(),
        )
        return tagged(described(changed))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        expected = condition(caller.call, described)
        await self._perform(dossier.delete, caller.actor, named(caller), expected=expected, now=self._now())
        return Reply(EMPTY, 204)

    async def set_password(self, caller: Caller, form: Form) -> Reply:
        """Replace the password; `null` takes the sign-in by password away."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            chosen, generated = _password(member)
            if "password" not in form and not generated:
                member.wrong("password", Worded("is required, unless generate_password is true"))
        await self._perform(dossier.read, caller.actor, named(caller))  # before the hash, which is costly
        hashed = await self._hashed(chosen)
        await self._perform(toplevel.set_password, caller.actor, named(caller), hashed, now=self._now())
        return Reply({"password": generated}) if generated else Reply(EMPTY, 204)

    async def take_second_factor(self, caller: Caller, form: Form) -> Reply:
        """Switch an account's second factor off, whose holder has lost it."""
        await self._perform(secondfactor.take_away, caller.actor, named(caller), now=self._now())
        return Reply(EMPTY, 204)

    async def _hashed(self, password: str) -> str:
        return await self._services.hash(password) if password else ""


def described(found: Dossier) -> dict[str, object]:
    """An account as this API shows it; sizes in bytes, a limit of 0 is none."""
    account = found.account
    return {
        "username": account.username,
        "parent": found.parent or None,
        "role": account.role,
        "plan": account.plan,
        "active": account.active,
        "suspended": account.suspended,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "email": account.email,
        "monthly_limit": account.monthly_limit,
        "total_limit": account.total_limit,
        **_ceilings(account),
        "billing_day": account.billing_day,
        "expires_on": account.expires_on or None,
        "notes": account.notes,
        "bounds": bounds.parsed(account.bounds).given(),
        "rules": rules_shown(account.rules),
        "created_at": moment(account.created_at),
        "has_password": bool(account.password_hash),
        "second_factor": found.second_factor,
    }


def named(caller: Caller) -> str:
    """The account that the path names."""
    return caller.call.variables["username"]


def moment(seconds: int) -> str | None:
    """A time by RFC 3339; None for 0, which stands for never."""
    return f"{iso(seconds)}Z" if seconds else None


def rules_shown(text: str) -> dict[str, object] | None:
    """Destination rules as this API shows and takes them; None for none."""
    return rules.parsed(text).given() if text else None


def _ceilings(account: Account) -> dict[str, object]:
    """What a sub-account's parent may set at most."""
    if account.parent_id is None:
        return {}
    return {"monthly_ceiling": account.monthly_ceiling, "total_ceiling": account.total_ceiling}


def _where(found: Dossier) -> str:
    return f"{PATH}/{quote(found.account.username, safe='')}"


def _password(member: Members) -> tuple[str, str]:
    """The password to set, and the same where it was generated, to be shown; "" for none."""
    sent = member.secret("password", PASSWORD)
    if sent == "" and not member.is_null("password"):
        member.wrong("password", Worded("a password cannot be empty; null means none"))
    chosen = sent or ""
    if not member.truth("generate_password"):
        return chosen, ""
    if chosen:
        member.wrong("generate_password", Worded("leave out one of password and generate_password"))
    generated = new_password()
    return generated, generated


def _profile(member: Members) -> Profile:
    return Profile(
        first_name=member.text("first_name", NAME),
        last_name=member.text("last_name", NAME),
        email=member.text("email", EMAIL),
        monthly_limit=member.number("monthly_limit", most=MAX_LIMIT),
        total_limit=member.number("total_limit", most=MAX_LIMIT),
    )


def _terms(member: Members) -> Terms:
    return Terms(
        plan=member.text("plan", 100),
        role=member.choice("role", ROLES),  # type: ignore[arg-type]
        billing_day=member.number("billing_day", least=1, most=31),
    )


def _agreed(member: Members, *, made: bool = False) -> Agreed:
    """What operators agree with a customer.  made: for an account being made, which has its name and parent already."""
    return Agreed(
        username=None if made else member.text("username", USERNAME),
        parent=None if made else member.text("parent", USERNAME),
        expires_on=member.date("expires_on"),
        notes=member.text("notes", NOTES),
    )


def _held(member: Members) -> Held:
    """What the account is held to: `null` gives every bound back to the plan, and takes all rules away."""
    given = member.table("bounds")
    if member.is_null("bounds"):
        given = dict.fromkeys(bounds.NAMES)
    return Held(bounds=given, rules=member.table("rules"))
