"""The sentences of the documents about sub-accounts as such and about `POST /api/sub/create/`, each a test."""

from __future__ import annotations

from tests.web.api.document import DETAILS, PARENTS_OWN, REQUIRED, DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import basic, named

CREATE = "/api/sub/create/"
TAKEN = (400, {"username": ["This username is taken."]})
ROOM = {"trial": 0, "10": 10, "20": 20, "50": 50, "100": 100}


class CreateTests(DocumentTestCase):
    @says(
        "Create New Sub-Account",
        "To create new sub-accounts via the API, use the POST request method, which transmits the web form data "
        "described below, stored in the body of the request.",
        "POST /api/sub/create/",
        "On success, returns sub-account details.",
    )
    def test_returns_sub_account_details(self) -> None:
        """Those that `sub/get` returns of it afterwards."""
        answer = self.post(CREATE, username="new")
        self.assertEqual((answer.status, list(answer.json)), (200, DETAILS))
        self.assertEqual(list(answer.json.values()), ["new", True, 0.0, 0, 0.0, 0])
        self.assertEqual(self.get("/api/sub/get/?username=new").json, answer.json)

    @says("Create New Sub-Account", "username Required: up to 30 alphanumeric characters, including .@+-")
    def test_username(self) -> None:
        """Each of the characters, and the underline of the document's own example of a prefix; no other."""
        for name in ("a" * 30, "pm_jane.doe@shop+1-2", "7", "."):
            with named(name):
                self.assertEqual(self.post(CREATE, username=name).json["username"], name)
        self.assertEqual(self.post(CREATE).seen, (400, {"username": [REQUIRED]}))
        self.assertEqual(self.post(CREATE, username=" ").seen, (400, {"username": [REQUIRED]}))
        for name in ("a" * 31, "a b", "a/b", "a:b", "é", "\u0661", "a\x7f", "<b>"):
            with named(name):
                answer = self.post(CREATE, username=name)
                self.assertEqual((answer.status, list(answer.json)), (400, ["username"]))

    @says("Create New Sub-Account", "password Optional: up to 128 characters")
    def test_password(self) -> None:
        """It is the one that signs in, colons and blanks included; without one nobody does."""
        for name, password in (("short", "x"), ("long", "é" * 128), ("odd", " a:b ")):
            with named(name):
                self.assertEqual(self.post(CREATE, username=name, password=password).status, 200)
                self.assertEqual(self.get("/api/proxies/", who=basic(name, password)).status, 200)
        answer = self.post(CREATE, username="longer", password="x" * 129)
        self.assertEqual((answer.status, list(answer.json)), (400, ["password"]))
        for form in ({}, {"password": ""}):
            name = f"none{len(form)}"
            self.assertEqual(self.post(CREATE, username=name, **form).status, 200)
            self.assertEqual(self.get("/api/proxies/", who=basic(name, "")).status, 401)

    @says(
        "Create New Sub-Account",
        "first_name Optional: up to 20 characters",
        "last_name Optional: up to 20 characters",
        "email Optional: up to 255 characters",
    )
    def test_names_and_email(self) -> None:
        """As many characters as that are kept, one more is 400 and names the field."""
        longest = {"first_name": "é" * 20, "last_name": "o" * 20, "email": "x" * 243 + "@example.com"}
        for name, text in longest.items():
            with named(name):
                made = self.post(CREATE, username=f"with.{name}", **{name: text})
                self.assertEqual((made.status, made.json[name]), (200, text))
                answer = self.post(CREATE, username="longer", **{name: f"x{text}"})
                self.assertEqual((answer.status, list(answer.json)), (400, [name]))

    @says(
        "Create New Sub-Account",
        "monthly_limit Optional: positive integer in GBs to restrict monthly bandwidth usage, defaults to 0 (no limit)",
        "total_limit Optional: positive integer GBs to restrict total bandwidth usage, defaults to 0 (no limit)",
    )
    @says(
        "Bandwidth Limits",
        "You can set a monthly_bandwidth_limit and/or a total_bandwidth_limit .",
        "By default, a sub-account has no limit on bandwidth usage.",
    )
    def test_limits(self) -> None:
        """By the form's names and by the answer's (contract.md, 3); no fraction, nothing below nought."""
        for field in ("monthly_limit", "total_limit", "monthly_bandwidth_limit", "total_bandwidth_limit"):
            with named(field):
                shown = field.replace("y_limit", "y_bandwidth_limit").replace("l_limit", "l_bandwidth_limit")
                other = next(name for name in ("monthly_bandwidth_limit", "total_bandwidth_limit") if name != shown)
                made = self.post(CREATE, username=f"a{len(field)}{field[0]}", **{field: "5"}).json
                self.assertEqual((made[shown], made[other]), (5, 0))
                for wrong in ("-1", "1.5", "1e3", "five", "9" * 30, "\u0665"):
                    answer = self.post(CREATE, username="wrong", **{field: wrong})
                    self.assertEqual((answer.status, list(answer.json)), (400, [field]), wrong)
        self.assertEqual(self.post(CREATE, username="nought", total_limit="0").json["total_bandwidth_limit"], 0)

    def test_two_names_of_one_limit_must_agree(self) -> None:
        """contract.md, 3: nobody guesses which was meant."""
        same = self.post(CREATE, username="same", monthly_limit="5", monthly_bandwidth_limit="5")
        self.assertEqual((same.status, same.json["monthly_bandwidth_limit"]), (200, 5))
        answer = self.post(CREATE, username="other", monthly_limit="5", monthly_bandwidth_limit="6")
        self.assertEqual((answer.status, list(answer.json)), (400, ["monthly_bandwidth_limit"]))

    @says(
        "Create New Sub-Account",
        "Usernames are globally unique, so choosing a unique prefix will reduce the chance of attempting to create an "
        "account where the username already exists.",
    )
    def test_usernames_are_globally_unique(self) -> None:
        """contract.md, 3: over the whole installation, whatever the case; the root's may never be taken."""
        for name in ("sub", "SUB", "jo", "Jo", "eve", "eves", "EVES", "tom", "admin", "Admin", "ADMIN"):
            with named(name):
                self.assertEqual(self.post(CREATE, username=name).seen, TAKEN)
                self.assertEqual(self.post(CREATE, username=name, password="a password").seen, TAKEN)

    def test_all_that_is_wrong_is_told_at_once(self) -> None:
        """400 is `{"field": ["message", …]}`."""
        answer = self.post(CREATE, username="", first_name="x" * 21, monthly_limit="-1")
        self.assertEqual((answer.status, list(answer.json)), (400, ["username", "first_name", "monthly_limit"]))


