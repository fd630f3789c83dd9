"""One published resource: `/operator/hosts/KIND/ID/`, its settings, on and off, changing and deleting it, a new one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from meshd.accounts.errors import NotFound
from meshd.accounts.published import billing, resources
from meshd.accounts.published.rows import Row
from meshd.values.published import RECORDED_AS, Kind
from meshd.web.dashboard.hosts import fields as typing
from meshd.web.dashboard.hosts.fields import Field, Options
from meshd.web.dashboard.hosts.routes import HostRoutes
from meshd.web.dashboard.hosts.words import KINDS, called, days_left, facts, listed
from meshd.web.dashboard.pages import EMPTY_FORM, HOSTS, Filled
from meshd.web.forms import LARGEST_STORED, WHOLE, Form, require_known
from meshd.web.recording import of_row, of_switch, recorded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room
from meshd.web.taking import grounds_of, taken

ONE = f"{HOSTS}{{kind}}/{{id}}/"
NEW = f"{HOSTS}{{kind}}/new/"
CHOSEN_FROM = 200
"""Certificates, or access lists, that a form lets choose from; where there are more, a number is typed."""
IN_PATH = frozenset({"kind", "id"})


class ResourceRoutes(HostRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, NEW, self.new)
        self._change(room, NEW, self.create, typing.ALL)
        self._page(room, ONE, self.one)
        self._change(room, f"{ONE}enable/", self.enable)
        self._change(room, f"{ONE}disable/", self.disable)
        self._page(room, f"{ONE}edit/", self.edited)
        self._change(room, f"{ONE}edit/", self.edit, (*typing.ALL, "seen"))
        self._page(room, f"{ONE}delete/", self.deleting)
        self._change(room, f"{ONE}delete/", self.delete)

    async def one(self, caller: Caller, form: Form) -> Reply:
        row = await self._row(caller)
        certificate, guard = row.settings.get("certificate_id", 0), row.settings.get("access_list_id", 0)
        moved = await self._perform(billing.moved, caller.actor, [row], self._now())
        links = {"certificates": certificate, "access-lists": guard}
        return self._show(
            caller,
            "resource.html",
            each=listed(row),
            kind_called=KINDS[row.kind],
            facts=facts(row),
            links=[(KINDS[kind], address(kind, id_), id_) for kind, id_ in links.items() if id_],
            moved=moved.get(row.id),
            within=billing.DAYS,
            days=days_left(row, self._now()) if row.kind == "certificates" else None,
        )

    async def enable(self, caller: Caller, form: Form) -> Reply:
        return await self._switch(caller, True, "is on")

    async def disable(self, caller: Caller, form: Form) -> Reply:
        return await self._switch(caller, False, "is off")

    async def _switch(self, caller: Caller, enabled: bool, how: str) -> Reply:
        action, which = "enable" if enabled else "disable", (caller.actor, _kind(caller), _id(caller), enabled)
        switched = partial(resources.switch, *which, now=self._now())
        row, changed = await recorded(self._services, caller, action, RECORDED_AS[which[1]], switched, of_switch)
        await self._services.published()
        said = f"{named(row)} {how}{'' if changed else ' already'}."
        return self._done(caller, address(row.kind, row.id), said)

    async def new(self, caller: Caller, form: Form) -> Reply:
        return await self._new(caller, EMPTY_FORM, 200)

    async def _new(self, caller: Caller, form: Filled, status: int) -> Reply:
        kind = _kind(caller)
        facts = {"at": f"{HOSTS}{kind}/new/", "back": HOSTS, "heading": f"New {_lower(kind)}"}
        return await self._form(caller, kind, None, form, status, **facts)

    async def create(self, caller: Caller, form: Form) -> Reply:
        kind = _kind(caller)
        asked = _asked(form, typing.fields_of(kind))

        async def change() -> Reply:
            given = typing.members(typing.fields_of(kind), asked)
            settings, secrets = await taken(self._services, kind, given)
            which = caller.actor, kind, settings
            made = partial(resources.create, *which, secrets=secrets, **self._facts())
            row = await recorded(self._services, caller, "create", RECORDED_AS[kind], made, of_row, settings)
            return await self._changed(caller, row, "was made")

        return await self._conflicting(asked, change, lambda filled, status: self._new(caller, filled, status))

    async def edited(self, caller: Caller, form: Form) -> Reply:
        return await self._edited(caller, EMPTY_FORM, 200)

    async def _edited(self, caller: Caller, form: Filled, status: int) -> Reply:
        row = await self._row(caller)
        at = address(row.kind, row.id)
        facts = {"at": f"{at}edit/", "back": at, "heading": f"Change {named(row)}"}
        return await self._form(caller, row.kind, row, form, status, **facts)

    async def edit(self, caller: Caller, form: Form) -> Reply:
        """Set what the form has fields for, if the resource is still as the page showed it."""
        row = await self._row(caller)
        fields = typing.fields_of(row.kind, row.settings)
        asked = _asked(form, fields, "seen")

        async def change() -> Reply:
            with asked.reading() as field:
                seen = field.whole_number("seen", least=0, most=LARGEST_STORED)
            settings, secrets = await taken(self._services, row.kind, typing.members(fields, asked))
            which = caller.actor, row.kind, row.id, settings
            changed = partial(resources.change, *which, secrets=secrets, seen=seen, **self._facts())
            called = RECORDED_AS[row.kind]
            saved = await recorded(self._services, caller, "update", called, changed, of_row, settings)
            return await self._changed(caller, saved, "was saved")

        return await self._conflicting(asked, change, lambda filled, status: self._edited(caller, filled, status))

    async def deleting(self, caller: Caller, form: Form) -> Reply:
        return await self._deleting(caller, EMPTY_FORM, 200)

    async def _deleting(self, caller: Caller, form: Filled, status: int) -> Reply:
        row = await self._row(caller)
        return self._show(caller, "delete.html", status, form=form, each=listed(row), called=named(row))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            which = caller.actor, _kind(caller), _id(caller)
            deleted = partial(resources.delete, *which, now=self._now())
            row = await recorded(self._services, caller, "delete", RECORDED_AS[which[1]], deleted, of_row)
            await self._services.published()
            return self._done(caller, HOSTS, f"{named(row)} was deleted.")

        return await self._conflicting(Form(), change, lambda filled, status: self._deleting(caller, filled, status))

    async def _form(
        self, caller: Caller, kind: Kind, row: Row | None, form: Filled, status: int, **facts: object
    ) -> Reply:
        settings = None if row is None else row.settings
        fields = typing.fields_of(kind, settings)
        shown = Filled(typing.unpassworded(form.typed), _beside(form.problems, fields))
        chosen = typing.texts(kind, settings)
        options = {each.name: await self._options(caller, each, chosen[each.name]) for each in fields if each.links}
        inputs = [each if options.get(each.name) != () else typing.by_number(each) for each in fields]
        drawn: dict[str, Any] = {"inputs": inputs, "texts": chosen, "options": options, "kind": kind, "row": row}
        return self._show(caller, "edit.html", status, form=shown, **(drawn | facts))

    async def _options(self, caller: Caller, field: Field, chosen: str) -> Options:
        """What a field lets choose from, and the present one; () for too many to choose from."""
        kind = cast(Kind, field.links)
        found = await self._perform(resources.listing, caller.actor, kind, limit=CHOSEN_FROM + 1)
        if len(found) > CHOSEN_FROM:
            return ()
        options = [("0", "none"), *((("new", "obtain one by ACME"),) if field.obtained else ())]
        options += [(str(each.id), f"{each.id}: {called(each)}") for each in found]
        if chosen and chosen not in dict(options):
            options.append((chosen, chosen))
        return tuple(options)

    async def _changed(self, caller: Caller, row: Row, how: str) -> Reply:
        await self._services.published()
        return self._done(caller, address(row.kind, row.id), f"{named(row)} {how}.")

    async def _row(self, caller: Caller) -> Row:
        return await self._perform(resources.read, caller.actor, _kind(caller), _id(caller))

    def _facts(self) -> dict[str, Any]:
        return {"grounds": grounds_of(self._services), "now": self._now()}


def address(kind: str, id: int) -> str:
    """The page of a resource."""
    return f"{HOSTS}{kind}/{id}/"


def named(row: Row) -> str:
    """A resource as a sentence names it."""
    return f"{KINDS[row.kind]} {called(row)[:120]}"


def _lower(kind: str) -> str:
    return KINDS[kind][:1].lower() + KINDS[kind][1:]


def _kind(caller: Caller) -> Kind:
    """The kind that the address names.  Raises: NotFound."""
    kind = caller.call.variables["kind"]
    if kind not in KINDS:
        raise NotFound("nothing of this kind is published")
    return cast(Kind, kind)


def _id(caller: Caller) -> int:
    """The id that the address names.  Raises: NotFound for what is no number."""
    text = caller.call.variables["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotFound("nothing that is published has this number")
    return int(text)


def _asked(form: Form, fields: tuple[Field, ...], *more: str) -> Form:
    """The fields of the form without what its address says; those of other kinds are refused.  Raises: FormError."""
    asked = Form({name: text for name, text in form.items() if name not in IN_PATH})
    require_known(asked, (*(each.name for each in fields), *more))
    return asked


def _beside(problems: Mapping[str, str], fields: tuple[Field, ...]) -> dict[str, str]:
    """Problems by the fields that show them; what has no field is told of the whole form."""
    known = {each.name for each in fields}
    found = {name: text for name, text in problems.items() if name in known}
    others = [f"{name}: {text}" if name != WHOLE else text for name, text in problems.items() if name not in known]
    return found | ({WHOLE: " ".join(others)} if others else {})
