"""What the rooms of the web are given of a daemon, so that they know nothing else of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from meshd.config import Config, rows
from meshd.daemon.aside import Aside
from meshd.daemon.core import Core
from meshd.daemon.hosting import Hosted
from meshd.daemon.vault import Vault
from meshd.daemon.whereabouts import Whereabouts
from meshd.exits.client import ExitClient
from meshd.exits.trial import Trials
from meshd.mail.post import Post
from meshd.proxy.resource import TEMPLATE
from meshd.values.autoconfig import Offered
from meshd.web.services import Services


def services(
    reactor: Any,
    core: Core,
    hosted: Hosted,
    aside: Aside,
    post: Post,
    ready: Callable[[], Coroutine[Any, Any, Mapping[str, bool]]],
) -> Services:
    """ready: tells, for `/readyz`, what of the daemon is well, by name."""
    whereabouts = Whereabouts(core.plane, core.live)
    client = ExitClient(reactor, core.plane.poller, core.plane.dialler)
    trials = Trials(reactor, client, lambda: core.live.timeouts.connect)
    return Services(
        auth=core.auth,
        accounts=core.accounts,
        hash=core.hasher.hash,
        live=core.live,
        countries=whereabouts.countries,
        clock=core.now,
        ready=ready,
        post=post.post,
        available=lambda: not core.feed.away,
        settings=lambda: rows(core.config),
        aside=aside.done,
        try_exit=trials.connect,
        places=whereabouts.places,
        seals=Vault(core.config.secrets).seals,
        published=hosted.follow,
        unserved=hosted.unserved,
        own_ports=hosted.own_ports,
        offered=lambda: offered(core.config),
    )


def offered(config: Config) -> Offered:
    """What programs may set themselves up by: nothing where the API's listener is plain."""
    if not config.api_tls:
        return Offered()
    return Offered(
        api=config.api_domain,
        template=TEMPLATE if config.api_connect_tcp else "",
        pac=config.api_pac,
        pvd=config.api_pvd,
        tls=config.proxy_tls,
        trusted=not config.self_signed,
    )
