"""All routes of ProxyHat's API."""

from __future__ import annotations

from meshd.web.v1.analytics import AnalyticsRoutes
from meshd.web.v1.coupons import CouponRoutes
from meshd.web.v1.descriptors import DescriptorRoutes
from meshd.web.v1.email import EmailRoutes
from meshd.web.v1.factor import FactorRoutes
from meshd.web.v1.groups import GroupRoutes
from meshd.web.v1.keys import KeyRoutes
from meshd.web.v1.locations import LocationRoutes
from meshd.web.v1.payments import PaymentRoutes
from meshd.web.v1.plans import PlanRoutes
from meshd.web.v1.presets import PresetRoutes
from meshd.web.v1.registering import RegisteringRoutes
from meshd.web.v1.signin import SignInRoutes
from meshd.web.v1.subusers import SubUserRoutes
from meshd.web.v1.webhook import WebhookRoutes

PROXYHAT = (
    SignInRoutes,
    KeyRoutes,
    SubUserRoutes,
    GroupRoutes,
    LocationRoutes,
    AnalyticsRoutes,
    DescriptorRoutes,
    PresetRoutes,
    PlanRoutes,
    CouponRoutes,
    PaymentRoutes,
    WebhookRoutes,
    FactorRoutes,
    EmailRoutes,
    RegisteringRoutes,
)
