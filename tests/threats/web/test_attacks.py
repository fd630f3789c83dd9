"""Threats 14 and 15: every attack on every route that is mounted, in one table.

A route of tomorrow is in the table when it is mounted: what is sent is made from its path and its fields.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from meshd.topology import Limits
from meshd.web.dashboard import cookies
from meshd.web.dashboard.dialect import FOREIGN, STALE
from tests.threats.web.stage import VALUES, Asked, Route, Stage, basic_of, token_of
from tests.web.support import named

EVIL = "https://evil.example"
OWN_SIGN_IN = ("/sign-out/", "/account/change_", "/account/second_factor/", "/account/sessions/", "/api/self/")
"""Forms about how somebody signs in herself, which are a viewer's too."""


class Attack(NamedTuple):
    """One way to make a form do what its holder does not want."""

    sentence: str
    forge: Callable[[AttackStage, Asked], Asked]
    statuses: tuple[int, ...]
    visitors: bool = True
    """Whether it is one against the forms of the sign-in too."""


def form(stage: AttackStage, route: Route, who: str = "jo") -> Asked:
    """What a browser sends that was shown the form and whose holder filled it in."""
    values = {name: VALUES.get(name, "1") for name in (*route.fields, *route.variables)}
    filled = {name: values[name] for name in route.fields}
    if route.room == "visitors":
        browser = stage.stranger
        token = token_of(browser, cookies.VISITOR)
    else:
        browser = stage.browser(who)
        token = token_of(browser)
    return Asked("POST", route.filled(values), {**filled, "csrf": token}, cookies=tuple(browser.cookies.items()))


def as_other(name: str) -> Callable[[AttackStage, Asked], Asked]:
    """With the token of somebody else's form."""
    return lambda stage, asked: asked.having(csrf=token_of(stage.browser(name)))


def signed_out(stage: AttackStage, asked: Asked) -> Asked:
    """With cookie and token of a session that its holder has ended."""
    token, jar = stage.ended
    return Asked("POST", asked.target, {**asked.form, "csrf": token}, cookies=jar)


def made_up(stage: AttackStage, asked: Asked) -> Asked:
    """With a cookie that nobody gave out, and the token that belongs to it."""
    jar = ((cookies.SESSION, "A" * 43),)
    return Asked("POST", asked.target, {**asked.form, "csrf": cookies.token(bytes(32))}, cookies=jar)


def planted(stage: AttackStage, asked: Asked) -> Asked:
    """With a second cookie of the same name before the right one, and its token."""
    jar = ((cookies.SESSION, "A" * 43), *asked.cookies)
    return Asked("POST", asked.target, {**asked.form, "csrf": cookies.token(bytes(32))}, cookies=jar)


def half(stage: AttackStage, asked: Asked) -> Asked:
    """With cookie and token of somebody who has given her password, and not yet her code."""
    form = {**asked.form, "csrf": token_of(stage.half)}
    return Asked("POST", asked.target, form, cookies=tuple(stage.half.cookies.items()))


def no_token(stage: AttackStage, asked: Asked) -> Asked:
    return asked.without("csrf")


def told(*fields: tuple[str, str]) -> Callable[[AttackStage, Asked], Asked]:
    return lambda stage, asked: asked.told(*fields)


def typed(kind: str, body: bytes) -> Callable[[AttackStage, Asked], Asked]:
    """Another body than a form's, the token in it where its bytes have room for one."""

    def forge(stage: AttackStage, asked: Asked) -> Asked:
        full = body.replace(b"TOKEN", asked.form["csrf"].encode())
        return Asked("POST", asked.target, {}, (*asked.fields, ("Content-Type", kind)), asked.cookies, full)

    return forge


def as_get(*fields: tuple[str, str]) -> Callable[[AttackStage, Asked], Asked]:
    """The same in the address of a GET."""

    def forge(stage: AttackStage, asked: Asked) -> Asked:
        query = "&".join(f"{name}={text}" for name, text in asked.form.items())
        return Asked("GET", f"{asked.target}?{query}", {}, fields, asked.cookies)

    return forge


def in_address(stage: AttackStage, asked: Asked) -> Asked:
    """The token in the address, where a log would keep it."""
    return Asked("POST", f"{asked.target}?csrf={asked.form['csrf']}", asked.without("csrf").form, (), asked.cookies)


MULTIPART = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n'

