"""The sentences of the documents about `GET /api/proxies/`, each a test."""

from __future__ import annotations

from meshd.accounts import proxies
from meshd.topology import PLANS
from tests.web.api.document import DocumentTestCase
from tests.web.support import NOON, TOPOLOGY, basic, result

BOTH = {"proxies": ["us.mesh.example:31280", "open.mesh.example:31280"]}


class ProxiesTests(DocumentTestCase):
    def test_returns_a_json_object_with_a_proxies_field(self) -> None:
        """`{"proxies": ["DOMAIN:PORT"]}`, each dialable as it stands."""
        self.assertEqual(self.get("/api/proxies/").seen, (200, BOTH))

    def test_you_can_use_this_to_show_your_sub_account_customers_the_proxy_hosts_they_can_access(self) -> None:
        """ "The list of proxies will contain all the proxies your parent account has access to."."""
        self.assertEqual(self.get("/api/proxies/", who="sub").json, BOTH)

    def test_the_order_is_that_of_authorisation_and_of_no_file(self) -> None:
        """A client that takes the first gets the one that was authorised first."""
        perform, known = self.world.accounts.perform, TOPOLOGY.proxies
        result(perform(proxies.revoke, self.world.jo.id, None, "us", known=known, now=NOON))
        self.assertEqual(self.get("/api/proxies/").json, {"proxies": ["open.mesh.example:31280"]})
        result(perform(proxies.authorize, self.world.jo.id, None, "us", known=known, plans=PLANS, now=NOON))
        self.assertEqual(
            self.get("/api/proxies/").json, {"proxies": ["open.mesh.example:31280", "us.mesh.example:31280"]}
        )

    def test_an_account_with_none_gets_an_empty_list(self) -> None:
        """200 all the same: after a deletion the path still works."""
        perform, known = self.world.accounts.perform, TOPOLOGY.proxies
        for name in ("us", "open"):
            result(perform(proxies.revoke, self.world.jo.id, None, name, known=known, now=NOON))
        self.assertEqual(self.get("/api/proxies/").json, {"proxies": []})

    def test_a_proxy_that_the_operator_took_away_is_not_told(self) -> None:
        """Nor one that a reload renamed; the domain is that of the moment."""
        self.world.set_topology(proxies={"us": TOPOLOGY.proxies["open"]})
        self.assertEqual(self.get("/api/proxies/").json, {"proxies": ["open.mesh.example:31280"]})

    def test_the_document_examples_of_a_bearer_token(self) -> None:
        """`curl -H "Authorization: Bearer pm_…"` and requests' headers={"Authorization": …}."""
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(self.token())).json, BOTH)


class HabitsTests(DocumentTestCase):
    """proxymesh-behaviour.md, 7.3: what real clients send here."""

    def test_with_and_without_the_trailing_slash(self) -> None:
        """Scripts do both; neither is a redirect."""
        self.assertEqual(self.world.get("/api/proxies").seen, (200, BOTH))

    def test_with_a_lower_case_header_name(self) -> None:
        """django-davinci-crawling sends `authorization`."""
        answer = self.world.ask("GET", "/api/proxies/", ("authorization", basic("jo", "secret")), who=None)
        self.assertEqual(answer.seen, (200, BOTH))

    def test_with_a_json_content_type_on_the_get(self) -> None:
        """It is ignored."""
        answer = self.world.ask("GET", "/api/proxies/", ("Content-Type", "application/json"))
        self.assertEqual(answer.seen, (200, BOTH))
