"""The sentences of the documents about `GET /api/sub/get/`, each a test."""

from __future__ import annotations

from meshd.model import GB
from tests.web.api.document import DETAILS, DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import NOON, named

TARGET = "/api/sub/get/?username="


class DetailsTests(DocumentTestCase):
    @says(
        "Get Sub-Account Details",
        "GET /api/sub/get/",
        "On success, returns sub-account details.",
        "This is a JSON object with the following fields:",
        "Use this API request method to lookup sub-account details, including current bandwidth usage and limits.",
        "A well-formed request for sub-account details, via the API's GET method, should look like this: "
        '/api/sub/get/?username=nnnnnnn where "nnnnnnn" represents the value of the username.',
        "username: The username of the sub-account.",
        "monthly_bandwidth_limit: The monthly bandwidth limit for this sub-account, default is 0.",
        "total_bandwidth_limit: The total bandwidth limit for this sub-account, default is 0.",
    )
    def test_on_success_returns_sub_account_details(self) -> None:
        """All six fields, in the document's order, and their defaults."""
        answer = self.get(TARGET + "sub")
        self.assertEqual((answer.status, list(answer.json)), (200, DETAILS))
        self.assertEqual(list(answer.json.values()), ["sub", True, 0.0, 0, 0.0, 0])

    @says("Get Sub-Account Details", "username Required: the username of a sub-account")
    def test_username_is_required(self) -> None:
        """400 that names it; blank is missing."""
        for target in ("/api/sub/get/", TARGET, TARGET + "%20"):
            with named(target):
                self.assertEqual(self.get(target).seen, (400, {"username": ["This field is required."]}))

    @says(
        "Get Sub-Account Details",
        "The following fields are optional and will only be present if previously set when creating or editing the "
        "sub-account:",
        "first_name : First name for the sub-account.",
        "last_name : Last name for the sub-account.",
        "email : Email address for the sub-account.",
    )
    def test_names_and_email_are_only_present_if_previously_set(self) -> None:
        """Each for itself."""
        self.world.sub_account(self.world.jo, "full", first_name="Ann", last_name="Bo", email="a@b.example")
        self.world.sub_account(self.world.jo, "half", last_name="Bo")
        self.assertEqual(list(self.get(TARGET + "full").json), [*DETAILS, "first_name", "last_name", "email"])
        self.assertEqual(self.get(TARGET + "half").json["last_name"], "Bo")
        self.assertEqual(list(self.get(TARGET + "half").json), [*DETAILS, "last_name"])

    @says("Get Sub-Account Details", "Includes fractions of a GB.")
    @says("Bandwidth Limits", 'Note: Bandwidth is measured in gigabytes ("GB").')
    def test_monthly_bandwidth_includes_fractions_of_a_gb(self) -> None:
        """GB = 10^9 bytes, exactly."""
        self.world.use(self.world.sub, 1_234_567_890)
        details = self.get(TARGET + "sub").json
        self.assertEqual((details["monthly_bandwidth"], details["total_bandwidth"]), (1.23456789, 1.23456789))

    @says(
        "Get Sub-Account Details",
        "monthly_bandwidth: The bandwidth (in GB) used by this sub-account in your current billing period.",
        "total_bandwidth: The total bandwidth used by this sub-account.",
        "Will always be equal to or greater than monthly_bandwidth.",
    )
    def test_total_bandwidth_will_always_be_equal_to_or_greater_than_monthly_bandwidth(self) -> None:
        """A new billing period begins at nothing, and the total stays."""
        self.world.use(self.world.sub, GB // 2)
        self.world.now = NOON + 40 * 86_400
        details = self.get(TARGET + "sub").json
        self.assertEqual((details["monthly_bandwidth"], details["total_bandwidth"]), (0.0, 0.5))
        self.world.use(self.world.sub, GB)
        details = self.get(TARGET + "sub").json
        self.assertEqual((details["monthly_bandwidth"], details["total_bandwidth"]), (1.0, 1.5))

    @says(
        "Get Sub-Account Details",
        "monthly_bandwidth_limit: The monthly bandwidth limit for this sub-account, default is 0.",
        "total_bandwidth_limit: The total bandwidth limit for this sub-account, default is 0.",
    )
    def test_limits_are_shown_in_gb(self) -> None:
        """Whole as a form sets them; with the fraction that an operator may set."""
        self.world.sub_account(self.world.jo, "limited", monthly_limit=5 * GB, total_limit=GB // 100)
        answer = self.get(TARGET + "limited")
        self.assertEqual((answer.json["monthly_bandwidth_limit"], answer.json["total_bandwidth_limit"]), (5, 0.01))
        self.assertIn(b'"monthly_bandwidth_limit": 5,', answer.body)

    @says("Get Sub-Account Details", "active: true or false depending on whether the account has been deactivated.")
    def test_active_is_false_for_a_deactivated_account(self) -> None:
        """Its parent still sees it."""
        self.post("/api/sub/deactivate/", username="sub")
        self.assertIs(self.get(TARGET + "sub").json["active"], False)

    def test_a_username_is_found_whatever_its_case(self) -> None:
        """contract.md, 3: they are unique whatever the case; the name comes back as it was given."""
        self.assertEqual(self.get(TARGET + "SUB").json["username"], "sub")

    def test_a_bearer_token_of_the_parent_may_ask(self) -> None:
        """ "For all other API endpoints (sub-accounts, …), send Authorization: Bearer"."""
        self.assertEqual(self.get(TARGET + "sub", who=self.bearer(self.token())).status, 200)


class ForeignTests(DocumentTestCase):
    def test_not_yours_and_not_there_are_one_answer(self) -> None:
        """contract.md, 3: 403 for both alike on sub/get, byte by byte."""
        answers = {
            (answer.status, answer.body)
            for name in ("eves", "eve", "nobody", "jo", "tom", "a" * 30, "no%20such")
            for answer in [self.get(TARGET + name)]
        }
        self.assertEqual([status for status, _ in answers], [403])

    def test_a_sub_account_may_not_ask_at_all(self) -> None:
        """contract.md, 3: sub/* is its parent's, for its own name too."""
        for name in ("sub", "jo", "eves", "nobody"):
            with named(name):
                self.assertEqual(self.get(TARGET + name, who="sub").status, 403)
