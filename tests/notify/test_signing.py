"""Signatures against the reference vector of Standard Webhooks, and against its own library."""

from __future__ import annotations

import base64
import time

from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from twisted.trial.unittest import SynchronousTestCase

from meshd.notify import signing
from meshd.values.notices import webhook_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"another key, thirty-two bytes long"[:32]).decode()
BODY = b'{"test": 2432232314}'
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330


class SigningTests(SynchronousTestCase):
    def test_the_reference_vector(self) -> None:
        """As all libraries of the standard test it."""
        self.assertEqual(
            signing.fields([webhook_key(SECRET)], ID, AT, BODY),
            {
                "webhook-id": ID,
                "webhook-timestamp": str(AT),
                "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            },
        )

    def test_either_key_convinces_while_one_follows_the_other(self) -> None:
        """A receiver has the old one or the new one; a third one's key convinces nobody."""
        fields = signing.fields([webhook_key(SECRET), webhook_key(OTHER)], ID, int(time.time()), BODY)
        for secret in (SECRET, OTHER):
            Webhook(secret).verify(BODY, fields)
        third = Webhook(base64.b64encode(b"x" * 32).decode())
        self.assertRaises(WebhookVerificationError, third.verify, BODY, fields)
        self.assertRaises(WebhookVerificationError, Webhook(SECRET).verify, BODY + b" ", fields)

    def test_keys(self) -> None:
        """Base64 with or without the prefix; too short, too long and no base64 are refused."""
        self.assertEqual(webhook_key(SECRET), webhook_key(SECRET.removeprefix("whsec_")))
        for wrong in ("", "whsec_", "abc", base64.b64encode(b"x" * 23).decode(), base64.b64encode(b"x" * 65).decode()):
            self.assertRaises(ValueError, webhook_key, wrong)
