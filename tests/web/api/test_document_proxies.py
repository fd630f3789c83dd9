"""The sentences of the documents about the proxies of an account, each a test."""

from __future__ import annotations

from meshd.accounts import proxies
from meshd.topology import PLANS
from tests.web.api.document import PARENTS_OWN, REQUIRED, DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import NOON, TOPOLOGY, named, result

ADD, DELETE = "/api/proxy/add/", "/api/proxy/delete/"
SPELLINGS = ("us", "us.mesh.example", "us.mesh.example:31280", "US", "Us.Mesh.Example:31280", " us ")
UNKNOWN = (
    "mars",
    "mars.mesh.example",
    "us.mesh.example:8080",
    "us.other.example",
    "us:31280",
    "mesh.example",
    "",
    "\u00fcs",
)
BOTH = {"proxies": ["us.mesh.example:31280", "open.mesh.example:31280"]}


class ProxiesTests(DocumentTestCase):
    @says(
        "Get Authorized Proxies",
        "GET /api/proxies/",
        "Returns a list of the proxies that you have access to.",
        "Returns a JSON object with a proxies field that looks like this:",
        '{"proxies": ["DOMAIN:PORT"]}',
        "You can also use it to get your list of authorized proxies into your own scripts.",
    )
    @says(
        "ProxyMesh API",
        "You can call the /api/proxies endpoint of this API to get your authorized proxy list into a script.",
    )
    def test_returns_a_json_object_with_a_proxies_field(self) -> None:
        """`{"proxies": ["DOMAIN:PORT"]}`, each dialable as it stands."""
        self.assertEqual(self.get("/api/proxies/").seen, (200, BOTH))

    @says(
        "Get Authorized Proxies",
        "You can use this to show your sub-account customers the proxy hosts they can access.",
        "The list of proxies will contain all the ProxyMesh proxies your parent account has access to.",
    )
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