ATTACKS = (
    # -------------------------------------------------------------------- the token
    Attack("without a token", no_token, (403,)),
    Attack("with an empty token", lambda stage, asked: asked.having(csrf=""), (403,)),
    Attack("with a token that is cut", lambda stage, asked: asked.having(csrf=asked.form["csrf"][:-1]), (403,)),
    Attack("with a token that goes on", lambda stage, asked: asked.having(csrf=asked.form["csrf"] + "A"), (403,)),
    Attack("with a token that is no ASCII", lambda stage, asked: asked.having(csrf="é\u2028"), (403,)),
    Attack("with the token of another account", as_other("eve"), (403,)),
    Attack("with the token of the operator", as_other("op"), (403,)),
    Attack("with the token of one's sub-account", as_other("sub"), (403,)),
    Attack("with the token in the address", in_address, (400, 403)),
    Attack("with cookie and token of a session that was ended", signed_out, (303,), visitors=False),
    Attack("with a cookie of nobody's and its token", made_up, (303,), visitors=False),
    Attack("with a planted cookie before the right one", planted, (303,), visitors=False),
    Attack("half signed in", half, (303,), visitors=False),
    Attack("without cookies", lambda stage, asked: Asked("POST", asked.target, asked.form), (303,), visitors=False),
    Attack("without cookies, a token alone", lambda stage, asked: Asked("POST", asked.target, asked.form), (303, 403)),
    Attack(
        "by the password of the API",
        lambda stage, asked: Asked("POST", asked.target, asked.form, (("Authorization", BASIC),)),
        (303, 403),
    ),
    # -------------------------------------------------------------------- where it comes from
    Attack("from another site", told(("Sec-Fetch-Site", "cross-site")), (403,)),
    Attack("from a neighbour's site", told(("Sec-Fetch-Site", "same-site")), (403,)),
    Attack("from a site of no known kind", told(("Sec-Fetch-Site", "x")), (403,)),
    Attack(
        "from a form of another site that leads here",
        told(("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")),
        (403,),
    ),
    Attack("from another origin", told(("Origin", EVIL)), (403,)),
    Attack("from an origin without a name", told(("Origin", "null")), (403,)),
    Attack("from another port", told(("Origin", "https://localhost:9443")), (403,)),
    Attack("from a name that begins as ours", told(("Origin", "https://localhost:8443.evil.example")), (403,)),
    Attack(
        "from another origin, by a site of its own", told(("Origin", EVIL), ("Sec-Fetch-Site", "cross-site")), (403,)
    ),
    Attack("from another site without a token", lambda s, a: a.without("csrf").told(("Origin", EVIL)), (403,)),
    # -------------------------------------------------------------------- the body
    Attack("as plain text", typed("text/plain", b"csrf=TOKEN"), (400,)),
    Attack("as JSON", typed("application/json", b'{"csrf": "TOKEN"}'), (400,)),
    Attack("as JSON under a form's name", typed("application/x-www-form-urlencoded", b'{"csrf": "TOKEN"}'), (400,)),
    Attack("as a multipart form without a token", typed("multipart/form-data; boundary=b", MULTIPART), (403,)),
    Attack("as XML", typed("text/xml", b"<csrf>TOKEN</csrf>"), (400,)),
    Attack("with its token twice", typed("application/x-www-form-urlencoded", b"csrf=TOKEN&csrf=TOKEN"), (400,)),
    Attack("with a surplus field", lambda stage, asked: asked.having(surplus="1"), (400,)),
    # -------------------------------------------------------------------- the method
    Attack("as a GET", as_get(), (200, 303, 400, 403, 404, 405)),
    Attack(
        "as a GET that says it is a POST", as_get(("X-HTTP-Method-Override", "POST")), (200, 303, 400, 403, 404, 405)
    ),
    Attack("as a PUT", lambda s, a: Asked("PUT", a.target, a.form, a.fields, a.cookies), (405,)),
    Attack("as a DELETE", lambda s, a: Asked("DELETE", a.target, a.form, a.fields, a.cookies), (405,)),
)

BASIC = str(basic_of("jo")[1], "ascii")


class AttackStage(Stage):
    """Somebody half signed in is there too, somebody who is not yet, and what is left of a session that was ended."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.with_factor("tom")
        self.stranger, self.half = self.visitor(), self.visitor()
        page = self.half.send("/sign-in/", username="tom", password="secret")
        assert "Enter your code" in page.text, page.text
        gone = self.another("jo")
        self.ended = token_of(gone), tuple(gone.cookies.items())
        gone.ask("POST", "/sign-out/", {"csrf": self.ended[0]})


class AttackTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = AttackStage(os.path.join(self.mktemp()))
        for name in ("jo", "eve", "sub", "admin", "op"):
            self.stage.browser(name)

    def forms(self) -> Iterator[tuple[Route, str]]:
        for route in self.stage.routes:
            if route.method == "POST" and route.room in ("pages", "visitors"):
                yield route, "admin" if route.path.startswith("/operator") else "jo"

    def test_each_on_each(self) -> None:
        """Is refused, changes nothing and gives nobody a cookie."""
        for route, who in self.forms():
            for attack in ATTACKS:
                if attack.visitors or route.room != "visitors":
                    with named((attack.sentence, str(route))):
                        self._try(attack, route, who)

    def _try(self, attack: Attack, route: Route, who: str) -> None:
        asked = attack.forge(self.stage, form(self.stage, route, who))
        before = self.stage.dump()
        answer = asked.send(self.stage)
        self.assertIn(answer.status, attack.statuses, answer.body)
        self.assertIs(self.stage.dump(), before)
        self.assertEqual([each for each in answer.all("Set-Cookie") if each.startswith("__Host-meshd=")], [])
        self.assertEqual(answer.all("Cache-Control"), ["no-store"])

    def test_without_an_attack(self) -> None:
        """None of the forms is refused for its token or its origin, so that the attack is what was refused above."""
        self.stage.live.limits = Limits(failures=1000)  # of the wrong passwords in the forms
        refusals = [text.split(",")[0][1:] for text in (STALE, FOREIGN)]
        for route, who in self.forms():
            with named(str(route)):
                self.stage.forget(who)
                answer = form(self.stage, route, who).send(self.stage)
                text = answer.body.decode()
                self.assertEqual([each for each in refusals if each in text], [])
                self.assertFalse(route.path != "/sign-out/" and "/sign-in/" in str(answer.all("Location")), answer)
