"""The sentences of the documents about statuses and about what carries the parameters of a request, each a test."""

from __future__ import annotations

from meshd.store.interface import StoreUnavailable
from tests.web.api.document import DocumentTestCase
from tests.web.api.sentences import NO_JSON, says
from tests.web.api.test_document_authentication import EVERY, FORM
from tests.web.support import Answer, basic, named

POSTS = [path for method, path in EVERY if method == "POST"]
URLENCODED = "application/x-www-form-urlencoded"


class StatusTests(DocumentTestCase):
    @says("Error Codes", "A successful request will return a 200 status code.")
    def test_a_successful_request_will_return_a_200_status_code(self) -> None:
        """Each of them; 204 where the document says so itself, at what leaves nothing to tell."""
        id_ = self.token()["id"]
        forms = {
            "/api/self/password/": {"password": "secret"},
            "/api/self/email/": {"email": "jo@example.com"},
            "/api/sub/create/": {"username": "new"},
            "/api/sub/edit/": {"username": "sub", "last_name": "Bo"},
            "/api/sub/activate/": {"username": "sub"},
            "/api/sub/deactivate/": {"username": "sub"},
            "/api/sub/delete/": {"username": "sub"},
            "/api/ip/add/": {"ip": "9.9.9.9"},
            "/api/ip/delete/": {"ip": "9.9.9.9"},
            "/api/hostname/add/": {"domain": "home.example.org"},
            "/api/hostname/delete/": {"domain": "home.example.org"},
            "/api/proxy/add/": {"proxy": "us"},
            "/api/proxy/delete/": {"proxy": "us"},
            "/api/pac/create/": {},
            "/api/pac/delete/": {},
            "/api/token/create/": {},
            "/api/token/activate/": {"id": id_},
            "/api/token/deactivate/": {"id": id_},
            "/api/token/delete/": {"id": id_},
        }
        for method, path in EVERY:
            if method == "GET":
                query = "?username=sub" if "/sub/" in path else f"?id={id_}" if "/made/" in path else ""
                self.assertEqual(self.get(path.format(proxy="open") + query).status, 200, path)
        self.assertEqual(list(forms), POSTS)
        for path, form in forms.items():
            empty = "delete" in path and "/sub/" not in path
            self.assertEqual(self.post(path, **form).status, 204 if empty else 200, path)

    @says(
        "Error Codes",
        "If a request is not successful, then one of the following error codes will be returned to indicate what went "
        "wrong.",
    )
    def test_each_error_code_says_what_went_wrong(self) -> None:
        """The document's list is lost; these are its paths' own, each in the one shape that contract.md gives it."""
        for number in range(4):
            self.get("/api/proxies/", who=basic("tom", f"wrong {number}"))
        seen: dict[int, Answer] = {
            400: self.post("/api/ip/add/", ip="nine"),
            401: self.get("/api/proxies/", who=basic("jo", "wrong")),
            402: self.post("/api/proxy/add/", proxy="world"),
            403: self.get("/api/sub/get/?username=eves"),
            404: self.post("/api/token/delete/", id=99),
            413: self.ask("POST", "/api/ip/add/", ("Content-Type", URLENCODED), body=b"a=1&" * 101),
            415: self.ask("POST", "/api/ip/add/", ("Content-Type", "text/plain"), body=b"ip=9.9.9.9"),
            429: self.get("/api/proxies/", who="tom"),
        }
        self.world.store.away = StoreUnavailable("gone")
        seen[503] = self.get("/api/proxies/")
        for status, answer in seen.items():
            with named(status):
                self.assertEqual(answer.status, status)
                shape = next(iter(answer.json.values()))
                self.assertEqual(list(answer.json) == ["detail"], status != 400)
                self.assertIsInstance(shape, list if status == 400 else str)
        other = self.world.ask("DELETE", "/api/proxies/")
        self.assertEqual((other.status, other.one("Allow"), list(other.json)), (405, "GET, HEAD", ["detail"]))


class FormTests(DocumentTestCase):
    @says("Create New Sub-Account", NO_JSON)
    @says("Edit a Sub-Account", NO_JSON)
    @says("Deactivate a Sub-Account", NO_JSON)
    @says("Activate a Sub-Account", NO_JSON)
    @says("Delete a Sub-Account", NO_JSON)
    @says("Add Authenticated IP", NO_JSON)
    @says("Delete Authenticated IP", NO_JSON)
    @says("Add Authenticated Hostname", NO_JSON)
    @says("Add Proxy Authorization", NO_JSON)
    @says("Delete Proxy Authorization", NO_JSON)
    @says("Bearer Tokens", "Note: Please make sure you are sending form-encoded data, not JSON.")
    def test_json_gets_an_error_message_that_says_so(self) -> None:
        """contract.md, 3: 400 on every POST, under its own type and as a bare `curl -d` sends it."""
        for path in POSTS:
            for kind in ("application/json", URLENCODED):
                with named((path, kind)):
                    answer = self.ask("POST", path, ("Content-Type", kind), body=b'{"username": "sub", "id": 1}')
                    self.assertEqual((answer.status, list(answer.json)), (400, ["__all__"]))
                    self.assertIn("not JSON", answer.json["__all__"][0])

    @says(
        "Create New Sub-Account",
        "Note: All of this API's other requests that are done with the POST method also carry request parameters in "
        "the message body, providing a high level of transmission security.",
    )
    def test_parameters_of_a_post_are_in_its_body(self) -> None:
        """One in the address is refused by its name, whatever the body has; nothing is done."""
        for path in POSTS:
            for name, value in FORM.items():
                with named((path, name)):
                    answer = self.post(f"{path}?{name}={value}", **FORM)
                    self.assertEqual((answer.status, list(answer.json)), (400, [name]))
        self.assertEqual(self.get("/api/ips/?username=sub").json, {"ips": []})
        self.assertEqual(self.get("/api/sub/get/?username=sub").json["active"], True)

    def test_a_multipart_form_does_as_well(self) -> None:
        """contract.md, 3: on every POST the same as the other kind of form."""
        part = '--X\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        for path in POSTS:
            with named(path):
                known = self.world.site.api.fields["POST", path]
                form = {name: text for name, text in {**FORM, "username": "nobody"}.items() if name in known}
                body = "".join(part.format(*each) for each in form.items()) + "--X--\r\n"
                kind = ("Content-Type", "multipart/form-data; boundary=X")
                multipart = self.ask("POST", path, kind, body=body.encode())
                urlencoded = self.post(path, **form)
                if path == "/api/sub/create/":  # the first of the two has made it
                    self.assertEqual((multipart.status, urlencoded.status), (200, 400))
                    self.post("/api/sub/delete/", username="nobody")
                else:
                    self.assertEqual(multipart.seen, urlencoded.seen)