class RoomTests(DocumentTestCase):
    @says(
        "Sub-Accounts and Limits",
        "Each ProxyMesh subscription plan has different sub-account limits.",
        "If you reach your limit, then you will no longer be able to create more sub-accounts, and will instead get a "
        "402 response code.",
    )
    def test_each_plan_has_its_limit(self) -> None:
        """0, 10, 20, 50 and 100, ours: the document gives no number."""
        for plan, room in ROOM.items():
            with named(plan):
                self.world.account(f"of{plan}", plan=plan)
                for number in range(room):
                    self.assertEqual(self.post(CREATE, username=f"s{number}of{plan}", who=f"of{plan}").status, 200)
                answer = self.post(CREATE, username=f"of{plan}more", who=f"of{plan}")
                self.assertEqual((answer.status, list(answer.json)), (402, ["detail"]))

    @says("Sub-Accounts and Limits", "To remedy this, you must either upgrade your plan or delete sub-accounts.")
    def test_either_remedy_makes_room(self) -> None:
        """Each at once, and for one more where one was deleted."""
        self.world.account("ten", plan="10")
        for number in range(10):
            self.world.sub_account(self.world.jo, f"filler{number}")
            self.post(CREATE, username=f"of.ten{number}", who="ten")
        self.assertEqual(self.post(CREATE, username="more", who="ten").status, 402)
        self.post("/api/sub/delete/", username="of.ten3", who="ten")
        self.assertEqual(self.post(CREATE, username="more", who="ten").status, 200)
        self.assertEqual(self.post(CREATE, username="yet.more", who="ten").status, 402)
        self.replan("ten", "20")
        self.assertEqual(self.post(CREATE, username="yet.more", who="ten").status, 200)

    def test_no_password_is_hashed_where_there_is_no_room(self) -> None:
        """The slow hash is for those who will have the account."""
        hashed: list[str] = []

        async def hash(password: str) -> str:
            hashed.append(password)
            return f"plain:{password}"

        self.world.hasher.hash = hash  # type: ignore[method-assign]
        self.assertEqual(self.post(CREATE, username="more", password="x", who="tom").status, 402)
        self.assertEqual(self.post(CREATE, username="eves", password="x").status, 400)
        self.assertEqual(hashed, [])


