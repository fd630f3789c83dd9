"""`/api/nginx/certificates/…` beside the certificates themselves: judged, replaced, obtained anew, told as a file."""

from __future__ import annotations

import zipfile
from io import BytesIO

from meshd.accounts.published import renewing
from meshd.tls.material import Material
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.postern import answers
from meshd.web.postern.npm.shapes import ALIASES, shown
from meshd.web.postern.npm.values import moment
from meshd.web.postern.publishing import Publishing
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes, Services
from meshd.web.taking import CHAIN, ISSUERS, KEY, material_of

BASE = "/api/nginx/certificates"
MOST_NAMES, LONGEST = 100, 255
"""Names that are looked for at once, and their characters."""


class CertificateRoutes(Routes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._published = Publishing(services, "certificates")

    def mount(self, room: Room) -> None:
        room.route("GET", f"{BASE}/dns-providers", Who.ANY, self.providers, ())
        room.route("POST", f"{BASE}/validate", Who.ANY, self.validate, (CHAIN, ISSUERS, KEY))
        room.route("POST", f"{BASE}/test-http", Who.ANY, self.test, ("domains",))
        room.route("POST", f"{BASE}/{{id}}/upload", Who.ANY, self.upload, (CHAIN, ISSUERS, KEY))
        room.route("POST", f"{BASE}/{{id}}/renew", Who.ANY, self.renew, ())
        room.route("GET", f"{BASE}/{{id}}/download", Who.ANY, self.download, ())

    async def providers(self, caller: Caller, form: Form) -> Reply:
        """Names are proven by HTTP alone, so that there are none."""
        return Reply([])

    async def validate(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        return Reply(judged(await material_of(self._services, form.members)))

    async def test(self, caller: Caller, form: Form) -> Reply:
        """Whether names are a host's here, so that an authority that asks here is answered."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            names = member.texts("domains", LONGEST, MOST_NAMES) or []
        here = await self._perform(renewing.published_names, caller.actor, [name.lower() for name in names])
        return Reply({name: "ok" if name.lower() in here else "no-host" for name in names})

    async def upload(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        found = await material_of(self._services, form.members)
        await self._published.change(caller, {CHAIN: found.chain, KEY: found.key})
        return Reply(judged(found))

    async def renew(self, caller: Caller, form: Form) -> Reply:
        row = await self._published.renew(caller)
        return Reply(shown(ALIASES["certificates"], row))

    async def download(self, caller: Caller, form: Form) -> Reply:
        row = await self._published.read(caller)
        chain: str = row.settings["certificate"]
        if not chain:
            return answers.refusal(409, "there is no certificate yet: it is still to be obtained")
        disposition = ("Content-Disposition", f'attachment; filename="certificate-{row.id}.zip"')
        return Reply(packed(chain), fields=(disposition,), media="application/zip")


def judged(found: Material) -> dict[str, object]:
    dates = {"from": moment(found.not_before), "to": moment(found.expires)}
    return {"certificate": {"cn": next(iter(found.names), ""), "names": list(found.names), "dates": dates}, KEY: True}


def packed(chain: str) -> bytes:
    """The chain as files, without the key."""
    end = "-----END CERTIFICATE-----\n"
    leaf, _, issuers = chain.partition(end)
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("cert.pem", leaf + end), ("chain.pem", issuers), ("fullchain.pem", chain)):
            archive.writestr(zipfile.ZipInfo(name), text)
    return file.getvalue()
