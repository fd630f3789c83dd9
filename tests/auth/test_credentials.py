"""What a credential field says."""

from __future__ import annotations

from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.credentials import BasicCredentials, BearerCredentials, Malformed, Reading, own_token, read
from meshd.auth.secrets import new_token
from tests.auth.world import basic, bearer

TOKEN = new_token(bytes(range(32)))

FIELDS = {
    "a user and a password": (basic("alice:secret"), BasicCredentials("alice", "secret")),
    "the user-id ends at the first colon": (basic("alice:key:secret"), BasicCredentials("alice", "key:secret")),
    "an empty password": (basic("alice:"), BasicCredentials("alice", "")),
    "an empty user-id": (basic(":secret"), BasicCredentials("", "secret")),
    "the scheme in any case": (b"bAsIc " + b64encode(b"a:b"), BasicCredentials("a", "b")),
    "several spaces": (b"Basic   " + b64encode(b"a:b") + b" ", BasicCredentials("a", "b")),
    "no padding": (b"Basic " + b64encode(b"a:bc").rstrip(b"="), BasicCredentials("a", "bc")),
    "UTF-8": (basic("alice:pä:ß"), BasicCredentials("alice", "pä:ß")),
    "latin-1, where it is no UTF-8": (basic("alice:pä", "latin-1"), BasicCredentials("alice", "pä")),
    "no colon": (b"Basic " + b64encode(b"alice"), Malformed()),
    "no colon, and a token": (b"Basic " + b64encode(TOKEN.encode()), BasicCredentials(TOKEN, "")),
    "no colon, and a token that is mistyped": (b"Basic " + b64encode(TOKEN[:-1].encode()), Malformed()),
    "an escaped colon": (basic("alice%3Asecret"), BasicCredentials("alice", "secret")),
    "no base64": (b"Basic a*b=", Malformed()),
    "base64 cut short": (b"Basic YWxpY", Malformed()),
    "surplus after the padding": (b"Basic YTpi==YQ", Malformed()),
    "nothing after the scheme": (b"Basic", Malformed()),
    "nothing at all": (b"", Malformed()),
    "another scheme": (b'Digest username="alice"', Malformed()),
    "a token": (bearer(TOKEN), BearerCredentials(TOKEN)),
    "a token of somebody else's form": (b"bearer abc.def-_~+/==", BearerCredentials("abc.def-_~+/==")),
    "the longest user-id and rest": (basic("a" * 255 + ":" + "b" * 1024), BasicCredentials("a" * 255, "b" * 1024)),
    "the same in four bytes each": (
        basic("\U00020000" * 255 + ":" + "\U00020000" * 1024),
        BasicCredentials("\U00020000" * 255, "\U00020000" * 1024),
    ),
    "a user-id of 256": (basic("a" * 256 + ":b"), Malformed()),
    "a rest of 1025": (basic("a:" + "b" * 1025), Malformed()),
    "a rest of colons": (basic("a:" + ":" * 5_000), Malformed()),
    "the longest bearer token": (bearer("a" * 256), BearerCredentials("a" * 256)),
    "a longer one": (bearer("a" * 257), Malformed()),
    "a token with a space in it": (b"Bearer a b", Malformed()),
    "a token beyond ASCII": (b"Bearer \xe4", Malformed()),
    "no token": (b"Bearer ", Malformed()),
}

READINGS = {
    "no colon is one password": ("secret", (Reading("", "secret"),)),
    "the whole rest comes first, then a sticky key": ("k:p", (Reading("", "k:p"), Reading("k", "p"))),
    "the key ends at its first colon": ("k:p:q", (Reading("", "k:p:q"), Reading("k", "p:q"))),
    "an empty key": (":p", (Reading("", ":p"), Reading("", "p"))),
    "never more than two": (":" * 1024, (Reading("", ":" * 1024), Reading("", ":" * 1023))),
    "escapes are tried as they are, and then decoded": (
        "k%2D:%41",
        (Reading("", "k%2D:%41"), Reading("k%2D", "%41"), Reading("", "k-:A"), Reading("k-", "A")),
    ),
    "an escaped colon": ("k%3Ap", (Reading("", "k%3Ap"), Reading("", "k:p"), Reading("k", "p"))),
    "a percent sign that is no escape": ("100%", (Reading("", "100%"),)),
}

CARRIED = {
    "as the password": (f"anything:{TOKEN}", Reading("", TOKEN)),
    "as the password of nobody": (f":{TOKEN}", Reading("", TOKEN)),
    "as the password after a sticky key": (f"x:key:{TOKEN}", Reading("key", TOKEN)),
    "as the user-id": (f"{TOKEN}:", Reading("", TOKEN)),
    "as the user-id, with a filler": (f"{TOKEN}:x", Reading("", TOKEN)),
    "as the user-id, with a sticky key": (f"{TOKEN}:key:", Reading("key", TOKEN)),
    "not where its checksum is wrong": (f"alice:{TOKEN[:-1]}_", None),
    "not in the middle of a password": (f"alice:a{TOKEN}", None),
}

OURS = {
    "a well-formed token": (bearer(TOKEN), True),
    "the scheme in any case": (b"BEARER " + TOKEN.encode(), True),
    "one whose checksum is wrong": (bearer(TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B")), True),
    "another's": (b"Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", False),
    "one that only begins like ours, which no origin is to see": (b"Bearer pm_abc", True),
    "Basic": (basic(f"alice:{TOKEN}"), False),
}


class FieldTests(SynchronousTestCase):
    def test_reading(self) -> None:
        """A field says what RFC 7617 and RFC 6750 have it say, or nothing."""
        for sentence, (field, expected) in FIELDS.items():
            self.assertEqual(read(field), expected, sentence)

    def test_passwords(self) -> None:
        """What follows the user-id is tried as a whole first, then as a sticky key and a password."""
        for sentence, (rest, expected) in READINGS.items():
            self.assertEqual(BasicCredentials("alice", rest).passwords, expected, sentence)

    def test_token_in_basic(self) -> None:
        """A token is found wherever clients put one in a Basic field."""
        for sentence, (userinfo, expected) in CARRIED.items():
            credentials = read(basic(userinfo))
            assert isinstance(credentials, BasicCredentials)
            self.assertEqual(credentials.token, expected, sentence)

    def test_own_token(self) -> None:
        """Only a well-formed token is taken from Authorization; all else is the origin's."""
        for sentence, (field, expected) in OURS.items():
            self.assertIs(own_token(field), expected, sentence)

    def test_nothing_secret_is_shown(self) -> None:
        """No repr of a credential has a secret in it, in whichever place the secret stands."""
        for userinfo in (f"{TOKEN}:", f"alice:{TOKEN}", "alice:s3cret", "alice:key:s3cret"):
            credentials = read(basic(userinfo))
            assert isinstance(credentials, BasicCredentials)
            shown = repr((credentials, credentials.passwords, credentials.token))
            self.assertNotIn(TOKEN, shown)
            self.assertNotIn("s3cret", shown)
        self.assertNotIn(TOKEN, repr(read(bearer(TOKEN))))
