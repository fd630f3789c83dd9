"""The sentences of the documents about authenticated IPs, each a test."""

from __future__ import annotations

from meshd.accounts import allowlists
from meshd.topology import PLANS
from tests.web.api.document import NOT_YOURS, REQUIRED, DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import NOON, named, result

ADD, DELETE, LIST, LABELS = "/api/ip/add/", "/api/ip/delete/", "/api/ips/", "/api/ip_labels/"
ALREADY = (400, {"ip": ["IP address is already authorized"]})
NOT_THERE = (400, {"ip": ["IP address is not authorized"]})


def address(number: int) -> str:
    """A public one, of the first network that is anybody's."""
    return f"1.0.{number // 256}.{number % 256}"


class AddTests(DocumentTestCase):
    @says(
        "Add Authenticated IP",
        "POST /api/ip/add/",
        "Add an IP address to your list of authenticated IP addresses.",
        'Returns a 200 response on success, containing a JSON object that looks like {"ip": IP} .',
    )
    def test_returns_a_200_response_that_looks_like_the_ip(self) -> None:
        """As it was sent, and as the list has it."""
        self.assertEqual(self.post(ADD, ip="9.9.9.9").seen, (200, {"ip": "9.9.9.9"}))
        self.assertEqual(self.get(LIST).json, {"ips": ["9.9.9.9"]})

    @says("Add Authenticated IP", "ip Required: the IP address to add")
    def test_ip_is_required_and_an_address(self) -> None:
        """One public address; IPv6 in its short form, an IPv4-mapped one as IPv4."""
        self.assertEqual(self.post(ADD).seen, (400, {"ip": [REQUIRED]}))
        for wrong in ("nine", "9.9.9", "9.9.9.0/24", "10.0.0.1", "127.0.0.1", "::1", "224.0.0.1", "0.0.0.0", "x" * 46):
            with named(wrong):
                answer = self.post(ADD, ip=wrong)
                self.assertEqual((answer.status, list(answer.json)), (400, ["ip"]))
        self.assertEqual(self.post(ADD, ip="2620:00FE:0::FE").json, {"ip": "2620:fe::fe"})
        self.assertEqual(self.post(ADD, ip="::ffff:9.9.9.9").json, {"ip": "9.9.9.9"})

    @says(
        "Add Authenticated IP",
        "IPs are added to the account you are authenticating with, unless you provide a sub-account username and are "
        "authenticating with your parent account.",
        "username Optional: the username of a sub-account to add the IP to",
    )
    def test_ips_are_added_to_the_account_that_is_authenticated_unless_a_sub_account_is_named(self) -> None:
        """The caller's own, a sub-account's by its parent, a sub-account's by itself; an empty name is none."""
        self.post(ADD, ip=address(1))
        self.post(ADD, ip=address(2), username="sub")
        self.post(ADD, ip=address(3), who="sub")
        self.post(ADD, ip=address(4), username="")
        self.assertEqual(self.get(LIST).json, {"ips": [address(1), address(4)]})
        self.assertEqual(self.get(LIST, who="sub").json, {"ips": [address(2), address(3)]})

    @says("Add Authenticated IP", "label Optional: label to attach the IP address")
    def test_a_label_is_optional(self) -> None:
        """Up to a hundred characters, as a token's."""
        self.assertEqual(self.post(ADD, ip="9.9.9.9", label="é" * 100).status, 200)
        self.assertEqual(self.get(LABELS).json, [{"ip": "9.9.9.9", "label": "é" * 100}])
        answer = self.post(ADD, ip="8.8.8.8", label="x" * 101)
        self.assertEqual((answer.status, list(answer.json)), (400, ["label"]))

    @says("Add Authenticated IP", "There is a limit of 100 authenticated IPs.")
    def test_there_is_a_limit_of_100_authenticated_ips(self) -> None:
        """The one after is 402, as for what a plan has no room for; on each plan, and each sub-account has its own."""
        perform = self.world.accounts.perform
        for name in ("jo", "tom"):
            account = getattr(self.world, name)
            for number in range(99):
                ip = address(1000 * (name == "tom") + number)
                result(perform(allowlists.add_ip, account.id, None, ip, "", plans=PLANS, now=NOON))
            self.assertEqual(self.post(ADD, ip=address(5000 + account.id), who=name).status, 200)
            answer = self.post(ADD, ip=address(6000 + account.id), who=name)
            self.assertEqual((answer.status, list(answer.json)), (402, ["detail"]))
            self.assertEqual(len(self.get(LIST, who=name).json["ips"]), 100)
        self.assertEqual(self.post(ADD, ip=address(7000), username="sub").status, 200)
        self.post(DELETE, ip=address(50))
        self.assertEqual(self.post(ADD, ip=address(7001)).status, 200)

    @says("Add Authenticated IP", "A 400 response is returned if the ip is already authenticated.")
    def test_a_400_response_is_returned_if_the_ip_is_already_authenticated(self) -> None:
        """contract.md, 3: in these very words, however it is written; that another has it is nobody's business."""
        self.post(ADD, ip="9.9.9.9")
        self.assertEqual(self.post(ADD, ip="9.9.9.9").seen, ALREADY)
        self.assertEqual(self.post(ADD, ip="::ffff:9.9.9.9").seen, ALREADY)
        for who in ("sub", "eve"):
            self.assertEqual(self.post(ADD, ip="9.9.9.9", who=who).seen, (200, {"ip": "9.9.9.9"}))

    @says(
        "Add Authenticated IP",
        "A 403 error is returned if you pass a sub account username and you are not authenticating as the parent "
        "account.",
    )
    def test_a_403_error_is_returned_if_you_are_not_the_parent(self) -> None:
        """Another's, none at all, and by the sub-account itself: one answer; nothing is added."""
        for who, name in (
            ("jo", "eves"),
            ("jo", "nobody"),
            ("jo", "jo"),
            ("sub", "sub"),
            ("sub", "jo"),
            ("eve", "sub"),
        ):
            with named((who, name)):
                self.assertEqual(self.post(ADD, ip="9.9.9.9", username=name, who=who).seen, NOT_YOURS)
        self.assertEqual(self.post(ADD, ip="9.9.9.9").status, 200)


