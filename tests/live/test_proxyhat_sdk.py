"""ProxyHat's official SDK, version 0.2.2 as it is published, in the order of a customer's life.

Every one of its 70 methods is called, by its synchronous client and by its asynchronous one, against a daemon on SQLite
and one on PostgreSQL; a table says what each must give, so that an empty answer in the place of a served one is found.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from itertools import count
from typing import Any

import httpx
import requests
from proxyhat import AsyncProxyHat, NotFoundError, PermissionError, ProxyHat, ValidationError
from proxyhat.types import (
    analytics,
    auth,
    coupons,
    email,
    locations,
    payments,
    plans,
    profile,
    proxy_descriptor,
    proxy_presets,
    sub_user,
    sub_user_groups,
    two_factor,
)
from pyotp import TOTP
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.holders import NOTHING
from meshd.model import GB
from tests.live.hatdaemon import Client, Seller, Told, each, equal, fails, has, methods, trusting
from tests.support import postgres
from tests.support.authenticator import code_before
from tests.support.daemon import until
from tests.support.origin import RecordingOrigin

TEXT = re.compile(r".+", re.DOTALL)
UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
KEY = re.compile(r"ph_[\w-]{20,}")
MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
CODE = re.compile(r"[\w-]+")


def some(value: int) -> bool:
    return type(value) is int and value > 0


def amount(value: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def nothing_or(pattern: re.Pattern[str]) -> Any:
    return lambda value: value is None or bool(pattern.fullmatch(value))


def is_map(*keys: str) -> Any:
    def check(result: Any) -> None:
        assert isinstance(result, dict), "no object"
        assert set(keys) <= set(result), f"without {set(keys) - set(result)}"

    return check


def is_pdf(response: Any) -> None:
    assert response.status_code == 200, response.status_code
    assert response.headers["content-type"] == "application/pdf", response.headers
    assert response.content.startswith(b"%PDF"), response.content[:20]


def prices(result: Any) -> None:
    each(is_map("id", "name", "gb", "price_per_gb", "price_total", "currency"))(result)


USER = has(
    auth.User,
    uuid=UUID,
    name="Ada Lovelace",
    email=TEXT,
    traffic=has(auth.TrafficInfo, regular_bytes=some, regular_human=TEXT, total_bytes=some, total_human=TEXT),
)
SUB_USER = has(
    sub_user.SubUser,
    uuid=UUID,
    proxy_username=re.compile(r"ph-[a-z2-7]{10}"),
    proxy_password=TEXT,
    is_default_user=bool,
    is_traffic_limited=bool,
    used_traffic=int,
    traffic_limit=int,
    lifecycle_status="Active",
    created_at=MOMENT,
    suspended_at=lambda value: value is None,
)
GROUP = has(sub_user_groups.SubUserGroup, id=UUID, name=TEXT, sub_users_count=int, created_at=MOMENT, sub_users=list)
PRESET = has(proxy_presets.ProxyPreset, id=CODE, name=TEXT, data=is_map("country"), created_at=MOMENT)
NEW_KEY = has(profile.APIKey, name="crawler", plain_text_token=KEY, created_at=MOMENT)
REGULAR = has(
    plans.RegularPlan, id="ten", name="ten", gb=10, price_per_gb=amount, price_total=19.99, currency="EUR"
)  # fmt: skip
SUBSCRIPTION = has(
    plans.SubscriptionPlan, id="month", name="month", gb=50, price_per_gb=amount, price_total=amount, period="monthly"
)
COUPON = has(
    coupons.CouponResponse,
    success=True,
    coupon=has(coupons.Coupon, id=CODE, code="TENOFF", type="percentage", discount=amount, final_amount=amount),
)
PAYMENT = has(
    payments.PaymentDetails, status="completed", crypto=has(payments.CryptoInfo), completed_at=MOMENT, expires_at=TEXT
)
SERIES = has(
    analytics.TimeSeriesResponse,
    labels=each(lambda label: isinstance(label, str)),
    data=lambda data: sum(data) > 0 and all(type(one) is int for one in data),
)
CONFIRMED = is_map()


def place(kind: type, **members: Any) -> Any:
    return each(has(kind, code=CODE, name=TEXT, **members))


MUST: dict[str, Any] = {
    "auth.register": has(auth.RegisterResponse, message=TEXT, access_token=KEY, token_type="Bearer"),
    "auth.login": has(auth.LoginResponse, access_token=KEY, token_type="Bearer", requires_2fa=False),
    "auth.user": USER,
    "auth.logout": equal(None),
    "auth.supported_providers": equal([]),
    "auth.social_accounts": equal([]),
    "auth.disconnect_social": fails(NotFoundError),
    "auth.oauth_redirect": fails(NotFoundError),
    "sub_users.list": each(SUB_USER),
    "sub_users.create": SUB_USER,
    "sub_users.get": SUB_USER,
    "sub_users.update": SUB_USER,
    "sub_users.delete": equal(None),
    "sub_users.reset_usage": equal(sub_user.ResetUsageResponse(reset=1)),
    "sub_users.bulk_delete": equal(
        sub_user.BulkDeleteResponse(requested=2, deleted=1, skipped=0, not_found=1, failed=0)
    ),
    "sub_users.bulk_move_to_group": CONFIRMED,
    "sub_user_groups.list": each(GROUP),
    "sub_user_groups.create": GROUP,
    "sub_user_groups.get": GROUP,
    "sub_user_groups.update": GROUP,
    "sub_user_groups.delete": equal(None),
    "locations.countries": place(locations.Country, availability=TEXT, connection_type=TEXT),
    "locations.regions": place(locations.Region, country_code="US"),
    "locations.cities": place(locations.City, country_code="US", region_code=CODE),
    "locations.isps": place(locations.ISP, country_code="US"),
    "locations.zipcodes": place(locations.Zipcode, country_code="US", city_code=CODE),
    "analytics.traffic": SERIES,
    "analytics.traffic_total": has(analytics.TotalResponse, total=some),
    "analytics.requests": SERIES,
    "analytics.requests_total": has(analytics.TotalResponse, total=some),
    "analytics.domain_breakdown": has(
        analytics.DomainBreakdownResponse, items=each(has(analytics.DomainBreakdownItem, domain=TEXT, bandwidth=some))
    ),
    "proxy_presets.list": each(PRESET),
    "proxy_presets.create": PRESET,
    "proxy_presets.get": PRESET,
    "proxy_presets.update": PRESET,
    "proxy_presets.delete": equal(None),
    "proxy_descriptors.create": has(
        proxy_descriptor.ProxyDescriptor,
        provider_id=TEXT,
        sub_user_uuid=UUID,
        protocol="http",
        filter="high",
        host="127.0.0.1",
        port=int,
        username=re.compile(r"ph-[a-z2-7]{10}-country-us-region-new_york-city-new_york-sid-\w+-ttl-30m-filter-high"),
        password=TEXT,
        url=re.compile(r"http://.+"),
    ),
    "profile.get_preferences": has(profile.Preferences, data=is_map("timezone", "theme")),
    "profile.update_preferences": has(profile.Preferences, data=is_map("timezone", "theme")),
    "profile.list_api_keys": each(
        has(profile.APIKey, name="crawler", plain_text_token=lambda value: value is None, created_at=MOMENT)
    ),
    "profile.create_api_key": NEW_KEY,
    "profile.delete_api_key": equal(None),
    "profile.regenerate_api_key": NEW_KEY,
    "two_factor.status": equal(two_factor.TwoFactorStatus(enabled=True)),
    "two_factor.enable": has(
        two_factor.TwoFactorEnableResponse,
        qr=re.compile(r"data:image/.+"),
        secret=re.compile(r"[A-Z2-7]{32}"),
        recovery_codes=each(lambda code: isinstance(code, str) and len(code) > 8),
    ),
    "two_factor.confirm": CONFIRMED,
    "two_factor.disable": CONFIRMED,
    "two_factor.qr_code": has(
        two_factor.TwoFactorEnableResponse, qr=re.compile(r"data:image/.+"), secret=re.compile(r"[A-Z2-7]{32}")
    ),
    "two_factor.recovery_codes": has(two_factor.RecoveryCodes, codes=list),
    "two_factor.disable_by_recovery": CONFIRMED,
    "two_factor.change_password": CONFIRMED,
    "email.request_change": has(email.EmailChangeResponse, message=TEXT),
    "email.confirm_change": has(email.EmailChangeResponse, message=TEXT),
    "email.cancel_change": has(email.EmailChangeResponse, message=TEXT),
    "email.resend_verification": has(email.EmailChangeResponse, message=TEXT),
    "coupons.validate": COUPON,
    "coupons.apply": COUPON,
    "coupons.redeem": has(
        coupons.CouponResponse, success=True, coupon=has(coupons.Coupon, code=TEXT, type="traffic", data=is_map())
    ),
    "plans.list_regular": each(REGULAR),
    "plans.list_subscriptions": each(SUBSCRIPTION),
    "plans.get_regular": REGULAR,
    "plans.get_subscription": SUBSCRIPTION,
    "plans.pricing_regular": prices,
    "plans.pricing_subscriptions": prices,
    "payments.list": each(
        has(
            payments.Payment,
            id=CODE,
            type="regular",
            status="completed",
            amount=amount,
            currency="EUR",
            created_at=MOMENT,
        )
    ),
    "payments.create": has(payments.PaymentCreateResponse, success=True, payment_id=CODE),
    "payments.get": PAYMENT,
    "payments.check": PAYMENT,
    "payments.invoice": is_pdf,
    "payments.cryptocurrencies": equal([]),
}
"""By each method what it must give at least once in a life.  Sign-in is by password alone, and no coins are taken."""

PASSWORD, CHANGED = "correct horse", "battery staple"
numbers = count(1)


class Life:
    """One customer, from her registration to her last sign-out."""

    def __init__(self, test: SdkCase, told: Told, runner: asyncio.Runner | None) -> None:
        self.test, self.seller, self.told = test, test.seller, told
        self.email = f"ada{next(numbers)}@mail.example"
        self.visitor = Client(self.seller, told, runner=runner)
        test.addCleanup(self.visitor.close)
        self.client = self.visitor

    def live(self) -> None:
        self.register()
        self.buy()
        self.make_sub_users()
        self.look_around()
        self.use()
        self.tidy_up()
        self.second_factor()
        self.change_password()
        self.change_email()
        self.leave()

    def became(self, key: str) -> None:
        self.client = self.visitor.with_key(key)
        self.test.addCleanup(self.client.close)

    def register(self) -> None:
        """And a new client with the token, whose key makes another one."""
        assert self.visitor.auth.supported_providers() == []
        registered = self.visitor.auth.register(
            name="Ada Lovelace",
            email=self.email,
            password=PASSWORD,
            password_confirmation=PASSWORD,
            utm_source="tests",
            utm_medium="live",
            utm_campaign="sdk",
        )
        self.became(registered.access_token)
        assert self.client.auth.user().email == self.email
        key = self.client.profile.create_api_key(name="crawler")
        assert [each.id for each in self.client.profile.list_api_keys()] == [key.id]
        again = self.client.profile.regenerate_api_key(key.id)
        self.became(again.plain_text_token)
        spare = self.client.profile.create_api_key()
        self.client.profile.delete_api_key(spare.id)
        self.test.assertEqual(self.client.auth.social_accounts(), [])
        self.test.assertRaises(NotFoundError, self.client.auth.disconnect_social, "google")
        self.test.assertRaises(NotFoundError, self.client.auth.oauth_redirect, "google")

    def buy(self) -> None:
        """With a coupon; the operator notes that it was paid, and then there are bytes, once."""
        client, cli, code = self.client, self.seller.daemon.cli, f"GIFT{next(numbers)}"
        cli("coupon", "create", code, "--gb", "1")
        if "TENOFF" not in [row["code"] for row in cli("coupon", "list")]:
            cli("coupon", "create", "TENOFF", "--percent", "10")
        client.plans.pricing_regular()
        client.plans.pricing_subscriptions()
        (plan,) = client.plans.list_regular()
        assert client.plans.get_regular(plan.name) == plan
        (subscription,) = client.plans.list_subscriptions()
        assert client.plans.get_subscription(subscription.name) == subscription
        coupon = client.coupons.validate(code="TENOFF", plan_id=plan.id).coupon
        self.test.assertEqual((coupon.discount, coupon.final_amount), (2.0, 17.99))
        assert client.coupons.apply(code="TENOFF", order_sum=19.99, currency="EUR").coupon.final_amount == 17.99
        assert client.payments.cryptocurrencies() == []
        bought = client.payments.create(
            type="regular", plan_id=plan.id, cryptocurrency_code="BTC", coupon_code="TENOFF"
        ).payment_id
        waiting = client.payments.get(bought)
        assert waiting.status == "pending"
        assert "17.99" in waiting.pay_address
        self.test.assertEqual(client.auth.user().traffic.total_bytes, 0)
        self.test.assertEqual(client.payments.invoice(bought).status_code, 404)
        for _ in range(2):
            cli("order", "settle", bought)
        assert client.payments.check(bought) == client.payments.get(bought)
        assert [each.id for each in client.payments.list()] == [bought]
        client.payments.invoice(bought)
        until(lambda: client.auth.user().traffic.regular_bytes == 10 * GB, "they are told, to this process too")
        client.coupons.redeem(code=code)
        self.test.assertEqual(client.auth.user().traffic.regular_bytes, 11 * GB)
        self.test.assertRaises(ValidationError, client.coupons.redeem, code=code)

    def make_sub_users(self) -> None:
        """One more than there is, limited, in a group."""
        client = self.client
        group = client.sub_user_groups.create(name="crawlers", description="of the night")
        made = client.sub_users.create(
            proxy_password="gate:way@1",
            is_traffic_limited=True,
            traffic_limit="5GB",
            name="night",
            notes="of Ada's",
            sub_user_group_id=group.id,
        )
        self.test.assertEqual((made.traffic_limit, made.used_traffic), (5 * 2**30, 0))
        self.test.assertEqual((made.name, made.notes, made.sub_user_group_id), ("night", "of Ada's", group.id))
        self.night = made.uuid
        listed = client.sub_users.list()
        self.test.assertEqual([each.uuid for each in listed].count(made.uuid), 1)
        self.test.assertEqual([each.is_default_user for each in listed], [True, *[False] * (len(listed) - 1)])
        self.test.assertEqual(client.sub_users.get(made.uuid).proxy_password, "gate:way@1")
        self.test.assertEqual(client.sub_users.update(made.uuid, name="nightly").name, "nightly")
        self.test.assertEqual(client.sub_user_groups.list()[0].sub_users_count, 1)
        self.test.assertEqual(client.sub_user_groups.update(group.id, name="bots").description, "of the night")
        client.sub_users.bulk_move_to_group([made.uuid], None)
        self.test.assertEqual(client.sub_user_groups.get(group.id).sub_users_count, 0)
        client.sub_users.bulk_move_to_group([made.uuid], group.id)
        self.test.assertEqual(client.sub_users.get(made.uuid).sub_user_group_id, group.id)
        client.sub_user_groups.delete(group.id)
        self.test.assertIsNone(client.sub_users.get(made.uuid).sub_user_group_id)

    def look_around(self) -> None:
        """At places, which are those of the exits, and at what she keeps."""
        client = self.client
        self.test.assertEqual({each.code for each in client.locations.countries()}, {"US", "DE"})
        self.test.assertEqual(len(client.locations.countries(limit=1, offset=1)), 1)
        (region,) = client.locations.regions(country__code="US")
        (city,) = client.locations.cities(country__code="US", region__code=region.code)
        self.test.assertEqual((region.name, city.name), ("New York", "New York"))
        self.test.assertEqual([each.name for each in client.locations.isps(country__code="US")], ["Verizon"])
        zips = client.locations.zipcodes(country__code="US", city__code=city.code)
        self.test.assertEqual([each.name for each in zips], ["10001"])
        client.profile.update_preferences(timezone="UTC", language="en", theme="dark")
        client.profile.update_preferences(theme="light")
        self.test.assertEqual(client.profile.get_preferences().data["theme"], "light")
        preset = client.proxy_presets.create(name="home", data={"country": "US"})
        self.test.assertEqual([each.id for each in client.proxy_presets.list()], [preset.id])
        client.proxy_presets.update(preset.id, data={"country": "DE"})
        self.test.assertEqual(client.proxy_presets.get(preset.id).data, {"country": "DE"})
        client.proxy_presets.delete(preset.id)
        self.test.assertRaises(NotFoundError, client.proxy_presets.get, preset.id)

    def use(self) -> None:
        """By the descriptor's URL, over HTTP, CONNECT and SOCKS5, to the byte as the exchange log has it."""
        client, test, night = self.client, self.test, self.night
        place = {"country": "US", "region": "New York", "city": "New York"}
        sticky = {"mode": "sticky", "ttl": "30m"}
        by_http = client.proxy_descriptors.create(
            sub_user_uuid=night, protocol="http", location=place, session=sticky, filter="high"
        )
        by_socks = client.proxy_descriptors.create(sub_user_uuid=night, protocol="socks5", location={"country": "DE"})
        test.assertEqual((by_http.port, by_socks.port), (self.seller.gateway, self.seller.socks))
        for url in (by_http.url, by_socks.url):
            for origin in (test.origin, test.tls_origin):
                test.assertEqual(fetched_by_requests(url, origin.url("/bytes/1000")), 1000)
                test.assertEqual(fetched_by_httpx(url, origin.url("/bytes/2000")), 2000)
        lines = self.billed(by_http.username.partition("-country-")[0], 8)
        test.assertEqual(Counter(line["exit"] for line in lines), {"new-york": 4, "berlin": 4})

    def billed(self, name: str, exchanges: int) -> list[dict[str, Any]]:
        """All that is told of the sub-user's and its account's traffic is the sum of the exchange log."""
        client, test, log = self.client, self.test, self.seller.daemon.exchanges
        lines = until(
            lambda: len(found := [e for e in log() if e["username"] == name]) >= exchanges and found, "its lines"
        )
        test.assertEqual(len(lines), exchanges)
        total = sum(each["up"] + each["down"] for each in lines)
        until(lambda: client.sub_users.get(self.night).used_traffic == total, f"{total} bytes of the sub-user")
        until(lambda: client.analytics.traffic_total().total == total, f"{total} bytes of the account")
        until(lambda: client.analytics.requests_total(period="24h").total == exchanges, "bytes come before their end")
        test.assertEqual(sum(client.analytics.traffic(period="7d").data), total)
        test.assertEqual(sum(client.analytics.requests(period="30d").data), exchanges)
        known = [("127.0.0.1", total, exchanges)]
        until(lambda: self.domains() == known, f"the report is written: {known}")
        left = 11 * GB - (total - NOTHING)
        until(lambda: client.auth.user().traffic.total_bytes == left, f"{left} bytes are left")
        self.billed_bytes = total
        return lines

    def domains(self) -> list[tuple[str, int, int]]:
        found = self.client.analytics.domain_breakdown().items
        return [(each.domain, each.bandwidth, each.requests) for each in found]

    def tidy_up(self) -> None:
        """Begin anew, and delete."""
        client = self.client
        client.sub_users.reset_usage([self.night])
        self.test.assertEqual(client.sub_users.get(self.night).used_traffic, 0)
        self.test.assertEqual(client.analytics.traffic_total().total, self.billed_bytes)
        first, second = (client.sub_users.create(proxy_password="some words").uuid for _ in range(2))
        client.sub_users.delete(first)
        self.test.assertRaises(NotFoundError, client.sub_users.get, first)
        client.sub_users.bulk_delete([first, second])
        self.test.assertNotIn(second, [each.uuid for each in client.sub_users.list()])

    def second_factor(self) -> None:
        """On, by codes that count once; off by a code, and off by a recovery code."""
        client, test = self.client, self.test
        test.assertFalse(client.two_factor.status().enabled)
        authenticator = TOTP(client.two_factor.enable().secret)
        test.assertFalse(client.two_factor.status().enabled)
        test.assertRaises(ValidationError, client.two_factor.confirm, code="000000")
        client.two_factor.confirm(code=code_before(authenticator))
        test.assertTrue(client.two_factor.status().enabled)
        client.two_factor.recovery_codes()
        client.two_factor.disable(twofa_code=authenticator.now())
        test.assertFalse(client.two_factor.status().enabled)
        enabled = client.two_factor.enable()
        test.assertEqual(client.two_factor.qr_code().secret, enabled.secret)
        authenticator = TOTP(enabled.secret)
        client.two_factor.confirm(code=code_before(authenticator))
        self.sign_in_with(authenticator, enabled.recovery_codes)
        client.two_factor.disable_by_recovery(recovery_code=enabled.recovery_codes[1])
        test.assertFalse(client.two_factor.status().enabled)

    def sign_in_with(self, authenticator: TOTP, recovery: list[str]) -> None:
        """Without a code, by a wrong one, by one that was replayed, by a recovery code once."""
        test, known = self.test, {"email": self.email, "password": PASSWORD}
        error = test.assertRaises(PermissionError, self.visitor.auth.login, **known)
        test.assertEqual(error.message, "Two-factor authentication required.")
        raw = httpx.post(f"{self.seller.base_url}/auth/login", json=known)
        wanted = {"message": "Two-factor authentication required.", "requires_2fa": True}
        test.assertEqual((raw.status_code, raw.json()), (403, wanted))
        code = authenticator.now()
        wrong = f"{(int(code) + 1) % 10**6:06}"
        error = test.assertRaises(ValidationError, self.visitor.auth.login, **known, twofa_code=wrong)
        test.assertEqual(set(error.errors), {"twofa_code"})
        self.became_for_a_moment(self.visitor.auth.login(**known, twofa_code=code).access_token)
        test.assertRaises(ValidationError, self.visitor.auth.login, **known, twofa_code=code)
        self.became_for_a_moment(self.visitor.auth.login(**known, twofa_code=recovery[0]).access_token)
        test.assertRaises(ValidationError, self.visitor.auth.login, **known, twofa_code=recovery[0])

    def became_for_a_moment(self, token: str) -> None:
        """Signed in, seen as herself, signed out."""
        client = self.visitor.with_key(token)
        self.test.assertEqual(client.auth.user().email, self.email)
        client.auth.logout()
        self.test.assertEqual(self.status_of(token), 401)
        client.close()

    def status_of(self, key: str) -> int:
        return httpx.get(f"{self.seller.base_url}/auth/user", headers={"Authorization": f"Bearer {key}"}).status_code

    def change_password(self) -> None:
        """Which ends other sign-ins; the old one opens nothing."""
        test, change = self.test, self.client.two_factor.change_password
        token = self.visitor.auth.login(email=self.email, password=PASSWORD).access_token
        new = {"password": CHANGED, "password_confirmation": CHANGED}
        error = test.assertRaises(ValidationError, change, current_password="wrong", **new)
        test.assertEqual(set(error.errors), {"current_password"})
        change(current_password=PASSWORD, **new)
        test.assertEqual(self.status_of(token), 401)
        test.assertNotEqual(self.client.run(self.visitor.auth.login(email=self.email, password=CHANGED)), None)

    def change_email(self) -> None:
        """Only whoever reads the new address's mail can confirm it."""
        client, test, sent = self.client, self.test, len(self.seller.letters())
        address = f"new-{self.email}"
        client.email.request_change(email=address)
        client.email.resend_verification()
        client.email.cancel_change()
        client.email.request_change(email=address)
        test.assertEqual(client.auth.user().email, self.email)
        letters = until(lambda: len(found := self.seller.letters()) >= sent + 2 and found, "letters")
        test.assertRaises(ValidationError, client.email.confirm_change, token="A" * 43)
        client.email.confirm_change(token=token_in(letters[-1]))
        test.assertEqual(client.auth.user().email, address)
        test.assertNotIn(token_in(letters[-1]), self.seller.daemon.log_text())
        self.email = address

    def leave(self) -> None:
        token = self.visitor.auth.login(email=self.email, password=CHANGED).access_token
        self.became_for_a_moment(token)


