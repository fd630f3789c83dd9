"""One unmodified client of Nginx Proxy Manager's API, walked through what it can do; runs where those are installed.

Its argument is JSON: the client, the URL, who signs in and with what password, a certificate and its key in PEM.
It prints one line of JSON: by the name of each step what the client made of the answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

HOST = {
    "domain_names": ["app.example.com"],
    "forward_scheme": "http",
    "forward_host": "127.0.0.1",
    "forward_port": 3000,
}


def refused(work: Callable[[], Any]) -> str:
    """What a call is refused with, as its client tells it."""
    try:
        work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "not refused"


def sdk(told: dict[str, Any]) -> dict[str, Any]:
    """nginx-proxy-manager-sdk."""
    from nginx_proxy_manager_sdk import NginxProxyManagerClient

    client = NginxProxyManagerClient(told["url"], email=told["email"], password=told["password"])
    found: dict[str, Any] = {"login": bool(client.login().token), "refresh": bool(client.refresh_token().token)}
    made = client.proxy_hosts.create(**HOST)
    found["create"] = made.domain_names
    found["list"] = [each.id == made.id for each in client.proxy_hosts.list(expand=["owner", "certificate"])]
    found["update"] = client.proxy_hosts.update(made.id, forward_port=3001).forward_port
    found["disable"], found["enable"] = client.proxy_hosts.disable(made.id), client.proxy_hosts.enable(made.id)
    found["again"] = refused(lambda: client.proxy_hosts.enable(made.id))
    meta = {"certificate": told["certificate"], "certificate_key": told["key"]}
    uploaded = client.certificates.create(provider="other", nice_name="shop", meta=meta)
    found["upload"], found["meta"] = uploaded.domain_names, uploaded.meta.to_dict()
    found["certificates"] = [each.nice_name for each in client.certificates.list()]
    found["test"] = client.certificates.test_http(["app.example.com", "other.example.com"])
    found["deleted"] = [client.certificates.delete(uploaded.id), client.proxy_hosts.delete(made.id)]
    found["gone"] = refused(lambda: client.proxy_hosts.get(made.id))
    wrong = NginxProxyManagerClient(told["url"], email=told["email"], password="wrong")
    found["wrong"] = refused(wrong.login)
    return found


def mcp(told: dict[str, Any]) -> dict[str, Any]:
    """nginx-proxy-manager-mcp: its client class."""
    return asyncio.run(_mcp(told))


async def _mcp(told: dict[str, Any]) -> dict[str, Any]:
    from npm_mcp import models
    from npm_mcp.client import NPMClient

    config = {"url": told["url"], "email": told["email"], "password": told["password"]}
    client = NPMClient(models.NPMConfig(**config))
    found: dict[str, Any] = {}
    samples = {
        "proxy_host": models.ProxyHost(
            **HOST, locations=[{"path": "/api", "forward_host": "10.0.0.2", "forward_port": 8}]
        ),
        "redirection_host": models.RedirectionHost(
            domain_names=["old.example.com"], forward_domain_name="new.example.com"
        ),
        "stream": models.Stream(incoming_port=told["port"], forwarding_host="10.0.0.3", forwarding_port=5432),
        "dead_host": models.DeadHost(domain_names=["gone.example.com"]),
    }
    for name, sample in samples.items():
        made = await getattr(client, f"create_{name}")(sample)
        steps = [await getattr(client, f"get_{name}")(made.id) == made, len(await getattr(client, f"list_{name}s")())]
        steps.append((await getattr(client, f"update_{name}")(made.id, made)).id == made.id)
        for verb in ("disable", "enable"):
            await getattr(client, f"{verb}_{name}")(made.id)
        found[name] = steps
    found["report"] = await client.get_host_report()
    access = models.AccessList(name="office", items=[{"username": "jo", "password": "hunter2hunter2"}])
    made = await client.create_access_list(access)
    found["access_list"] = [
        (await client.update_access_list(made.id, made)).name,
        (await client.get_access_list(made.id)).name,
    ]
    found["access_lists"] = [each.name for each in await client.list_access_lists()]
    await client.delete_access_list(made.id)
    sample = models.Certificate(nice_name="shop", domain_names=["shop.example.com"], meta={"letsencrypt_agree": True})
    certificate = await client.request_certificate(sample)
    found["certificate"] = [certificate.provider, (await client.renew_certificate(certificate.id)).id == certificate.id]
    found["providers"] = await client.list_dns_providers()
    found["test"] = await client.test_http_challenge(["app.example.com"])
    await client.delete_certificate(certificate.id)
    found["users"] = [each.email for each in await client.list_users()]
    found["settings"] = [(await client.get_setting(each.id)).value for each in await client.list_settings()]
    found["audit"] = len(await client.list_audit_log())
    for name in samples:
        for each in await getattr(client, f"list_{name}s")():
            await getattr(client, f"delete_{name}")(each.id)
    found["left"] = await client.get_host_report()
    wrong = NPMClient(models.NPMConfig(**{**config, "password": "wrong"}))
    try:
        await wrong.list_proxy_hosts()
    except Exception as error:
        found["wrong"] = type(error).__name__
    client._token = "ps_worn"
    found["signs in again"] = len(await client.list_proxy_hosts())
    for each in (client, wrong):
        await each.close()
    return found


def cli_anything(told: dict[str, Any]) -> dict[str, Any]:
    """cli-anything-npm: its client class, and its command."""
    from cli_anything.npm.core.api_client import NPMClient

    client = NPMClient(base_url=f"{told['url']}/api")
    found: dict[str, Any] = {"health": client.health_check()["status"]}
    found["unknown"] = refused(client.list_proxy_hosts)
    client.set_token(client.login(told["email"], told["password"])["token"])
    made = client.create_proxy_host(HOST)
    found["proxy_host"] = [client.get_proxy_host(made["id"]) == made, len(client.list_proxy_hosts(expand=["owner"]))]
    found["update"] = client.update_proxy_host(made["id"], {**made, "forward_port": 3001})["forward_port"]
    found["switch"] = [client.disable_proxy_host(made["id"]), client.enable_proxy_host(made["id"])]
    stream = {
        "incoming_port": told["port"],
        "forwarding_host": "10.0.0.3",
        "forwarding_port": 53,
        "udp_forwarding": True,
    }
    found["stream"] = client.create_stream(stream)["udp_forwarding"]
    found["streams"] = [client.delete_stream(each["id"]) for each in client.list_streams()]
    redirection = {
        "domain_names": ["old.example.com"],
        "forward_domain_name": "new.example.com",
        "forward_http_code": 301,
    }
    found["redirection"] = client.create_redirection_host({**redirection, "forward_scheme": "auto"})[
        "forward_http_code"
    ]
    dead = client.create_dead_host({"domain_names": ["gone.example.com"]})
    found["dead"] = [client.disable_dead_host(dead["id"]), client.delete_dead_host(dead["id"])]
    certificate = client.create_certificate(
        {"provider": "letsencrypt", "domain_names": ["shop.example.com"], "meta": {}}
    )
    found["certificate"] = certificate["provider"]
    upload = {"certificate": told["certificate"], "certificate_key": told["key"]}
    found["judged"] = client.validate_certificate(upload)["certificate"]["cn"]
    found["providers"] = client.list_dns_providers()
    found["access"] = client.create_access_list({"name": "office"})["name"]
    new = {"name": "Bo", "nickname": "bo", "email": "bo@mesh.example", "roles": [], "is_disabled": False}
    user = client.create_user({**new, "auth": {"type": "password", "secret": "longenough1"}})
    found["user"] = [client.get_user(user["id"])["email"], client.delete_user(user["id"])]
    found["report"] = client.get_hosts_report()
    found["settings"] = [each["id"] for each in client.list_settings()]
    logs = client.list_audit_logs(limit=5)
    found["audit"] = [len(logs), client.get_audit_log(logs[0]["id"]) == logs[0]]
    found["version"] = client.check_version()["update_available"]
    found["schema"] = client.get_schema()["openapi"]
    found["gone"] = refused(lambda: client.get_proxy_host(9999))
    return found


WALKS = {"sdk": sdk, "mcp": mcp, "cli-anything": cli_anything}

if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(WALKS[asked["client"]](asked)))