class AddTests(DocumentTestCase):
    @says(
        "Add Proxy Authorization",
        "POST /api/proxy/add/",
        "Add authorization for a proxy server.",
        "proxy Required: the hostname of the proxy server.",
        "This can be just the host, such as proxy-host , the full domain, such as proxy-host.proxymesh.com , or even "
        "domain:port, such as host.proxymesh.com:31280 .",
    )
    def test_by_host_by_full_domain_or_by_domain_and_port(self) -> None:
        """Each means the same one, in whatever case; it is required."""
        for spelling in SPELLINGS:
            with named(spelling):
                self.post(DELETE, proxy="us")
                self.assertEqual(self.post(ADD, proxy=spelling).status, 200)
                self.assertIn("us.mesh.example:31280", self.get("/api/proxies/").json["proxies"])
        self.assertEqual(self.post(ADD).seen, (400, {"proxy": [REQUIRED]}))

    @says(
        "Add Proxy Authorization",
        "Returns a JSON object that containing the full domain of the proxy, as in:",
        '{"proxy": "proxy-host.proxymesh.com"}',
    )
    def test_returns_the_full_domain_of_the_proxy(self) -> None:
        """Without the port, whatever was sent."""
        for spelling in SPELLINGS:
            self.assertEqual(self.post(ADD, proxy=spelling).body, b'{"proxy": "us.mesh.example"}')

    @says("Add Proxy Authorization", "If you already have authorization for that proxy, nothing will change.")
    def test_nothing_changes_where_it_is_authorised_already(self) -> None:
        """Nor is the plan asked for room."""
        self.assertEqual(self.post(ADD, proxy="us").status, 200)
        self.assertEqual(self.get("/api/proxies/").json, BOTH)
        self.assertEqual(self.post(ADD, proxy="us", who="tom").status, 200)

    @says(
        "Add Proxy Authorization",
        "Returns a 402 response if your subscription plan does not allow adding any more proxies.",
    )
    def test_402_if_the_plan_does_not_allow_any_more(self) -> None:
        """A trial's one; `world` on plans below 50 (contract.md, 1); after an upgrade it is allowed."""
        for who, proxy in (("tom", "open"), ("jo", "world")):
            answer = self.post(ADD, proxy=proxy, who=who)
            self.assertEqual((answer.status, list(answer.json)), (402, ["detail"]))
        self.assertEqual(len(self.get("/api/proxies/", who="tom").json["proxies"]), 1)
        self.replan("jo", "50")
        self.assertEqual(self.post(ADD, proxy="world").json, {"proxy": "world.mesh.example"})

    @says("Add Proxy Authorization", "A 400 response is returned if proxy is not recognized.")
    @says("Delete Proxy Authorization", "A 400 response is returned if proxy is not recognized.")
    def test_400_if_proxy_is_not_recognized(self) -> None:
        """Another host, another port, another domain; it names the field and changes nothing."""
        for path in (ADD, DELETE):
            for proxy in UNKNOWN:
                with named((path, proxy)):
                    answer = self.post(path, proxy=proxy)
                    self.assertEqual((answer.status, list(answer.json)), (400, ["proxy"]))
        self.assertEqual(self.get("/api/proxies/").json, BOTH)

    @says(
        "Add Proxy Authorization",
        "If a 503 response is returned, then there was a problem looking up your plan, and you should try again in a "
        "few minutes.",
    )
    def test_503_if_there_was_a_problem_looking_up_the_plan(self) -> None:
        """A plan that the operator's file lost; with Retry-After, and it heals when the file has it again."""
        self.world.set_topology(plans={})
        answer = self.post(ADD, proxy="us")
        self.assertEqual((answer.status, list(answer.json)), (503, ["detail"]))
        self.assertTrue(int(answer.one("Retry-After")) > 0)
        self.world.set_topology(plans=PLANS)
        self.assertEqual(self.post(ADD, proxy="us").status, 200)

    def test_a_sub_account_has_its_parents(self) -> None:
        """contract.md, 3: proxy/* is 403 for itself; named by its parent it has no list of its own to change."""
        for path in (ADD, DELETE):
            self.assertEqual(self.post(path, proxy="us", who="sub").seen, PARENTS_OWN)
            answer = self.post(path, proxy="us", username="sub")
            self.assertEqual((answer.status, list(answer.json)), (400, ["username"]))
            self.assertEqual(self.post(path, proxy="us", username="eves").status, 403)


class DeleteTests(DocumentTestCase):
    @says(
        "Delete Proxy Authorization",
        "POST /api/proxy/delete/",
        "Remove authorization for a proxy server.",
        "Returns an empty 204 response on success.",
    )
    def test_returns_an_empty_204_response_on_success(self) -> None:
        """Exactly 204, no body, no length."""
        answer = self.post(DELETE, proxy="us")
        self.assertEqual((answer.status, answer.body, answer.all("Content-Length")), (204, b"", []))
        self.assertEqual(self.get("/api/proxies/").json, {"proxies": ["open.mesh.example:31280"]})

    @says(
        "Delete Proxy Authorization",
        "proxy Required: the hostname of the proxy server.",
        "This can be just the host, such as proxy-host , the full domain, such as proxy-host.proxymesh.com , or even "
        "domain:port, such as proxy-host.proxymesh.com:31280 .",
    )
    def test_by_host_by_full_domain_or_by_domain_and_port(self) -> None:
        """Each means the same one; it is required."""
        for spelling in SPELLINGS:
            with named(spelling):
                self.post(ADD, proxy="us")
                self.assertEqual(self.post(DELETE, proxy=spelling).status, 204)
                self.assertEqual(self.get("/api/proxies/").json, {"proxies": ["open.mesh.example:31280"]})
        self.assertEqual(self.post(DELETE).seen, (400, {"proxy": [REQUIRED]}))

    @says("Delete Proxy Authorization", "If you do not already have authorization for that proxy, nothing will change.")
    def test_nothing_changes_where_it_is_not_authorised(self) -> None:
        """204 all the same."""
        for proxy in ("world", "world.mesh.example:31280"):
            self.assertEqual(self.post(DELETE, proxy=proxy).status, 204)
        self.assertEqual(self.get("/api/proxies/").json, BOTH)
