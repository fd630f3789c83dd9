"""What a page for people shows of an OpenAPI document."""

from __future__ import annotations

from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.openapi import document
from meshd.web.reference import Operation, Reference, reference

PACKAGES = ("meshd.web.api", "meshd.web.admin")


@cache
def told(package: str) -> Reference:
    return reference(document(package))


def operation(package: str, id_: str) -> Operation:
    (found,) = (each for section in told(package).sections for each in section.operations if each.id == id_)
    return found


class ReferenceTests(SynchronousTestCase):
    def test_every_operation_is_there_once(self) -> None:
        """Under a tag that the document explains."""
        for package in PACKAGES:
            shown = [(each.method, each.path) for section in told(package).sections for each in section.operations]
            paths = document(package)["paths"]
            methods = {"get", "post", "put", "patch", "delete"}
            expected = {(method.upper(), path) for path, item in paths.items() for method in methods & item.keys()}
            self.assertEqual(len(shown), len(expected))
            self.assertEqual(set(shown), expected)
            for section in told(package).sections:
                self.assertTrue(section.operations and section.about, section.name)

    def test_every_parameter_and_member_has_a_type(self) -> None:
        """`any` would say that something of the document was not understood."""
        for package in PACKAGES:
            for section in told(package).sections:
                for each in section.operations:
                    for member in (*each.parameters, *each.body, *(m for a in each.answers for m in a.members)):
                        self.assertTrue(member.type, (each.id, member))
                        self.assertNotIn("any", member.type.split(), (each.id, member))

    def test_a_creation_as_a_reader_sees_it(self) -> None:
        """What is sent, what comes back, and a command to try."""
        shown = operation("meshd.web.admin", "createAccount")
        body = {each.name: each for each in shown.body}
        self.assertTrue(body["username"].required)
        self.assertEqual(body["role"].type, '"customer" | "viewer" | "admin"')
        self.assertEqual(body["monthly_limit"].type, "integer, at least 0, at most 1000000000000000000")
        self.assertEqual([each.where for each in shown.parameters], ["header"])
        (made,) = (answer for answer in shown.answers if answer.status == "201")
        self.assertIn("password", [each.name for each in made.members])
        self.assertEqual(
            shown.example,
            "curl -u NAME:PASSWORD -H 'Content-Type: application/json' -d '{\"username\": \"USERNAME\"}'"
            " 'https://HOST/api/admin/accounts'",
        )

    def test_a_list_as_a_reader_sees_it(self) -> None:
        """With what each of its elements has."""
        (answer,) = (each for each in operation("meshd.web.admin", "listIPs").answers if each.status == "200")
        self.assertEqual([each.name for each in answer.members][:3], ["ips", "ips[].ip", "ips[].label"])

    def test_no_sentence_is_cut_at_its_comma(self) -> None:
        """As YAML does to one without quotes within braces: the rest of it becomes a key without a value."""

        def bare(node: object) -> bool:
            inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
            return any((each is None and isinstance(node, dict)) or bare(each) for each in inner)

        for package in PACKAGES:
            self.assertFalse(bare(document(package)), package)

    def test_what_an_object_or_null_has_in_it(self) -> None:
        """With what each member means: else nobody can write it without the source."""
        body = {each.name: each for each in operation("meshd.web.admin", "changeAccount").body}
        self.assertIn("object or null", body["rules"].type)
        self.assertIn("example.com:443", body["rules.only"].about)

    def test_what_holds_for_a_parameter_that_is_not_given(self) -> None:
        """Each default of the document."""
        parameters = {each.name: each.type for each in operation("meshd.web.admin", "listAccounts").parameters}
        self.assertEqual(parameters["limit"], "integer, at least 1, at most 1000, 100 where it is not given")
        self.assertTrue(parameters["order"].endswith(', "name" where it is not given'))

    def test_a_form_as_a_reader_sees_it(self) -> None:
        """By fields."""
        shown = operation("meshd.web.api", "addIP")
        self.assertEqual(shown.example, "curl -u NAME:PASSWORD -d ip=IP 'https://HOST/api/ip/add/'")
