"""Sub-users of `/v1`: what the SDK reads, its traps, limits, passwords that are told again, and whose they are."""

from __future__ import annotations

from typing import Any

from meshd.accounts import subaccounts, toplevel
from meshd.accounts.ownership import Operator
from meshd.model import Account
from meshd.store.statements import accounts
from tests.web.support import NOON, named, result
from tests.web.v1.support import V1TestCase

MASK = "********"
FOREIGN = "00000000-0000-4000-8000-000000000000"
ABSENT = (404, {"message": "The requested resource was not found."})
GB = 2**30
SIZE = "The traffic limit field must be a number of bytes, or a size such as 5GB."


class SubUserTests(V1TestCase):
    def new(self, who: str = "jo", **members: Any) -> Any:
        given = {"proxy_password": "a password", "is_traffic_limited": False, **members}
        return self.payload(self.do("POST", "/sub-users", given, who=who), 201)

    def read(self, sub: Any, who: str = "jo") -> Any:
        return self.payload(self.do("GET", f"/sub-users/{sub['uuid']}", who=who))

    def put(self, sub: Any, **members: Any) -> Any:
        return self.payload(self.do("PUT", f"/sub-users/{sub['uuid']}", members))

    def account(self, sub: Any) -> Account:
        found = self.world.store.file.run(accounts.by_username, sub["proxy_username"])
        assert found is not None
        return found

    def listed(self, who: str = "jo") -> list[Any]:
        return list(self.payload(self.do("GET", "/sub-users", who=who)))

    def perform(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return result(self.world.accounts.perform(unit, *args, **kwargs))

    def test_what_is_told_of_a_wrong_body(self) -> None:
        """In one sentence that says what would be right."""
        for body, told in (
            (b"[]", "The body must be a JSON object."),
            (b"{", "The body is no valid JSON."),
            (b'{"proxy_password": "abcdefgh", "traffic_limit": 5.5}', SIZE),
            (b'{"proxy_password": "abcdefgh", "traffic_limit": []}', SIZE),
        ):
            with named(body):
                answer = self.do("POST", "/sub-users", body)
                self.assertEqual((answer.status, answer.json["description"]), (422, told))

    def test_a_new_one(self) -> None:
        """All that the SDK reads, the password as it was set; told the same by list and by uuid."""
        made = self.new(name="crawler", notes="of mine", is_traffic_limited=True, traffic_limit="5GB")
        self.assertRegex(made["proxy_username"], r"\Aph-[a-z2-7]{10}\Z")
        told = {name: made[name] for name in made if name not in ("uuid", "proxy_username")}
        self.assertEqual(
            told,
            {
                "proxy_password": "a password",
                "is_default_user": False,
                "is_traffic_limited": True,
                "used_traffic": 0,
                "traffic_limit": 5368709120,
                "lifecycle_status": "Active",
                "name": "crawler",
                "notes": "of mine",
                "sub_user_group_id": None,
                "created_at": "2026-01-15T12:00:00.000000Z",
                "suspended_at": None,
            },
        )
        self.assertEqual(self.read(made), made)
        self.assertIn(made, self.listed())
        self.assertEqual(self.account(made).password_hash, "plain:a password")

    def test_trap_a_list_is_the_payload_itself(self) -> None:
        """Nested in an object it would be read as an empty one."""
        self.assertIsInstance(self.do("GET", "/sub-users").json["payload"], list)

    def test_trap_no_limit_is_zero(self) -> None:
        """Never null, and never a limit that does not hold."""
        sub = self.new(is_traffic_limited=True, traffic_limit="1GB")
        sub = self.put(sub, is_traffic_limited=False)
        self.assertEqual((sub["is_traffic_limited"], sub["traffic_limit"]), (False, 0))
        self.assertEqual(self.new(traffic_limit="1GB", is_traffic_limited=False)["traffic_limit"], 0)
        self.assertEqual(self.new()["traffic_limit"], 0)

    def test_trap_a_mask_has_suspended_at_beside_it(self) -> None:
        """Where the password is not known too, or the SDK would use the mask."""
        (kid,) = self.listed()
        self.assertEqual((kid["proxy_username"], kid["proxy_password"]), ("sub", MASK))
        self.assertEqual((kid["lifecycle_status"], kid["suspended_at"]), ("Active", "2026-01-15T12:00:00.000000Z"))
        kid = self.put(kid, proxy_password="known now")
        self.assertEqual((kid["proxy_password"], kid["suspended_at"]), ("known now", None))

    def test_out_of_traffic(self) -> None:
        """Cut and masked, and a client's picker takes the next one; after a reset all is as it was."""
        first = self.new(is_traffic_limited=True, traffic_limit=1000)
        second = self.new()
        self.world.later(30)
        self.world.use(self.account(first), 1000)
        spent = self.read(first)
        self.assertEqual((spent["used_traffic"], spent["traffic_limit"]), (1000, 1000))
        self.assertEqual((spent["proxy_password"], spent["lifecycle_status"]), (MASK, "Suspended"))
        self.assertEqual(spent["suspended_at"], "2026-01-15T12:00:30.000000Z")
        usable = [each for each in self.listed() if not each["suspended_at"]]
        self.assertEqual(usable, [second])
        ids = [first["uuid"], FOREIGN]
        self.assertEqual(self.payload(self.do("POST", "/sub-users/reset/usage", {"ids": ids})), {"reset": 1})
        self.assertEqual(self.read(first), first)
        self.world.use(self.account(first), 10)
        self.assertEqual(self.read(first)["used_traffic"], 10)

    def test_put_out_of_use(self) -> None:
        for actor in (self.world.jo.id, Operator()):
            with named(actor):
                sub = self.new()
                self.perform(subaccounts.deactivate, actor, sub["proxy_username"], now=NOON)
                told = self.read(sub)
                self.assertEqual((told["proxy_password"], told["lifecycle_status"]), (MASK, "Suspended"))
                self.assertEqual(told["suspended_at"], "2026-01-15T12:00:00.000000Z")

    def test_a_password_changed_elsewhere_is_not_told_wrong(self) -> None:
        sub = self.new()
        self.perform(toplevel.set_password, Operator(), sub["proxy_username"], "plain:another", now=NOON)
        self.assertEqual(self.read(sub)["proxy_password"], MASK)
        edit = {"username": sub["proxy_username"], "password": "a third"}
        self.put(sub, proxy_password="again")
        self.assertEqual(self.world.post("/api/sub/edit/", edit, who="jo").status, 200)
        self.assertEqual(self.read(sub)["proxy_password"], MASK)

    def test_a_partial_change(self) -> None:
        sub = self.new(name="one", notes="some", is_traffic_limited=True, traffic_limit="2GB")
        for members in ({"name": "two"}, {"notes": "others"}, {"traffic_limit": "3 gb"}, {"proxy_password": "x"}, {}):
            with named(members):
                told = self.put(sub, **members)
                wanted = {**sub, **members}
                if "traffic_limit" in members:
                    wanted["traffic_limit"] = 3 * GB
                self.assertEqual(told, wanted)
                sub = told
        self.assertEqual(self.account(sub).password_hash, "plain:x")

    def test_sizes(self) -> None:
        for text, size in (
            ("5GB", 5 * GB),
            ("5gb", 5 * GB),
            ("1.5GB", GB + GB // 2),
            ("512 MB", 512 * 2**20),
            ("1TB", 1024 * GB),
            ("1KiB", 1024),
            ("17B", 17),
            ("17", 17),
            (17, 17),
        ):
            with named(text):
                sub = self.put(self.listed()[0], is_traffic_limited=True, traffic_limit=text)
                self.assertEqual(sub["traffic_limit"], size)
        for wrong in ("", "GB", "-1GB", "5XB", "1e9", "1_0", "0", 0, -5, True, 1.5, [], "9" * 18 + "GB", "\u0663GB"):
            with named(wrong):
                given = {"is_traffic_limited": True, "traffic_limit": wrong}
                self.invalid(self.do("PUT", f"/sub-users/{self.listed()[0]['uuid']}", given), "traffic_limit")

    def test_a_size_out_of_bounds_is_told_both_bounds(self) -> None:
        for size in ("0", "1000000000TB"):
            given = {"proxy_password": "a password", "is_traffic_limited": True, "traffic_limit": size}
            answer = self.do("POST", "/sub-users", given)
            self.invalid(answer, "traffic_limit")
            self.assertIn("from 1 to 1000000000000000000 bytes", answer.json["description"])

    def test_what_is_wrong(self) -> None:
        """Told by field; what nobody knows is refused, so that nobody sets what is not for him."""
        for members, names in (
            ({}, {"proxy_password"}),
            ({"proxy_password": ""}, {"proxy_password"}),
            ({"proxy_password": "x" * 200}, {"proxy_password"}),
            ({"proxy_password": "x", "is_traffic_limited": True}, {"traffic_limit"}),
            ({"proxy_password": "x", "is_traffic_limited": "yes"}, {"is_traffic_limited"}),
            ({"proxy_password": "x", "name": "x" * 200}, {"name"}),
            ({"proxy_password": "x", "name": "\u202e"}, {"name"}),
            ({"proxy_password": "x", "sub_user_group_id": FOREIGN}, {"sub_user_group_id"}),
            ({"proxy_password": "x", "proxy_username": "root"}, {"proxy_username"}),
            ({"proxy_password": "x", "used_traffic": 0}, {"used_traffic"}),
            ({"proxy_password": "x", "is_default_user": True}, {"is_default_user"}),
            ({"proxy_password": "x", "parent_id": 1}, {"parent_id"}),
            ({"proxy_password": "x", "role": "root"}, {"role"}),
        ):
            with named(members):
                self.invalid(self.do("POST", "/sub-users", members), *names)
        self.assertEqual(len(self.listed()), 1)
        for path in ("reset/usage", "bulk-delete", "bulk-move-to-group"):
            with named(path):
                group = {"group_id": None} if "move" in path else {}
                self.invalid(self.do("POST", f"/sub-users/{path}", {**group}), "ids")
                self.invalid(self.do("POST", f"/sub-users/{path}", {"ids": [1], **group}), "ids")
                self.invalid(self.do("POST", f"/sub-users/{path}", {"ids": ["x"] * 1001, **group}), "ids")
        self.invalid(self.do("POST", "/sub-users/bulk-move-to-group", {"ids": ["x"]}), "group_id")

    def test_a_plan_without_room(self) -> None:
        answer = self.do("POST", "/sub-users", {"proxy_password": "x"}, who="tom")
        self.assertEqual(answer.status, 403)
        self.assertIn("plan trial allows 0 sub-accounts", answer.json["message"].lower())

    def test_deleting(self) -> None:
        sub, other = self.new(), self.new()
        self.assertEqual(self.do("DELETE", f"/sub-users/{sub['uuid']}").status, 204)
        self.assertEqual(self.do("GET", f"/sub-users/{sub['uuid']}").seen, ABSENT)
        ids = [other["uuid"], other["uuid"], sub["uuid"], FOREIGN, "x"]
        self.assertEqual(
            self.payload(self.do("POST", "/sub-users/bulk-delete", {"ids": ids})),
            {"requested": 5, "deleted": 1, "skipped": 1, "not_found": 3, "failed": 0},
        )
        self.assertEqual(len(self.listed()), 1)

    def test_another_customers(self) -> None:
        """In every path and in every list of ids it is as one that is not there, and is left alone."""
        theirs = self.new("eve", name="theirs", is_traffic_limited=True, traffic_limit=100)
        self.world.use(self.account(theirs), 50)
        group = self.payload(self.do("POST", "/sub-user-groups", {"name": "mine"}), 201)
        before = self.read(theirs, "eve")
        for method, body in (("GET", None), ("PUT", {"name": "x"}), ("PUT", {"proxy_password": "x"}), ("DELETE", None)):
            for which in (theirs["uuid"], FOREIGN, "x", "%20", "reset"):
                with named((method, which)):
                    self.assertEqual(self.do(method, f"/sub-users/{which}", body).seen, ABSENT)
        ids = [theirs["uuid"]]
        self.assertEqual(self.payload(self.do("POST", "/sub-users/reset/usage", {"ids": ids})), {"reset": 0})
        told = self.payload(self.do("POST", "/sub-users/bulk-delete", {"ids": ids}))
        self.assertEqual((told["deleted"], told["not_found"]), (0, 1))
        move = {"ids": ids, "group_id": group["id"]}
        self.assertEqual(self.payload(self.do("POST", "/sub-users/bulk-move-to-group", move)), {"moved": 0})
        self.invalid(self.do("POST", "/sub-users/bulk-move-to-group", move, who="eve"), "group_id")
        put = {"sub_user_group_id": group["id"]}
        self.invalid(self.do("PUT", f"/sub-users/{theirs['uuid']}", put, who="eve"), "sub_user_group_id")
        self.assertEqual(self.read(theirs, "eve"), before)

    def test_a_sub_user_manages_nothing(self) -> None:
        """Signed in itself it has no sub-users, and is none of its own."""
        sub = self.listed()[0]
        for method, path, body in (
            ("GET", "", None),
            ("POST", "", {"proxy_password": "x"}),
            ("GET", f"/{sub['uuid']}", None),
            ("PUT", f"/{sub['uuid']}", {"is_traffic_limited": False}),
            ("DELETE", f"/{sub['uuid']}", None),
            ("POST", "/reset/usage", {"ids": [sub["uuid"]]}),
            ("POST", "/bulk-delete", {"ids": [sub["uuid"]]}),
            ("POST", "/bulk-move-to-group", {"ids": [sub["uuid"]], "group_id": None}),
        ):
            with named((method, path)):
                self.assertEqual(self.do(method, f"/sub-users{path}", body, who="sub").seen, ABSENT)

    def test_nobody(self) -> None:
        self.assertEqual(self.do("GET", "/sub-users", who="").seen, (401, {"message": "Unauthenticated."}))


class GroupTests(V1TestCase):
    def new(self, **members: Any) -> Any:
        return self.payload(self.do("POST", "/sub-user-groups", {"name": "crawlers", **members}), 201)

    def test_a_life(self) -> None:
        made = self.new(description="all of them")
        self.assertEqual((made["name"], made["description"], made["sub_users_count"]), ("crawlers", "all of them", 0))
        self.assertEqual(made["sub_users"], [])
        (sub,) = self.payload(self.do("GET", "/sub-users"))
        move = {"ids": [sub["uuid"]], "group_id": made["id"]}
        self.assertEqual(self.payload(self.do("POST", "/sub-users/bulk-move-to-group", move)), {"moved": 1})
        (listed,) = self.payload(self.do("GET", "/sub-user-groups"))
        self.assertEqual(listed["sub_users_count"], 1)
        self.assertEqual([each["uuid"] for each in listed["sub_users"]], [sub["uuid"]])
        self.assertEqual(listed["sub_users"][0]["sub_user_group_id"], made["id"])
        renamed = self.payload(self.do("PUT", f"/sub-user-groups/{made['id']}", {"name": "bots"}))
        self.assertEqual((renamed["name"], renamed["description"]), ("bots", "all of them"))
        self.assertEqual(self.payload(self.do("GET", f"/sub-user-groups/{made['id']}")), renamed)
        self.assertEqual(self.do("DELETE", f"/sub-user-groups/{made['id']}").status, 204)
        self.assertEqual(self.payload(self.do("GET", "/sub-user-groups")), [])
        self.assertIsNone(self.payload(self.do("GET", "/sub-users"))[0]["sub_user_group_id"])

    def test_what_is_wrong(self) -> None:
        for members, name in (({}, "name"), ({"name": ""}, "name"), ({"name": "x", "id": FOREIGN}, "id")):
            with named(members):
                self.invalid(self.do("POST", "/sub-user-groups", members), name)
        self.invalid(self.do("PUT", f"/sub-user-groups/{self.new()['id']}", {"name": " "}), "name")

    def test_another_customers(self) -> None:
        made = self.new()
        for who in ("eve", "sub"):
            for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
                for which in (made["id"], FOREIGN, "x"):
                    with named((who, method, which)):
                        self.assertEqual(self.do(method, f"/sub-user-groups/{which}", body, who=who).seen, ABSENT)
        self.assertEqual(self.payload(self.do("GET", "/sub-user-groups", who="eve")), [])
        self.assertEqual(self.do("GET", "/sub-user-groups", who="sub").seen, ABSENT)
        self.assertEqual(self.payload(self.do("GET", f"/sub-user-groups/{made['id']}")), made)
