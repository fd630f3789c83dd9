"""The sentences of the documents about editing, deactivating and activating a sub-account, each a test."""

from __future__ import annotations

from meshd.model import GB
from tests.web.api.document import DETAILS, NOT_YOURS, PARENTS_OWN, REQUIRED, DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import basic, named

EDIT, ACTIVATE, DEACTIVATE = "/api/sub/edit/", "/api/sub/activate/", "/api/sub/deactivate/"
GET = "/api/sub/get/?username="
FOREIGN = ("eves", "EVES", "eve", "tom", "jo")
"""Another's sub-account, other accounts, and the caller itself."""
PARENTS_ALONE = (
    *("/api/sub/create/", EDIT, ACTIVATE, DEACTIVATE, "/api/sub/delete/", "/api/proxy/add/", "/api/proxy/delete/"),
    *("/api/token/create/", "/api/token/activate/", "/api/token/deactivate/", "/api/token/delete/"),
)


class EditTests(DocumentTestCase):
    @says(
        "Edit a Sub-Account",
        "Use this API to edit an existing sub-account and/or update bandwidth limits.",
        "POST /api/sub/edit/",
        "On success, returns sub-account details.",
    )
    def test_returns_sub_account_details(self) -> None:
        """As they are now, and as `sub/get` returns them afterwards."""
        answer = self.post(EDIT, username="sub", first_name="Ann", total_limit="7")
        self.assertEqual((answer.status, list(answer.json)), (200, [*DETAILS, "first_name"]))
        self.assertEqual((answer.json["first_name"], answer.json["total_bandwidth_limit"]), ("Ann", 7))
        self.assertEqual(self.get(GET + "sub").json, answer.json)

    @says("Edit a Sub-Account", "Takes all the same parameters as Create Sub-Account.")
    def test_takes_all_the_same_parameters_as_create(self) -> None:
        """The same form, sent to both, has the same answer, and its password signs in."""
        form = {
            "password": "new",
            "first_name": "Ann",
            "last_name": "Bo",
            "email": "a@b.example",
            "monthly_limit": "3",
            "total_limit": "4",
        }
        created = self.post("/api/sub/create/", username="new", **form).json
        edited = self.post(EDIT, username="sub", **form).json
        self.assertEqual({**created, "username": "sub"}, edited)
        self.assertEqual(self.get("/api/proxies/", who=basic("sub", "new")).status, 200)
        self.assertEqual(self.get("/api/proxies/", who=basic("sub", "secret")).status, 401)

    def test_what_is_not_sent_stays_and_what_is_sent_empty_goes(self) -> None:
        """A limit of 0 is none; an empty password is none sent."""
        self.post(EDIT, username="sub", first_name="Ann", email="a@b.example", monthly_limit="3", total_limit="4")
        answer = self.post(EDIT, username="sub", first_name="", monthly_limit="0", password="")
        self.assertEqual(list(answer.json), [*DETAILS, "email"])
        self.assertEqual((answer.json["monthly_bandwidth_limit"], answer.json["total_bandwidth_limit"]), (0, 4))
        self.assertEqual(self.get("/api/proxies/", who="sub").status, 200)

    def test_the_long_names_of_the_limits_too(self) -> None:
        """contract.md, 3."""
        answer = self.post(EDIT, username="sub", monthly_bandwidth_limit="3", total_bandwidth_limit="4")
        self.assertEqual(list(answer.json.values())[2:], [0.0, 3, 0.0, 4])

    @says("Edit a Sub-Account", "400 if the form is invalid")
    def test_400_if_the_form_is_invalid(self) -> None:
        """`{"field": ["message", …]}`, and nothing is changed."""
        wrong = {
            "password": "x" * 129,
            "first_name": "x" * 21,
            "last_name": "x" * 21,
            "email": "nobody",
            "monthly_limit": "-1",
            "total_limit": "1.5",
            "monthly_bandwidth_limit": "x",
        }
        for name, text in wrong.items():
            with named(name):
                answer = self.post(EDIT, **{"username": "sub", "first_name": "Ann", name: text})
                self.assertEqual((answer.status, list(answer.json)), (400, [name]))
        self.assertEqual(self.post(EDIT).seen, (400, {"username": [REQUIRED]}))
        self.assertEqual(list(self.get(GET + "sub").json), DETAILS)

    @says(
        "Edit a Sub-Account",
        "The username field must match one of your existing sub-accounts, otherwise you will get a 403 error code.",
        "403 if username is not a sub-account of yours",
    )
    def test_403_if_username_is_not_a_sub_account_of_yours(self) -> None:
        """Another's, a parent's, one's own; and nothing is changed."""
        for name in FOREIGN:
            with named(name):
                self.assertEqual(self.post(EDIT, username=name, first_name="Ann", password="new").seen, NOT_YOURS)
        self.assertEqual(list(self.get(GET + "eves", who="eve").json), DETAILS)
        self.assertEqual(self.get("/api/proxies/", who="eves").status, 200)

    @says("Edit a Sub-Account", "404 if the sub-account cannot be found.")
    def test_404_if_the_sub_account_cannot_be_found(self) -> None:
        """A name that nobody has, or can have."""
        for name in ("nobody", "no such"):
            answer = self.post(EDIT, username=name)
            self.assertEqual(answer.seen, (404, {"detail": "there is no such sub-account"}), name)

    def test_a_sub_account_edits_nobody(self) -> None:
        """contract.md, 3: not itself, and it does not learn who is there."""
        for name in ("sub", "jo", "eves", "nobody"):
            self.assertEqual(self.post(EDIT, username=name, first_name="Ann", who="sub").seen, PARENTS_OWN, name)

    def test_what_is_its_parents_is_refused_before_the_form_is_read(self) -> None:
        """To a sub-account it is 403, whatever it sends."""
        for path in PARENTS_ALONE:
            with named(path):
                self.assertEqual(self.post(path, who="sub").seen, PARENTS_OWN)
                self.assertEqual(self.post(path, no_such_field="1", who="sub").seen, PARENTS_OWN)
        for path in ("/api/sub/get/", "/api/tokens/?usrname=real", "/api/token/made/"):
            with named(path):
                self.assertEqual(self.get(path, who="sub").seen, PARENTS_OWN)


