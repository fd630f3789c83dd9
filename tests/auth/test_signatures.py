"""Messages that are signed as a whole."""

from __future__ import annotations

import hmac

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.signatures import FORGED, LATE, MISSING, problem, sign

KEY, NOW, BODY = b"0123456789abcdef", 1768478400, b'{"id": "evt-1"}'
RIGHT = sign(KEY, NOW, BODY)


class SignatureTests(SynchronousTestCase):
    def test_how_it_is_made(self) -> None:
        """By what every library has."""
        mac = hmac.new(KEY, b"1768478400." + BODY, "sha256").hexdigest()
        self.assertEqual(f"t=1768478400,v1={mac}", RIGHT)

    def test_what_is_right_and_what_is_not(self) -> None:
        mac = RIGHT.partition("v1=")[2]
        for sentence, field, body, now, wrong in (
            ("as it was made", RIGHT, BODY, NOW, ""),
            ("with blanks around it", f" {RIGHT} ", BODY, NOW, ""),
            ("five minutes old", RIGHT, BODY, NOW + 300, ""),
            ("five minutes ahead", RIGHT, BODY, NOW - 300, ""),
            ("older", RIGHT, BODY, NOW + 301, LATE),
            ("ahead", RIGHT, BODY, NOW - 301, LATE),
            ("none", None, BODY, NOW, MISSING),
            ("empty", "", BODY, NOW, FORGED),
            ("of another body", RIGHT, BODY + b" ", NOW, FORGED),
            ("of no body", RIGHT, b"", NOW, FORGED),
            ("of another time", f"t={NOW + 1},v1={mac}", BODY, NOW, FORGED),
            ("of the same time, written otherwise", f"t=0{NOW},v1={mac}", BODY, NOW, FORGED),
            ("by another secret", sign(KEY + b"!", NOW, BODY), BODY, NOW, FORGED),
            ("in capitals", RIGHT.upper(), BODY, NOW, FORGED),
            ("shorter", RIGHT[:-1], BODY, NOW, FORGED),
            ("longer", f"{RIGHT}0", BODY, NOW, FORGED),
            ("a time of many digits", f"t={'9' * 400},v1={mac}", BODY, NOW, FORGED),
            ("two of them", f"{RIGHT},v1={mac}", BODY, NOW, FORGED),
            ("of another kind", f"t={NOW},v0={mac}", BODY, NOW, FORGED),
        ):
            found = problem(KEY, None if field is None else field.encode(), body, now)
            self.assertEqual(wrong, found, sentence)
