"""Codes of an authenticator (TOTP) that live long enough to be typed on a machine that is busy."""

from __future__ import annotations

import time

from pyotp import TOTP

from tests.support.daemon import until

STEP = 30
"""Seconds for which one code is shown."""
TYPING = 12
"""Seconds of the step that have to be left."""


def code_before(authenticator: TOTP) -> str:
    """The code of the step before the present one, which is taken until this one ends: so that the present one is still
    good for another time.
    """
    until(lambda: time.time() % STEP < STEP - TYPING, "the step has time left")
    return authenticator.at(int(time.time()) - STEP)
