"""Each way in which an answer breaks ProxyHat's SDK or misleads it, as it was found by running the SDK."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import count
from typing import Any
from unittest import mock

import httpx
import proxyhat.connection
from proxyhat import AuthenticationError, NotFoundError, ProxyHat, RateLimitError, ValidationError
from twisted.trial.unittest import SynchronousTestCase

from tests.live.hatdaemon import Client, Seller, Told, trusting
from tests.live.raw import Raw, basic
from tests.support.daemon import until
from tests.support.origin import RecordingOrigin

MASK = "********"
numbers = count(1)


class TrapCase(SynchronousTestCase):
    seller: Seller

    @classmethod
    def setUpClass(cls) -> None:
        cls.origin, cls.echo = RecordingOrigin(cls), RecordingOrigin(cls, raw="echo")
        cls.seller = Seller(cls)
        trust = trusting(cls.seller.daemon.certificate)
        trust.__enter__()
        cls.addClassCleanup(trust.__exit__, None, None, None)
        cls.ada = cls.seller.customer(cls, "ada")

    def tearDown(self) -> None:
        self.assertNotIn("Traceback", self.seller.daemon.log_text())

    def raw(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """An answer as it is, before the SDK reads it."""
        fields = {"Authorization": f"Bearer {self.ada.key}", "Accept": "application/json"}
        return httpx.request(method, f"{self.seller.base_url}{path}", json=body, headers=fields)

    def sub_user(self, **more: Any) -> Any:
        return self.ada.sub_users.create(proxy_password=f"secret number {next(numbers)}", **more)

    def two(self) -> list[Any]:
        """The first and the next in the order of the list, when there are no others."""
        kept = [each for each in self.ada.sub_users.list() if each.is_default_user]
        for each in self.ada.sub_users.list():
            if not each.is_default_user:
                self.ada.sub_users.delete(each.uuid)
        for _ in range(2 - len(kept)):
            self.sub_user()
        return list(self.ada.sub_users.list())

    @contextlib.contextmanager
    def picking(self) -> Iterator[None]:
        """With the SDK's own constants of the gateway, which no argument sets, as this one's."""
        with mock.patch.multiple(
            proxyhat.connection, PROXYHAT_GATEWAY="127.0.0.1", PROXYHAT_PORT_HTTP=self.seller.gateway
        ):
            yield

    def picked(self) -> str:
        """The username of the sub-user that the SDK picks."""
        with self.picking():
            return str(self.ada.connection_url()).partition("://")[2].partition("-country-")[0]

    def use_up(self, sub: Any, size: int) -> Raw:
        """A tunnel of the sub-user's that moves so much and then stays open, as far as it may."""
        raw = Raw(self, self.seller.gateway)
        self.assertEqual(raw.tunnel(self.echo.authority, basic(sub.proxy_username, sub.proxy_password)), 200)
        with contextlib.suppress(OSError, EOFError):
            raw.send(bytes(size))
            raw.exactly(size)
        return raw