class CapabilityTests(DocumentTestCase):
    @says(
        "Sub-Accounts and Limits",
        "Sub-accounts are real accounts that can login to ProxyMesh, but with restricted capabilities.",
    )
    def test_sub_accounts_are_real_accounts_with_restricted_capabilities(self) -> None:
        """contract.md, 3: own IPs, hostnames, details, usage and proxies; the rest is its parent's."""
        self.post(CREATE, username="real", password="secret")
        for path in ("/api/proxies/", "/api/ips/", "/api/ip_labels/", "/api/hostnames/", "/api/activity/"):
            self.assertEqual(self.get(path, who="real").status, 200, path)
        self.assertEqual(self.post("/api/ip/add/", ip="9.9.9.9", who="real").status, 200)
        self.assertEqual(self.post("/api/ip/delete/", ip="9.9.9.9", who="real").status, 204)
        self.assertEqual(self.post("/api/hostname/add/", domain="real.example.org", who="real").status, 200)
        self.assertEqual(self.post("/api/hostname/delete/", domain="real.example.org", who="real").status, 204)
        self.assertEqual(self.get("/api/usage/", who="real").json["account"]["username"], "real")
        for path, form in (
            ("sub/create", {}),
            ("sub/edit", {}),
            ("proxy/add", {"proxy": "us"}),
            ("proxy/delete", {"proxy": "us"}),
            ("token/create", {}),
            ("token/delete", {"id": 1}),
        ):
            answer = self.post(f"/api/{path}/", username="x", who="real", **form)
            self.assertEqual(answer.status, 403, path)
        self.assertEqual(self.post(CREATE, username="below", who="real").seen, PARENTS_OWN)
        self.assertEqual(self.get("/api/tokens/", who="real").seen, PARENTS_OWN)

    @says(
        "Sub-Accounts and Limits",
        "Your account is the parent account, which has complete control over its sub-accounts, including setting "
        "monthly or total bandwidth limits.",
    )
    def test_the_parent_has_complete_control(self) -> None:
        """Everything that a route can do to an account, done to a sub-account by its parent."""
        self.post(CREATE, username="kid", password="old", total_limit="1")
        edited = self.post("/api/sub/edit/", username="kid", password="new", monthly_limit="2", total_limit="3")
        self.assertEqual((edited.json["monthly_bandwidth_limit"], edited.json["total_bandwidth_limit"]), (2, 3))
        self.assertEqual(self.get("/api/proxies/", who=basic("kid", "new")).status, 200)
        token = self.token(username="kid")
        done = [
            self.post("/api/ip/add/", ip="9.9.9.9", username="kid"),
            self.post("/api/hostname/add/", domain="kid.example.org", username="kid"),
            self.post("/api/token/deactivate/", id=token["id"]),
            self.post("/api/token/activate/", id=token["id"]),
            self.post("/api/token/delete/", id=token["id"]),
            self.post("/api/ip/delete/", ip="9.9.9.9", username="kid"),
            self.post("/api/hostname/delete/", domain="kid.example.org", username="kid"),
            self.get("/api/usage/?username=kid"),
            self.get("/api/activity/?username=kid"),
            self.post("/api/sub/deactivate/", username="kid"),
            self.post("/api/sub/activate/", username="kid"),
            self.post("/api/sub/delete/", username="kid"),
        ]
        self.assertEqual([each.status for each in done], [200, 200, 200, 200, 204, 204, 204, 200, 200, 200, 200, 200])
