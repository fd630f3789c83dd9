"""`meshd explain`: whether a request would pass, by which rule and exit; only the name server is asked, nothing else.

Exit codes: 0 the request would pass, 1 the request would not, 2 there is no such account, token or proxy.
"""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Any, NoReturn

from meshd.accounts.proxies import recognised
from meshd.auth.terms import terms_of
from meshd.cli import output
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.resolving import look_up
from meshd.cli.values import number_argument
from meshd.config import Config
from meshd.config.endpoints import TCP, parsed
from meshd.exits.destinations import Judge, OwnListeners
from meshd.exits.own import is_mouth, is_own
from meshd.exits.pools import Pools
from meshd.explain.known import Known
from meshd.explain.known import known as known_of
from meshd.explain.question import Question, World
from meshd.explain.walk import Explanation, Step, explain
from meshd.http1.errors import BadMessage
from meshd.http1.target import Target, read_target
from meshd.masque.tcp import PATH
from meshd.masque.upgrades import path_of
from meshd.model import Refusal, Token
from meshd.proxy.replies import REASONS
from meshd.proxy.resource import Wanted, wanted
from meshd.selection import candidates
from meshd.topology import ProxyHost, included_bytes
from meshd.values.udp import Udp

CONNECT_TCP = "CONNECT-TCP at the address of the API, which the proxy is asked for as by CONNECT"

_HAS_PORT = re.compile(r":[0-9]*\Z")


def add_to(top: Verbs) -> None:
    parser = top.verb("explain", act, "whether a request would pass, by which rule and which exit, without making it")
    parser.add_argument("--as", dest="name", required=True, metavar="NAME", help="the user name, as a client sends it")
    parser.add_argument(
        "--to",
        required=True,
        metavar="HOST[:PORT]",
        help="the destination; port 443, or with --plain 80; or a URL of CONNECT-TCP",
    )
    parser.add_argument("--proxy", metavar="PROXY", help="its name or its domain; the first of the settings else")
    parser.add_argument("--select", default="", metavar="TEXT", help="wishes, as behind the user name: country-us")
    parser.add_argument(
        "--token", type=number_argument, metavar="ID", help="as `token list` shows it, in the place of the password"
    )
    parser.add_argument("--plain", action="store_true", help="a request for http://, in the place of a tunnel")
    parser.add_argument("--udp", action="store_true", help="datagrams, in the place of a tunnel")
    parser.add_argument("--http2", action="store_true", help="a request by HTTP/2, which clients speak by TLS")
    parser.add_argument("--no-resolve", action="store_true", help="do not look the name up")


def act(context: Context, args: Namespace) -> None:
    """Explain a request.  Raises: SystemExit with 1 for a request that would not pass, 2 for unknown arguments."""
    resource = _resource(context.config, args)
    target = _target(args) if resource is None else resource.target
    proxy = _proxy(context.config, args, resource)
    name = f"{args.name}-{args.select}" if args.select else args.name
    splits = candidates(name)
    known = context.run(known_of, [split.base for split in splits], args.token, context.now())
    if known.identity is None:
        _unknown(args, f"there is no account {name}, nor one that a selection follows")
    split = next(each for each in splits if each.base.lower() == known.identity.account.username.lower())
    before = len(split.base) + 1
    token = _own_token(args, known)
    terms = terms_of(known.identity, context.plans, token.rules if token else "")
    carrier = CONNECT_TCP if resource else ""
    question = Question(known.identity, proxy, target, split.rest, before, token, terms, args.udp, args.http2, carrier)
    explanation = explain(question, _world(context, args, known))
    _show(context, question, explanation)
    if not explanation.passes:
        context.out.flush()
        raise SystemExit(1)


def _unknown(args: Namespace, text: str) -> NoReturn:
    args.parser.error(text)
    raise AssertionError("argparse has ended the command")


def _target(args: Namespace) -> Target:
    """The destination of `--to`, read as the proxy reads the target of a request."""
    text = args.to
    if args.plain and args.udp:
        _unknown(args, "--plain and --udp are two different requests")
    if args.plain:
        text = text if text.lower().startswith("http://") else f"http://{text}"
    elif not _HAS_PORT.search(text):
        text += ":443"
    try:
        return read_target(b"GET" if args.plain else b"CONNECT", text.encode("utf-8", "surrogateescape"))
    except BadMessage as bad:
        _unknown(args, f"--to {args.to}: {bad.rule}")


