"""Pages whose forms change an account as it was shown: two operators do not overwrite each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshd.accounts import dossier
from meshd.accounts.dossier import Changes
from meshd.accounts.errors import Stale
from meshd.web.dashboard.customers.sheet import SheetRoutes, named, version, where
from meshd.web.dashboard.pages import Filled
from meshd.web.forms import WHOLE, Form
from meshd.web.reply import Reply
from meshd.web.room import Caller

VERSION = 32
"""Characters of what says how the account was."""
CHANGED = "Somebody changed this account after you opened the page.  This is how it is now: look, then decide anew."


class RevisingRoutes(SheetRoutes):
    """A page with such forms; each has the field `version`."""

    tab: str
    """The page, as a key of TABS."""

    async def _again(self, caller: Caller, form: Filled, status: int) -> Reply:
        """The page, with what is wrong with its form."""
        raise NotImplementedError

    async def _changed(self, caller: Caller, form: Form, changes: Changes, said: str) -> Reply:
        """Make the changes if the account is still as the form showed it."""
        with form.reading() as field:
            shown = field.text("version", VERSION)
        changed = await self._perform(
            dossier.change,
            caller.actor,
            named(caller),
            changes,
            expected=lambda found: version(found) == shown,
            plans=self._live.topology.plans,
            now=self._now(),
        )
        name = changed.account.username
        return self._done(caller, where(name, self.tab), said.format(name))

    async def _retried(self, caller: Caller, form: Form, change: Callable[[], Awaitable[Reply]]) -> Reply:
        """Make a change; of one that came too late nothing that was typed is shown, or it would be sent unseen."""
        try:
            return await self._tried(form, change, lambda filled, status: self._again(caller, filled, status))
        except Stale:
            return await self._again(caller, Filled({}, {WHOLE: CHANGED}), 409)