class DeleteTests(DocumentTestCase):
    @says(
        "Delete Authenticated IP",
        "POST /api/ip/delete/",
        "Delete an IP address from your list of authenticated IP addresses.",
        "Returns an empty 204 response on success.",
    )
    def test_returns_an_empty_204_response_on_success(self) -> None:
        """Exactly 204, no body, no length; in whatever spelling the address comes."""
        for ip in ("9.9.9.9", "::ffff:9.9.9.9"):
            self.post(ADD, ip="9.9.9.9")
            answer = self.post(DELETE, ip=ip)
            self.assertEqual((answer.status, answer.body, answer.all("Content-Length")), (204, b"", []))
            self.assertEqual(self.get(LIST).json, {"ips": []})

    @says(
        "Delete Authenticated IP",
        "ip Required: the IP address to delete",
        "A 400 response is returned if the ip is not already authenticated.",
    )
    def test_a_400_response_is_returned_if_the_ip_is_not_already_authenticated(self) -> None:
        """Missing, no address at all, nobody's, another's, its sub-account's: not on this list."""
        self.post(ADD, ip=address(1), who="eve")
        self.post(ADD, ip=address(2), username="sub")
        self.assertEqual(self.post(DELETE).seen, (400, {"ip": [REQUIRED]}))
        for ip in ("9.9.9.9", "nine", address(1), address(2)):
            with named(ip):
                self.assertEqual(self.post(DELETE, ip=ip).seen, NOT_THERE)
        self.assertEqual(self.get(LIST, who="eve").json, {"ips": [address(1)]})

    @says(
        "Delete Authenticated IP",
        "You can also delete from a sub-account by providing the sub-account username , if you are authenticating as "
        "the parent account.",
        "username Optional: the username of a sub-account to delete the IP from",
    )
    def test_a_parent_can_also_delete_from_a_sub_account(self) -> None:
        """And only from there."""
        self.post(ADD, ip=address(1))
        self.post(ADD, ip=address(2), username="sub")
        self.assertEqual(self.post(DELETE, ip=address(1), username="sub").seen, NOT_THERE)
        self.assertEqual(self.post(DELETE, ip=address(2), username="sub").status, 204)
        self.assertEqual(self.get(LIST).json, {"ips": [address(1)]})

    @says(
        "Delete Authenticated IP",
        "A 403 error is returned if you pass a sub account username and you are not authenticating as the parent "
        "account.",
    )
    def test_a_403_error_is_returned_if_you_are_not_the_parent(self) -> None:
        """Whether the address is there or not."""
        self.post(ADD, ip=address(1), username="sub")
        for who, name in (("sub", "sub"), ("sub", "jo"), ("eve", "sub"), ("jo", "eves"), ("jo", "nobody")):
            for ip in (address(1), address(2)):
                self.assertEqual(self.post(DELETE, ip=ip, username=name, who=who).seen, NOT_YOURS)
        self.assertEqual(self.get(LIST, who="sub").json, {"ips": [address(1)]})

    def test_a_sub_account_deletes_its_own(self) -> None:
        """contract.md, 3."""
        self.post(ADD, ip=address(1), username="sub")
        self.assertEqual(self.post(DELETE, ip=address(1), who="sub").status, 204)


