"""`POST /v1/webhooks/payments`: what the operator's payment processor tells, signed by a secret that both know.

The signature is judged before the body is read: whoever does not know the secret costs one HMAC of a bounded body.
"""

from __future__ import annotations

from typing import get_args

from meshd.accounts import payments
from meshd.accounts.payments import LONGEST, Event, EventType
from meshd.auth import signatures
from meshd.values.offers import seller
from meshd.web.call import Call, form_of
from meshd.web.document import Document, read_document
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Room
from meshd.web.services import Routes
from meshd.web.v1 import answers

PATH = "/v1/webhooks/payments"
FIELDS = ("id", "type", "order", "amount", "currency", "reference")
BODY = 16 * 1024
"""Bytes of a message: its fields have a few hundred."""
AMOUNT = 20
"""Characters of the longest amount."""


class WebhookRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.raw("POST", PATH, self.hear)

    async def hear(self, call: Call) -> Reply:
        topology = self._live.topology
        key = topology.selling.webhook_key
        if not key:
            return answers.message(404, answers.NOTHING)
        if len(call.body) > BODY:
            return answers.message(413, f"A message has at most {BODY} bytes.")
        wrong = signatures.problem(key, call.header(signatures.HEADER.lower().encode()), call.body, self._now())
        if wrong:
            return answers.unauthenticated(wrong)
        event = _event(form_of(call, FIELDS, _read))
        heard = await self._perform(
            payments.hear, event, plans=topology.plans, seller=seller(topology.selling), now=self._now()
        )
        if heard.replayed:
            return answers.message(409, "This event was told before; nothing was done now.")
        return answers.bare({"success": True, "order": heard.order.id, "state": heard.order.state})


def _read(call: Call) -> Document:
    return read_document(call.header(b"content-type"), call.body)


def _event(form: Form) -> Event:
    assert isinstance(form, Document)
    with form.members_read() as member:
        kind = member.choice("type", get_args(EventType))
        order = member.number("order", least=1)
        if kind is None:
            member.wrong("type", Worded("is required"))
        if order is None:
            member.wrong("order", Worded("is required"))
        return Event(
            member.required("id", LONGEST),
            kind,  # type: ignore[arg-type]
            order or 0,
            member.text("amount", AMOUNT) or "",
            member.text("currency", 3) or "",
            member.text("reference", LONGEST) or "",
        )