class TrapTests(TrapCase):
    def test_an_error_that_is_no_plain_json_loses_its_message(self) -> None:
        """Only `application/json` is read: `application/problem+json` counts as an empty object."""
        stranger = Client(self.seller, Told({}), "ph_wrong")
        self.addCleanup(stranger.close)
        for call, kind, message in (
            (stranger.auth.user, AuthenticationError, "Unauthenticated."),
            (lambda: self.ada.sub_users.get("nobody"), NotFoundError, "The requested resource was not found."),
            (lambda: self.ada.sub_user_groups.create(name=""), ValidationError, "The name field is required."),
        ):
            error = self.assertRaises(kind, call)
            self.assertEqual(error.message, message)
        self.assertEqual(error.errors, {"name": ["The name field is required."]})
        for path in ("/sub-users/nobody", "/nothing", "/auth/google/redirect"):
            self.assertEqual(self.raw("GET", path).headers["content-type"], "application/json")

    def test_a_bare_object_with_data_is_unwrapped(self) -> None:
        """So `labels` beside `data` would crash: series are within `payload`."""
        for path in ("/traffic", "/requests"):
            told = self.raw("POST", path, {"period": "24h", "start_date": None, "end_date": None}).json()
            self.assertEqual(set(told["payload"]), {"labels", "data"})
        series = self.ada.analytics.traffic()
        self.assertEqual(len(series.labels), len(series.data))

    def test_a_bare_preset_would_be_empty(self) -> None:
        """Every field of it, for the same reason."""
        made = self.ada.proxy_presets.create(name="home", data={"country": "US"})
        for preset in (made, self.ada.proxy_presets.get(made.id), *self.ada.proxy_presets.list()):
            self.assertEqual((preset.id, preset.name, preset.data), (made.id, "home", {"country": "US"}))

    def test_a_limit_of_null_breaks_the_picker(self) -> None:
        """0 stands for no limit."""
        self.sub_user()
        self.assertTrue(all(type(each.traffic_limit) is int for each in self.ada.sub_users.list()))
        self.assertTrue(self.picked().startswith("ph-"))

    def test_a_limit_that_holds_no_more_misleads_the_picker(self) -> None:
        """It looks at the number alone: without a limit the number is 0, also above what was one."""
        first, second = self.two()
        self.ada.sub_users.update(first.uuid, is_traffic_limited=True, traffic_limit="100MB")
        self.use_up(first, 100_000).close()
        until(lambda: self.ada.sub_users.get(first.uuid).used_traffic > 100_000, "it is billed")
        self.ada.sub_users.update(first.uuid, traffic_limit="1KB")
        self.assertEqual(self.picked(), second.proxy_username)
        self.assertEqual(self.ada.sub_users.update(first.uuid, is_traffic_limited=False).traffic_limit, 0)
        self.assertEqual(self.picked(), first.proxy_username)

    def test_a_masked_password_would_be_used(self) -> None:
        """Unless `suspended_at` says not to: whoever is masked has it, and whoever has it is masked."""
        limited = self.sub_user(is_traffic_limited=True, traffic_limit="1KB")
        self.use_up(limited, 5000)
        until(lambda: self.ada.sub_users.get(limited.uuid).suspended_at, "it is suspended")
        for each in self.ada.sub_users.list():
            self.assertEqual(each.proxy_password == MASK, each.suspended_at is not None, each)
        self.assertEqual(self.ada.sub_users.get(limited.uuid).proxy_password, MASK)

    def test_traffic_of_null_breaks_the_user(self) -> None:
        """It is an object from the first moment."""
        self.assertIsInstance(self.raw("GET", "/auth/user").json()["payload"]["traffic"], dict)
        self.assertGreater(self.ada.auth.user().traffic.total_bytes, 0)

    def test_a_token_under_another_name_is_empty(self) -> None:
        """Python reads `accessToken` and `tokenType`, Go the same with underscores."""
        body = {"email": "ada@mail.example", "password": "correct horse"}
        told = httpx.post(f"{self.seller.base_url}/auth/login", json=body).json()
        self.assertEqual((told["accessToken"], told["tokenType"]), (told["access_token"], told["token_type"]))
        self.assertEqual(told["tokenType"], "Bearer")

    def test_nothing_at_all_is_fine_after_a_deletion(self) -> None:
        """204 without a type, which the SDK takes for an empty object."""
        made = self.raw("POST", "/profile/api-keys", {}).json()
        for path in (f"/profile/api-keys/{made['id']}", f"/sub-users/{self.sub_user().uuid}"):
            answer = self.raw("DELETE", path)
            self.assertEqual((answer.status_code, answer.content), (204, b""))
            self.assertNotIn("content-type", answer.headers)

    def test_prices_in_an_object_are_none(self) -> None:
        """The lists of plans and prices are bare arrays, and for everybody."""
        nobody = Client(self.seller, Told({}))
        self.addCleanup(nobody.close)
        self.assertEqual([each["name"] for each in nobody.plans.pricing_regular()], ["ten"])
        self.assertEqual([each["name"] for each in nobody.plans.pricing_subscriptions()], ["month"])
        for path in ("/pricing/regular", "/pricing/subscriptions", "/regular-options", "/subscription-plans"):
            self.assertIsInstance(self.raw("GET", path).json(), list)

    def test_a_list_within_an_object_is_none(self) -> None:
        """What is unwrapped of `payload` or `data` is the array itself."""
        enveloped = (
            "sub-users",
            "sub-user-groups",
            "proxy-presets",
            "auth/supported-providers",
            "auth/social-accounts",
        )
        for path in (*enveloped, "payments", "payments/cryptocurrencies"):
            told = self.raw("GET", f"/{path}").json()
            self.assertIsInstance(told.get("payload", told.get("data")), list, path)
        for kind in ("countries", "regions", "cities", "isps", "zipcodes"):
            self.assertIsInstance(self.raw("GET", f"/locations/{kind}").json()["payload"], list, kind)
        self.assertIsInstance(self.raw("GET", "/profile/api-keys").json(), list)

    def test_a_redirect_is_an_error(self) -> None:
        """No path of the SDK's leads to another, with a trailing slash or without."""
        for path in ("/auth/user", "/auth/user/", "/sub-users", "/sub-users/"):
            self.assertEqual(self.raw("GET", path).status_code, 200)


