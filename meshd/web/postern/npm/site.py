"""What Nginx Proxy Manager's API tells besides: its health, its tokens, its settings, how many hosts there are."""

from __future__ import annotations

from meshd.accounts import hostsignins, hosttokens
from meshd.accounts.published import resources
from meshd.values.times import end_of
from meshd.web.call import Call
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.openapi import DocumentRoutes, document
from meshd.web.postern import answers, secrets
from meshd.web.postern.entry import Entry
from meshd.web.postern.npm.values import moment
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes, Services

LONGEST = 300
"""Characters of what somebody types to sign in."""

DEFAULT_SITE = {
    "id": "default-site",
    "name": "Default Site",
    "description": "What a name is answered that is no host's: meshd answers 404",
    "value": "404",
    "meta": {},
}


class SiteRoutes(Routes):
    def __init__(self, services: Services, entry: Entry) -> None:
        super().__init__(services)
        self._entry = entry
        self._version = _version()

    def mount(self, room: Room) -> None:
        room.open("/api/", self.health)
        DocumentRoutes("/api/schema", "meshd.web.postern").mount(room)
        room.open("/api/version/check", self.newest)
        room.visitors("POST", "/api/tokens", self.sign_in, ("identity", "secret", "scope", "code"))
        room.route("GET", "/api/tokens", Who.ANY, self.renew, None)
        room.route("GET", "/api/settings", Who.ANY, self.settings, None)
        room.route("GET", "/api/settings/{name}", Who.ANY, self.setting, ())
        room.route("PUT", "/api/settings/{name}", Who.ANY, self.set, None)
        room.route("GET", "/api/reports/hosts", Who.ANY, self.report, ())

    async def health(self) -> Reply:
        return Reply({"status": "OK", "setup": True, "version": self._version})

    async def newest(self) -> Reply:
        """The version, without asking anybody for a newer one."""
        version = ".".join(map(str, self._version.values()))
        return Reply({"current": version, "latest": version, "update_available": False})

    async def sign_in(self, call: Call, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            typed, password = member.required("identity", LONGEST), member.secret("secret", LONGEST) or ""
            code = member.text("code", LONGEST) or ""
        outcome = await self._entry.enter(call, typed, password, code)
        ends = self._now() + hosttokens.SECONDS
        return outcome if isinstance(outcome, Reply) else _granted(outcome.session, ends)

    async def renew(self, caller: Caller, form: Form) -> Reply:
        """Tell when the token ends that was sent: what is short-lived is not made longer by whoever has it.

        An access token has no end; it may be asked for again as often as a session's.
        """
        token = await self._perform(hostsignins.token_of, caller.admission.token_id)
        ends = end_of(token.expires_on) if token is not None and token.expires_on else 0
        sent = secrets.bearer(caller.call.header(b"authorization"))
        return _granted(sent, int(ends) or self._now() + hosttokens.SECONDS)

    async def settings(self, caller: Caller, form: Form) -> Reply:
        return Reply([DEFAULT_SITE])

    async def setting(self, caller: Caller, form: Form) -> Reply:
        if caller.call.variables["name"] != DEFAULT_SITE["id"]:
            return answers.refusal(404, answers.NOTHING)
        return Reply(DEFAULT_SITE)

    async def set(self, caller: Caller, form: Form) -> Reply:
        """Take what is so already; the rest stands in the daemon's settings."""
        assert isinstance(form, Document)
        if caller.call.variables["name"] != DEFAULT_SITE["id"]:
            return answers.refusal(404, answers.NOTHING)
        if form.members.get("value") != DEFAULT_SITE["value"]:
            return answers.refusal(400, "value must be 404: a name that is no host's is answered 404, and nothing else")
        return Reply(DEFAULT_SITE)

    async def report(self, caller: Caller, form: Form) -> Reply:
        counts = await self._perform(resources.counts, caller.actor)
        kinds = {
            "proxy": "proxy-hosts",
            "redirection": "redirection-hosts",
            "stream": "stream-hosts",
            "dead": "dead-hosts",
        }
        return Reply({name: counts.get(kind, 0) for name, kind in kinds.items()})


def _granted(session: str, until: int) -> Reply:
    """Exactly these two: one of the clients takes no third."""
    return Reply({"token": session, "expires": moment(until)})


def _version() -> dict[str, int]:
    major, minor, revision, *_ = (*str(document("meshd.web.postern")["info"]["version"]).split("."), "0", "0")
    return {"major": int(major), "minor": int(minor), "revision": int(revision)}
