"""Who may do what with each resource: every operation asked by every kind of caller, and the table that comes of it.

`MESHD_WRITE=1` in the environment has the test write the page anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshd.values.published import Kind
from meshd.web.postern.resources import KINDS
from tests.support.manual import ROOT
from tests.web.postern.support import BODIES, CHANGES, PosternWorld

PAGE = ROOT / "docs/hosts-access.md"

OPERATIONS: Mapping[str, tuple[str, str]] = {
    "create": ("POST", ""),
    "list": ("GET", ""),
    "get": ("GET", "/{id}"),
    "update": ("PUT", "/{id}"),
    "disable": ("POST", "/{id}/disable"),
    "enable": ("POST", "/{id}/enable"),
    "delete": ("DELETE", "/{id}"),
}

Outcome = Mapping[tuple[Kind, str, str], int]
"""The status by resource, operation and caller."""

HEAD = """# Who may do what with published hosts

A test asks for every operation on every resource of the [API of published hosts](hosts.md) as every kind of caller,
and holds the answers against this table of their statuses. A session is what signing in gives; a token is an access
token of that user's.

"""
TAIL = """
401: nobody is known by that, or whoever is known may not come in. 403: a viewer looks, and changes nothing. What was
refused has changed nothing.
"""


def callers(world: PosternWorld) -> Mapping[str, str]:
    """The token that each kind of caller sends; "" for none."""
    deleted = world.do("POST", "/access-tokens", {"name": "old"})
    world.do("DELETE", f"/access-tokens/{deleted.json['id']}")
    gone = world.staff("gone", "admin")
    session, token = world.session("gone"), world.token("gone")
    assert world.do("PUT", f"/users/{gone.id}", {"active": False}).status == 200
    return {
        "admin, session": world.session("boss"),
        "viewer, session": world.session("eye"),
        "admin's token": world.token("boss"),
        "viewer's token": world.token("eye"),
        "nobody": "",
        "deleted token": str(deleted.json["token"]),
        "deactivated user, session": session,
        "deactivated user's token": token,
    }


def walked(world: PosternWorld, unchanged: Callable[[], object]) -> Outcome:
    """Ask all of it.  unchanged: tells what there is; a refusal must not change that."""
    found: dict[tuple[Kind, str, str], int] = {}
    asking = callers(world)
    for kind in KINDS:
        for operation, (method, path) in OPERATIONS.items():
            for caller, token in asking.items():
                world.peer = f"10.{len(found) >> 8}.{len(found) & 255}.1"  # each of whom may ask so often
                made = 0 if operation == "create" else _made(world, kind)
                body = BODIES[kind] if operation == "create" else CHANGES[kind] if operation == "update" else None
                before = unchanged()
                answer = world.do(method, f"/{kind}{path.format(id=made)}", body, who=token)
                found[kind, operation, caller] = answer.status
                assert answer.status < 300 or unchanged() == before, (kind, operation, caller)
                _cleared(world, kind)
    return found


def page(outcome: Outcome) -> str:
    """The page as it stands in the manual."""
    asking = list(dict.fromkeys(caller for _, _, caller in outcome))
    lines = [f"| resource | operation | {' | '.join(asking)} |", f"|---|---|{'---|' * len(asking)}"]
    for kind in KINDS:
        for operation in OPERATIONS:
            statuses = " | ".join(str(outcome[kind, operation, caller]) for caller in asking)
            lines.append(f"| {kind} | {operation} | {statuses} |")
    return HEAD + "\n".join(lines) + "\n" + TAIL


def _made(world: PosternWorld, kind: Kind) -> int:
    answer = world.do("POST", f"/{kind}", BODIES[kind], who=world.session("boss"))
    assert answer.status == 201, answer
    return int(answer.json["id"])


def _cleared(world: PosternWorld, kind: Kind) -> None:
    for each in world.do("GET", f"/{kind}", who=world.session("boss")).json:
        assert world.do("DELETE", f"/{kind}/{each['id']}", who=world.session("boss")).status == 204
