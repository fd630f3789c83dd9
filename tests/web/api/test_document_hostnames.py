"""The sentences of the documents about authenticated hostnames, each a test."""

from __future__ import annotations

from tests.web.api.document import NOT_YOURS, REQUIRED, DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import named

ADD, DELETE, LIST = "/api/hostname/add/", "/api/hostname/delete/", "/api/hostnames/"
HOME, OFFICE = "home.example.org", "office.example.org"
ALREADY = (400, {"domain": ["Hostname is already authorized"]})
NOT_THERE = (400, {"domain": ["Hostname is not authorized"]})


class AddTests(DocumentTestCase):
    @says(
        "Add Authenticated Hostname",
        "POST /api/hostname/add/",
        "Add a hostname to your list of authenticated hostnames.",
        'Returns a 200 response on success, containing a JSON object that looks like {"domain": domain} .',
    )
    def test_returns_a_200_response_that_looks_like_the_domain(self) -> None:
        """As it is kept: lower case, no final dot."""
        self.assertEqual(self.post(ADD, domain=HOME).seen, (200, {"domain": HOME}))
        self.assertEqual(self.post(ADD, domain="Office.Example.ORG.").seen, (200, {"domain": OFFICE}))
        self.assertEqual(self.get(LIST).json, {"domains": [HOME, OFFICE]})

    @says("Add Authenticated Hostname", "domain Required: the hostname to add")
    def test_domain_is_required_and_a_hostname(self) -> None:
        """A full one, in its ASCII form."""
        self.assertEqual(self.post(ADD).seen, (400, {"domain": [REQUIRED]}))
        for wrong in ("a b.example", "localhost", "home_.-x.example", "9.9.9.9", "h\u00f6me.example", "x" * 255, ".."):
            with named(wrong):
                answer = self.post(ADD, domain=wrong)
                self.assertEqual((answer.status, list(answer.json)), (400, ["domain"]))

    @says(
        "Add Authenticated Hostname",
        "Hostnames are added to the authenticating account, unless you provide a sub-account username and are "
        "authenticating as the parent account.",
        "username Optional: the username of a sub-account to add the domain to",
    )
    def test_hostnames_are_added_to_the_authenticating_account_unless_a_sub_account_is_named(self) -> None:
        """The caller's own, a sub-account's by its parent, a sub-account's by itself; an empty name is none."""
        self.post(ADD, domain="a.example.org")
        self.post(ADD, domain="b.example.org", username="sub")
        self.post(ADD, domain="c.example.org", who="sub")
        self.post(ADD, domain="d.example.org", username="")
        self.assertEqual(self.get(LIST).json, {"domains": ["a.example.org", "d.example.org"]})
        self.assertEqual(self.get(LIST, who="sub").json, {"domains": ["b.example.org", "c.example.org"]})

    @says("Add Authenticated Hostname", "A 400 response is returned if the domain is already authenticated.")
    def test_a_400_response_is_returned_if_the_domain_is_already_authenticated(self) -> None:
        """However it is written; that another has it is nobody's business."""
        self.post(ADD, domain=HOME)
        self.assertEqual(self.post(ADD, domain=HOME).seen, ALREADY)
        self.assertEqual(self.post(ADD, domain=f"{HOME.upper()}.").seen, ALREADY)
        for who in ("sub", "eve"):
            self.assertEqual(self.post(ADD, domain=HOME, who=who).seen, (200, {"domain": HOME}))

    @says(
        "Add Authenticated Hostname",
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
                self.assertEqual(self.post(ADD, domain=HOME, username=name, who=who).seen, NOT_YOURS)
        self.assertEqual(self.post(ADD, domain=HOME).status, 200)


class DeleteTests(DocumentTestCase):
    @says(
        "Delete Authenticated Hostname",
        "POST /api/hostname/delete/",
        "Delete a hostname from your list of authenticated hostnames.",
        "Returns an empty 204 response on success.",
    )
    def test_returns_an_empty_204_response_on_success(self) -> None:
        """Exactly 204, no body, no length; in whatever spelling the name comes."""
        for domain in (HOME, "HOME.example.org."):
            self.post(ADD, domain=HOME)
            answer = self.post(DELETE, domain=domain)
            self.assertEqual((answer.status, answer.body, answer.all("Content-Length")), (204, b"", []))
            self.assertEqual(self.get(LIST).json, {"domains": []})

    @says(
        "Delete Authenticated Hostname",
        "domain Required: the hostname to delete",
        "A 400 response is returned if the domain is not already authenticated.",
    )
    def test_a_400_response_is_returned_if_the_domain_is_not_already_authenticated(self) -> None:
        """Missing, no hostname at all, nobody's, another's, its sub-account's: not on this list."""
        self.post(ADD, domain="a.example.org", who="eve")
        self.post(ADD, domain="b.example.org", username="sub")
        self.assertEqual(self.post(DELETE).seen, (400, {"domain": [REQUIRED]}))
        for domain in (HOME, "no hostname", "a.example.org", "b.example.org"):
            with named(domain):
                self.assertEqual(self.post(DELETE, domain=domain).seen, NOT_THERE)
        self.assertEqual(self.get(LIST, who="eve").json, {"domains": ["a.example.org"]})

    @says(
        "Delete Authenticated Hostname",
        "You can also delete from a sub-account by providing the sub-account username and are authenticating as the "
        "parent account.",
        "username Optional: the username of a sub-account to delete the hostname from",
    )
    def test_a_parent_can_also_delete_from_a_sub_account(self) -> None:
        """And only from there."""
        self.post(ADD, domain=HOME)
        self.post(ADD, domain=OFFICE, username="sub")
        self.assertEqual(self.post(DELETE, domain=HOME, username="sub").seen, NOT_THERE)
        self.assertEqual(self.post(DELETE, domain=OFFICE, username="sub").status, 204)
        self.assertEqual(self.get(LIST).json, {"domains": [HOME]})

    @says(
        "Delete Authenticated Hostname",
        "A 403 error is returned if you pass a sub account username and you are not authenticating as the parent "
        "account.",
    )
    def test_a_403_error_is_returned_if_you_are_not_the_parent(self) -> None:
        """Whether the hostname is there or not."""
        self.post(ADD, domain=HOME, username="sub")
        for who, name in (("sub", "sub"), ("sub", "jo"), ("eve", "sub"), ("jo", "eves"), ("jo", "nobody")):
            for domain in (HOME, OFFICE):
                self.assertEqual(self.post(DELETE, domain=domain, username=name, who=who).seen, NOT_YOURS)
        self.assertEqual(self.get(LIST, who="sub").json, {"domains": [HOME]})

    def test_a_sub_account_deletes_its_own(self) -> None:
        """contract.md, 3."""
        self.post(ADD, domain=HOME, username="sub")
        self.assertEqual(self.post(DELETE, domain=HOME, who="sub").status, 204)


class ListTests(DocumentTestCase):
    @says(
        "List Authenticated Hostnames",
        "GET /api/hostnames/",
        "Returns a JSON object with a domains field that will be a list of your authenticated hostnames.",
        '{"domains": ["DOMAIN"]}',
    )
    def test_returns_a_json_object_with_a_domains_field(self) -> None:
        """The document's example, byte by byte; the oldest first."""
        self.post(ADD, domain=OFFICE)
        self.assertEqual(self.get(LIST).body, b'{"domains": ["office.example.org"]}')
        self.world.later(1)
        self.post(ADD, domain=HOME)
        self.assertEqual(self.get(LIST).json, {"domains": [OFFICE, HOME]})

    @says("List Authenticated Hostnames", "It will be an empty list of you have no authenticated domains.")
    def test_an_empty_list_if_there_are_none(self) -> None:
        """200 all the same."""
        self.assertEqual(self.get(LIST).seen, (200, {"domains": []}))

    @says("List Authenticated Hostnames", "username Optional: the username of a sub-account to list hostnames from")
    def test_of_a_sub_account(self) -> None:
        """Its parent's to see, and its own; 403 for anybody else's, there or not."""
        self.post(ADD, domain=HOME, username="sub")
        for who, query in (("jo", "?username=sub"), ("jo", "?username=SUB"), ("sub", ""), ("sub", "?username=")):
            with named((who, query)):
                self.assertEqual(self.get(LIST + query, who=who).json, {"domains": [HOME]})
        for who, name in (
            ("eve", "sub"),
            ("jo", "eves"),
            ("jo", "nobody"),
            ("jo", "jo"),
            ("sub", "sub"),
            ("sub", "jo"),
        ):
            self.assertEqual(self.get(f"{LIST}?username={name}", who=who).seen, NOT_YOURS)