def lines_of(log: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [line for line in log if line["username"] == name]


def token_in(letter: str) -> str:
    """The longest word of a letter's text that can be a token."""
    return max(re.findall(r"[\w-]{20,}", letter.partition("\n\n")[2]), key=len)


def fetched_by_requests(proxy: str, url: str) -> int:
    with requests.Session() as session:
        session.proxies = {"http": proxy, "https": proxy}
        return len(session.get(url, timeout=60).content)


def fetched_by_httpx(proxy: str, url: str) -> int:
    with httpx.Client(proxy=proxy, timeout=60) as client:
        return len(client.get(url).content)


class SdkCase(SynchronousTestCase):
    seller: Seller
    origin: RecordingOrigin
    tls_origin: RecordingOrigin

    @classmethod
    def setUpClass(cls) -> None:
        cls.origin, cls.tls_origin = RecordingOrigin(cls), RecordingOrigin(cls, tls=True)
        cls.seller = Seller(cls, cls.store())
        trust = trusting(cls.seller.daemon.certificate)
        trust.__enter__()
        cls.addClassCleanup(trust.__exit__, None, None, None)

    @classmethod
    def store(cls) -> str:
        return ""

    def walk(self, runner: asyncio.Runner | None) -> None:
        told = Told(MUST)
        Life(self, told, runner).live()
        self.assertEqual(told.wrong, {})
        self.assertEqual(told.right, set(MUST))
        self.assertNotIn("Traceback", self.seller.daemon.log_text())


class SdkTests(SdkCase):
    """On SQLite."""

    def test_the_table_is_whole(self) -> None:
        """Its 70 methods are those of the SDK, of both clients."""
        self.assertEqual(len(MUST), 70)
        self.assertEqual(methods(ProxyHat), set(MUST))
        self.assertEqual(methods(AsyncProxyHat), set(MUST))

    def test_a_life(self) -> None:
        """By the synchronous client."""
        self.walk(None)

    def test_an_asynchronous_life(self) -> None:
        runner = asyncio.Runner()
        self.addCleanup(runner.close)
        self.walk(runner)


class PostgresSdkTests(SdkTests):
    """The same on PostgreSQL."""

    @classmethod
    def store(cls) -> str:
        server = postgres.server()
        database = server.new_database()
        cls.addClassCleanup(server.give_back, database)
        return server.url(database)