class ListTests(DocumentTestCase):
    @says(
        "List Authenticated IPs",
        "GET /api/ips/",
        "Returns a JSON object with an ips field that will be a list of your authenticated IP addresses.",
        '{"ips": ["IP"]}',
    )
    def test_returns_a_json_object_with_an_ips_field(self) -> None:
        """The document's example, byte by byte; the oldest first."""
        self.post(ADD, ip="9.9.9.9", label="one")
        self.assertEqual(self.get(LIST).body, b'{"ips": ["9.9.9.9"]}')
        self.world.later(1)
        self.post(ADD, ip="8.8.8.8")
        self.assertEqual(self.get(LIST).json, {"ips": ["9.9.9.9", "8.8.8.8"]})

    @says(
        "List Authenticated IP with Labels",
        "GET /api/ip_labels/",
        "Returns a JSON object with a list of your authenticated IP addresses & labels.",
        "If an IP address does not have a label, then the label will be an empty string.",
        '[{"ip": "IP", "label": "LABEL"}]',
    )
    def test_returns_a_list_of_ip_addresses_and_labels(self) -> None:
        """A list at the top, as in the document's example, byte by byte; "" for no label."""
        self.post(ADD, ip="9.9.9.9", label="one")
        self.assertEqual(self.get(LABELS).body, b'[{"ip": "9.9.9.9", "label": "one"}]')
        self.world.later(1)
        self.post(ADD, ip="8.8.8.8")
        self.assertEqual(self.get(LABELS).json[1], {"ip": "8.8.8.8", "label": ""})

    @says("List Authenticated IPs", "It will be an empty list if you have no authenticated IP addresses.")
    @says("List Authenticated IP with Labels", "It will be an empty list if you have no authenticated IP addresses.")
    def test_an_empty_list_if_there_are_none(self) -> None:
        """200 all the same."""
        self.assertEqual(self.get(LIST).seen, (200, {"ips": []}))
        self.assertEqual(self.get(LABELS).seen, (200, []))

    @says("List Authenticated IPs", "username Optional: the username of a sub-account to list IPs from")
    @says("List Authenticated IP with Labels", "username Optional: the username of a sub-account to list IPs from")
    def test_of_a_sub_account(self) -> None:
        """Its parent's to see, and its own; 403 for anybody else's, there or not."""
        self.post(ADD, ip="9.9.9.9", label="x", username="sub")
        for who, query in (("jo", "?username=sub"), ("jo", "?username=SUB"), ("sub", ""), ("sub", "?username=")):
            with named((who, query)):
                self.assertEqual(self.get(LIST + query, who=who).json, {"ips": ["9.9.9.9"]})
                self.assertEqual(self.get(LABELS + query, who=who).json, [{"ip": "9.9.9.9", "label": "x"}])
        for who, name in (
            ("eve", "sub"),
            ("jo", "eves"),
            ("jo", "nobody"),
            ("jo", "jo"),
            ("sub", "sub"),
            ("sub", "jo"),
        ):
            for path in (LIST, LABELS):
                self.assertEqual(self.get(f"{path}?username={name}", who=who).seen, NOT_YOURS)