class DeactivateTests(DocumentTestCase):
    @says("Deactivate a Sub-Account", "POST /api/sub/deactivate/", "On success, returns sub-account details.")
    def test_returns_sub_account_details(self) -> None:
        """With `active` false, and no other change; a second time the same."""
        before = self.get(GET + "sub").json
        for _ in range(2):
            answer = self.post(DEACTIVATE, username="sub")
            self.assertEqual(answer.seen, (200, {**before, "active": False}))
        self.assertIs(self.get(GET + "sub").json["active"], False)

    @says("Deactivate a Sub-Account", "username Required: the username of a sub-account")
    @says("Activate a Sub-Account", "username Required: the username of a sub-account")
    @says("Delete a Sub-Account", "username Required: the username of a sub-account")
    def test_username_is_required_and_a_sub_accounts(self) -> None:
        """400 without one; contract.md, 3: 403 for what is not the caller's, there or not."""
        for path in (DEACTIVATE, ACTIVATE, "/api/sub/delete/"):
            with named(path):
                self.assertEqual(self.post(path).seen, (400, {"username": [REQUIRED]}))
                self.assertEqual(self.post(path, username=" ").seen, (400, {"username": [REQUIRED]}))
                answers = {self.post(path, username=name).body for name in (*FOREIGN, "nobody", "no such", "admin")}
                self.assertEqual(answers, {b'{"detail": "not a sub-account of yours"}'})
                self.assertEqual(self.post(path, username="eves").status, 403)
                for name in ("sub", "jo", "nobody"):
                    self.assertEqual(self.post(path, username=name, who="sub").status, 403)
        self.assertIs(self.get(GET + "eves", who="eve").json["active"], True)
        self.assertIs(self.get(GET + "sub").json["active"], True)

    def test_a_username_is_found_whatever_its_case(self) -> None:
        """contract.md, 3: they are unique whatever the case."""
        self.assertEqual(self.post(DEACTIVATE, username="SUB").json["username"], "sub")


class ActivateTests(DocumentTestCase):
    @says(
        "Activate a Sub-Account",
        "All sub-accounts are active by default, so this API call is only useful for sub-accounts that have been "
        "previously deactivated.",
    )
    def test_all_sub_accounts_are_active_by_default(self) -> None:
        """To activate one that is active changes nothing."""
        before = self.post("/api/sub/create/", username="new").json
        self.assertIs(before["active"], True)
        self.assertEqual(self.post(ACTIVATE, username="new").seen, (200, before))

    @says("Activate a Sub-Account", "POST /api/sub/activate/", "On success, returns sub-account details.")
    @says(
        "Deactivate a Sub-Account",
        "If they update their payment information or re-activate their account with you, then you can reactivate "
        "their sub-account.",
    )
    def test_a_deactivated_sub_account_is_as_it_was_before(self) -> None:
        """Its details, its password, its tokens, its addresses."""
        self.post("/api/ip/add/", ip="9.9.9.9", username="sub")
        token = self.token(username="sub")
        self.world.use(self.world.sub, GB // 4)
        before = self.get(GET + "sub").json
        self.post(DEACTIVATE, username="sub")
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 402)
        self.assertEqual(self.post(ACTIVATE, username="sub").seen, (200, before))
        self.assertEqual(self.get("/api/ips/", who="sub").seen, (200, {"ips": ["9.9.9.9"]}))
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 200)