class RetryAfterTests(TrapCase):
    def test_a_pause_that_is_a_date_is_not_read(self) -> None:
        """Whole seconds are: whoever registers again and again is told how long to wait."""
        visitor = ProxyHat(base_url=self.seller.base_url)
        self.addCleanup(visitor.close)

        def register() -> None:
            name, password = f"x{next(numbers)}", "correct horse"
            visitor.auth.register(
                name=name, email=f"{name}@mail.example", password=password, password_confirmation=password
            )

        def flood() -> None:
            for _ in range(100):
                register()

        error = self.assertRaises(RateLimitError, flood)
        self.assertIsInstance(error.retry_after, int)
        self.assertEqual(error.message, "Too Many Attempts.")


class SuspensionTests(TrapCase):
    """A sub-user out of traffic: cut, told, and passed over."""

    def test_it_is_cut_and_the_next_one_is_picked(self) -> None:
        first, second = self.two()
        first = self.ada.sub_users.update(first.uuid, is_traffic_limited=True, traffic_limit="1MB")
        bystander = self.use_up(second, 10)
        self.assertEqual(self.picked(), first.proxy_username)
        tunnel = self.use_up(first, 500_000)
        self.assertTrue(tunnel.echoes())
        with contextlib.suppress(OSError):
            tunnel.send(bytes(1_000_000))
        self.assertTrue(tunnel.ends(), "the tunnel runs on")
        self.assertTrue(bystander.echoes())
        told = until(lambda: (now := self.ada.sub_users.get(first.uuid)).suspended_at and now, "it is told")
        self.assertEqual((told.proxy_password, told.lifecycle_status), (MASK, "Suspended"))
        self.assertGreaterEqual(told.used_traffic, told.traffic_limit)
        self.assertEqual(self.picked(), second.proxy_username)
        self.refused(first)
        self.begins_anew(first)

    def refused(self, sub: Any) -> None:
        """By the password that was right before."""
        raw = Raw(self, self.seller.gateway)
        self.assertEqual(raw.tunnel(self.echo.authority, basic(sub.proxy_username, sub.proxy_password)), 509)
        raw.close()

    def begins_anew(self, sub: Any) -> None:
        """Once its use is set to nothing, by the same password."""
        self.ada.sub_users.reset_usage([sub.uuid])
        told = self.ada.sub_users.get(sub.uuid)
        self.assertEqual((told.used_traffic, told.suspended_at), (0, None))
        self.assertEqual((told.proxy_password, told.lifecycle_status), (sub.proxy_password, "Active"))
        self.assertEqual(self.picked(), sub.proxy_username)
        until(lambda: self._passes(sub), "it passes again")

    def _passes(self, sub: Any) -> bool:
        raw = Raw(self, self.seller.gateway)
        status = raw.tunnel(self.echo.authority, basic(sub.proxy_username, sub.proxy_password))
        raw.close()
        return status == 200