def _resource(config: Config, args: Namespace) -> Wanted | None:
    """What `--to` asks for, where it is a URL of CONNECT-TCP; else None."""
    path = path_of(args.to.encode("utf-8", "surrogateescape"))
    if not path.startswith(PATH):
        return None
    off = "api.tls" if not config.api_tls else "" if config.api_connect_tcp else "api.connect_tcp"
    if off:
        _unknown(args, f"--to {args.to}: CONNECT-TCP is not served, since {off} is false")
    try:
        return wanted(path)
    except BadMessage as bad:
        _unknown(args, f"--to {args.to}: {bad.rule}")


def _proxy(config: Config, args: Namespace, resource: Wanted | None) -> ProxyHost:
    known = config.topology.proxies
    name = args.proxy or (resource.proxy if resource is not None else "")
    if not name:
        return config.first
    found = recognised(name, known) if args.proxy else known.get(name)
    if found is None:
        _unknown(args, f"there is no proxy {name}")
    return found


def _own_token(args: Namespace, known: Known) -> Token | None:
    identity, token = known.identity, known.token
    if args.token is not None and (token is None or identity is None or token.account_id != identity.account.id):
        _unknown(args, f"{args.name} has no token {args.token}")
    return token


def _world(context: Context, args: Namespace, known: Known) -> World:
    config = context.config
    topology = config.topology
    pools = Pools(topology, drained=known.drained)
    for rest in known.resting:
        outlet = pools.outlets.get(rest.exit)
        if outlet is not None:
            outlet.resting, outlet.until = True, max(outlet.until, rest.until)
    own, udp = _own(config), topology.udp if args.udp else Udp()
    return World(
        pools,
        Judge(topology.destinations),
        lambda addresses, port: is_own(own, addresses, port) or is_mouth(udp, addresses, port),
        None if args.no_resolve else lambda host: look_up(host, config.dns_servers, topology.timeouts.dns),
        context.now(),
        included_bytes(topology.plans),
        topology.udp.on,
        config.proxy_tls,
        config.proxy_http2,
    )


def _own(config: Config) -> OwnListeners:
    """The addresses that meshd listens on by the settings; ports that systemd hands over are not known here."""
    listen = [*config.api_listen, *(each for proxy in config.topology.proxies.values() for each in proxy.listen)]
    places = [place for each in listen if isinstance(place := parsed(each).place, TCP)]
    return OwnListeners(frozenset(place.port for place in places), frozenset(place.interface for place in places))


def _show(context: Context, question: Question, explanation: Explanation) -> None:
    if context.json:
        output.show_json(context.out, _value(question, explanation))
        return
    for step in explanation.steps:
        status = f" [{_said(step.no)}]" if step.no else ""
        context.out.write(f"{'no' if step.no else 'ok'}  {step.name:<11}  {step.text}{status}\n")
    context.out.write(f"{_verdict(explanation)}\n")


def _verdict(explanation: Explanation) -> str:
    no, exits_ = explanation.no, explanation.exits
    if explanation.internal and no is None:
        return "would be answered by meshd itself"
    by = f"by exit {exits_[0]}" if len(exits_) == 1 else f"by one of {len(exits_):,} exits"
    if no is None:
        return f"would pass {by}"
    return f"would pass {by}, and be refused by others: {_said(no)}" if exits_ else f"would be refused: {_said(no)}"


def _said(no: Refusal) -> str:
    return f"{REASONS[no.reason].status} {no.reason}"


def _value(question: Question, explanation: Explanation) -> dict[str, Any]:
    no = explanation.no
    target = question.target
    return {
        "account": question.identity.account.username,
        "proxy": question.proxy.name,
        "host": target.host,
        "port": target.port,
        "passes": explanation.passes,
        "status": REASONS[no.reason].status if no else None,
        "reason": no.reason if no else None,
        "exits": list(explanation.exits),
        "steps": [_step(step) for step in explanation.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    reason = step.no.reason if step.no else None
    return {"step": step.name, "ok": step.no is None, "reason": reason, "text": step.text}
