"""The cookies of a session: their attributes, and what shows that a page of ours asked."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.call import Call
from meshd.web.postern import cookies

SECRET = "pr_" + "x" * 49


def call(**fields: str) -> Call:
    sent = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    return Call("POST", "/api/auth/refresh", "192.0.2.1", sent.get)


class CookieTests(SynchronousTestCase):
    def test_what_renews_is_read_by_no_script(self) -> None:
        """HttpOnly, Secure, SameSite=Strict, for the paths that need it; the other cookie is for scripts."""
        (_, renews), (_, shows) = cookies.kept(SECRET, 604800)
        told = f"postern_refresh={SECRET}; Path=/api/auth; Max-Age=604800; HttpOnly; Secure; SameSite=Strict"
        self.assertEqual(renews, told)
        self.assertNotIn("HttpOnly", shows)
        self.assertNotIn(SECRET, shows)
        self.assertTrue(all("Max-Age=0" in value for _, value in cookies.dropped()))

    def test_what_is_found_in_the_field(self) -> None:
        """The cookie among others; none of ours is none."""
        for field, found in (
            (f"postern_refresh={SECRET}", SECRET),
            (f"a=b; postern_refresh={SECRET}; c=d", SECRET),
            (f"xpostern_refresh={SECRET}", ""),
            ("postern_refresh=", ""),
            ('postern_refresh="quoted value of someone"', ""),
            ("postern_refresh=\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ""),
            ("", ""),
        ):
            self.assertEqual(cookies.refresh(call(cookie=field)), found, field)

    def test_the_double_submission(self) -> None:
        """Only what was derived from this very cookie will do."""
        for sent, ours in (
            (cookies.token(SECRET), True),
            (cookies.token(SECRET + "y"), False),
            (SECRET, False),
            ("", False),
        ):
            self.assertEqual(cookies.is_ours(call(x_csrf_token=sent), SECRET), ours, sent)
        self.assertFalse(cookies.is_ours(call(), SECRET))
