"""The certificates of published hosts: `/operator/certificates/`, how long each is good, and uploading one."""

from __future__ import annotations

from functools import partial

from meshd.accounts.published import renewing, resources
from meshd.web.dashboard.hosts import fields as typing
from meshd.web.dashboard.hosts.resource import address, named
from meshd.web.dashboard.hosts.routes import HostRoutes
from meshd.web.dashboard.hosts.words import WARNED, days_left, listed
from meshd.web.dashboard.pages import CERTIFICATES, EMPTY_FORM, Filled
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.recording import of_row, recorded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room
from meshd.web.taking import grounds_of, taken

PAGE = 50
NAMES = tuple(each.name for each in typing.UPLOADED)


class CertificateRoutes(HostRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, CERTIFICATES, self.listing, ("after",))
        self._change(room, f"{CERTIFICATES}upload/", self.upload, NAMES)
        self._change(room, f"{CERTIFICATES}renew/", self.renew, ("id",))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            after = field.whole_number("after", least=0, most=LARGEST_STORED, default=0)
        return await self._listing(caller, after, EMPTY_FORM, 200)

    async def _listing(self, caller: Caller, after: int, form: Filled, status: int) -> Reply:
        which = caller.actor, "certificates"
        found = await self._perform(resources.listing, *which, after=after, limit=PAGE + 1)  # type: ignore[arg-type]
        rows, now = found[:PAGE], self._now()
        return self._show(
            caller,
            "certificates.html",
            status,
            form=form,
            rows=[(listed(each), days_left(each, now)) for each in rows],
            warned=WARNED,
            inputs=typing.UPLOADED,
            after=after,
            following=f"{CERTIFICATES}?after={rows[-1].id}" if len(found) > PAGE else "",
        )

    async def upload(self, caller: Caller, form: Form) -> Reply:
        """Take a certificate with its key, which no page shows again."""

        async def change() -> Reply:
            given = {"provider": "custom", **typing.members(typing.UPLOADED, form)}
            for name in ("certificate", "certificate_key"):
                given.setdefault(name, "")
            settings, secrets = await taken(self._services, "certificates", given)
            which = caller.actor, "certificates", settings
            facts = {"grounds": grounds_of(self._services), "now": self._now()}
            made = partial(resources.create, *which, secrets=secrets, **facts)  # type: ignore[arg-type]
            row = await recorded(self._services, caller, "create", "certificate", made, of_row, settings)
            await self._services.published()
            return self._done(caller, address(row.kind, row.id), f"{named(row)} was uploaded.")

        return await self._tried(form, change, lambda filled, status: self._listing(caller, 0, filled, status))

    async def renew(self, caller: Caller, form: Form) -> Reply:
        """Have a certificate obtained anew, now."""

        async def change() -> Reply:
            with form.reading() as field:
                which = field.whole_number("id", least=1, most=LARGEST_STORED)
            renewed = partial(renewing.renew, caller.actor, which, now=self._now())
            row = await recorded(self._services, caller, "renew", "certificate", renewed, of_row)
            await self._services.published()
            return self._done(caller, address(row.kind, row.id), f"{named(row)} is being obtained anew.")

        return await self._tried(form, change, lambda filled, status: self._listing(caller, 0, filled, status))
