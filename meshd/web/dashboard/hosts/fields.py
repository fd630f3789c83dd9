"""What the forms of published resources have fields for: from a resource's settings to texts, and back.  Pure.

A field has the name of the member that it is for, so that what the rules say of the member stands beside it.  Members
without a field are not sent, and stay as they were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from meshd.accounts.published.lists import LONGEST_PASSWORD, MOST_RULES
from meshd.accounts.published.shapes import NEEDED, NEW, POLICIES, PROTOCOLS, SHAPES, STATUSES
from meshd.tls.material import CHAIN_BYTES, KEY_BYTES
from meshd.values.addresses import join_host
from meshd.values.published import Kind
from meshd.web.forms import Form
from meshd.web.problems import Worded

Options = tuple[tuple[str, str], ...]

LINES = 32 * 1024
"""Characters of a field with a line for each of several things: half of what a form may have."""
TEXT = 255
PLACE = re.compile(r"(\[[^\]]+\]|[^:\s]+):([0-9]{1,5})")
RATE = re.compile(r"([0-9]{1,7})\s*(?:per|in|/)\s*([0-9a-z.]{1,20})")
NUMBER = re.compile(r"[0-9]{1,18}")
YES_NO: Options = (("no", "no"), ("yes", "yes"))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.  read: raises ValueError with a sentence for whoever has filled it in."""

    name: str
    label: str
    hint: str = ""
    control: Literal["text", "lines", "choice", "pem"] = "text"
    required: bool = False
    longest: int = TEXT
    options: Options = ()
    links: Kind | None = None
    """The kind of resource that is chosen from."""
    obtained: bool = False
    """Whether a certificate can be asked for in the place of one that there is."""
    show: Callable[[Any], str] = str
    read: Callable[[str], Any] = str


def _words(text: str) -> list[str]:
    return [each for each in re.split(r"[\s,]+", text) if each]


def _rows(text: str) -> list[str]:
    return [each for line in text.splitlines() if (each := line.strip())]


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise ValueError("Enter a whole number.")
    return int(text)


def _upstreams(text: str) -> list[dict[str, Any]]:
    found = []
    for line in _rows(text):
        place = PLACE.fullmatch(line)
        if place is None:
            raise ValueError(f"{line[:60]} is not HOST:PORT; an IPv6 address stands in brackets.")
        found.append({"host": place[1], "port": int(place[2])})
    return found


def _upstreams_shown(value: list[dict[str, Any]]) -> str:
    return "\n".join(join_host(each["host"], each["port"]) for each in value)


def _rules(text: str) -> list[dict[str, Any]]:
    found = []
    for line in _rows(text):
        words = line.split()
        if len(words) != 2:
            raise ValueError(f"{line[:60]} is not a rule such as “allow 10.0.0.0/8” or “deny all”.")
        found.append({"directive": words[0].lower(), "address": words[1]})
    return found


def _rules_shown(value: list[dict[str, Any]]) -> str:
    return "\n".join(f"{each['directive']} {each['address']}" for each in value)


def _logins(text: str) -> list[dict[str, Any]]:
    pairs = (line.partition(":") for line in text.splitlines() if line.strip())
    return [{"username": name.strip(), "password": password} for name, _, password in pairs]


def _logins_shown(value: list[dict[str, Any]]) -> str:
    return "\n".join(each["username"] for each in value)


def _rate(text: str) -> dict[str, Any]:
    if not text:
        return {"enabled": False}
    found = RATE.fullmatch(text.lower())
    if found is None:
        raise ValueError("This must be such as “100 per 60s”, or empty.")
    return {"enabled": True, "requests": int(found[1]), "window": found[2]}


def _rate_shown(value: dict[str, Any]) -> str:
    return f"{value['requests']} per {value['window']}" if value["enabled"] else ""


def by_number(field: Field) -> Field:
    """The field where there is too much to choose from."""
    obtain = ", or new to obtain one by ACME" if field.obtained else ""
    hint = f"The number of one that there is, or 0 for none{obtain}."
    return replace(field, control="text", hint=hint, required=True, longest=18)


def _yes(name: str, label: str, hint: str = "") -> Field:
    show: Callable[[Any], str] = lambda value: "yes" if value else "no"  # noqa: E731
    return Field(name, label, hint, "choice", options=YES_NO, show=show, read=lambda text: text == "yes")


def _choice(name: str, label: str, *words: object, hint: str = "", read: Callable[[str], Any] = str) -> Field:
    options = tuple((str(word), str(word).replace("_", " ")) for word in words)
    return Field(name, label, hint, "choice", options=options, read=read)


def _lines(name: str, label: str, hint: str, show: Callable[[Any], str], read: Callable[[str], Any]) -> Field:
    return Field(name, label, hint, "lines", longest=LINES, show=show, read=read)


def _linked(text: str) -> int | str:
    return NEW if text == NEW else _number(text)


NAMES = Field(
    "domain_names",
    "Names",
    "One per line; *.example.com is for every name one label below.",
    "lines",
    required=True,
    longest=LINES,
    show="\n".join,
    read=_words,
)
CERTIFICATE = Field(
    "certificate_id", "Certificate", control="choice", links="certificates", obtained=True, read=_linked
)
GUARD = Field("access_list_id", "Access list", control="choice", links="access-lists", read=_linked)
SECURED = (
    CERTIFICATE,
    _yes("ssl_forced", "Force HTTPS", "Where there is no certificate one is obtained by ACME."),
    _yes("hsts_enabled", "HSTS", "Browsers then ask by HTTPS alone; only where HTTPS is forced."),
    _yes("hsts_subdomains", "HSTS for subdomains"),
)
FORWARD = (
    Field("forward_host", "Upstream host", "A name or an address.", required=True),
    Field("forward_port", "Upstream port", required=True, longest=5, read=_number),
)
PORT = Field("incoming_port", "Port here", required=True, longest=5, read=_number)
PROTOCOL = _choice("protocol", "Protocol", *PROTOCOLS)
NICE_NAME = Field("nice_name", "Called", "Empty for its names.")


def _pem(name: str, label: str, hint: str, longest: int) -> Field:
    return Field(name, label, hint, "pem", longest=longest)


PEMS = (
    _pem("certificate", "Certificate", "PEM, perhaps with its issuers behind it.", CHAIN_BYTES),
    _pem("intermediate_certificate", "Issuers", "PEM, where they are in a file of their own.", CHAIN_BYTES),
    _pem("certificate_key", "Private key", "PEM without a passphrase; it is never shown again.", KEY_BYTES),
)

FIELDS: Mapping[Kind, tuple[Field, ...]] = {
    "proxy-hosts": (
        NAMES,
        _choice("forward_scheme", "Upstream scheme", "http", "https"),
        *FORWARD,
        _lines("upstreams", "More upstreams", "HOST:PORT, one per line.", _upstreams_shown, _upstreams),
        _choice("lb_policy", "Which upstream", *POLICIES),
        *SECURED,
        GUARD,
        Field("rate_limit", "Rate of a client", "Such as “100 per 60s”; empty for none.", show=_rate_shown, read=_rate),
    ),
    "redirection-hosts": (
        NAMES,
        _choice("forward_scheme", "Scheme there", "auto", "http", "https", hint="auto keeps the request's."),
        Field("forward_domain_name", "Host there", "Perhaps with a port.", required=True),
        _choice("http_code", "Status", *STATUSES, read=_number),
        _yes("preserve_path", "Keep the path"),
        *SECURED,
    ),
    "dead-hosts": (NAMES, *SECURED, GUARD),
    "stream-hosts": (
        PORT,
        PROTOCOL,
        *FORWARD,
        Field("sni_match", "Only for these names", "By TLS, with commas between them; empty for all.", longest=LINES),
        Field(
            "certificate_id",
            "TLS is taken off with",
            control="choice",
            links="certificates",
            read=_linked,
        ),
    ),
    "port-forwards": (
        PORT,
        PROTOCOL,
        *FORWARD,
        Field("interface", "Interface", "An address of this machine or a device such as eth0; empty for all."),
    ),
    "access-lists": (
        Field("name", "Name", required=True),
        _lines(
            "clients",
            "Rules",
            "“allow 10.0.0.0/8” or “deny all”, one per line; the first that matches decides, and nobody else is let in "
            f"once one allows.  At most {MOST_RULES}.",
            _rules_shown,
            _rules,
        ),
        _lines(
            "items",
            "Logins",
            f"NAME:PASSWORD, one per line, of at most {LONGEST_PASSWORD} characters; a name alone keeps its password.",
            _logins_shown,
            _logins,
        ),
        _yes("satisfy_any", "One of both is enough", "Else a client needs both the address and the login."),
        _yes("pass_auth", "Tell the upstream who signed in"),
    ),
    "certificates": (NICE_NAME, NAMES),
}
"""By kind; of certificates those that are obtained by ACME."""
UPLOADED = (NICE_NAME, *PEMS)
"""Of a certificate that somebody brings."""
ALL = tuple(dict.fromkeys(each.name for fields in (*FIELDS.values(), UPLOADED) for each in fields))


def fields_of(kind: Kind, settings: Mapping[str, Any] | None = None) -> tuple[Field, ...]:
    """The fields for a resource that there is, or for a new one."""
    if kind == "certificates" and settings is not None and settings["provider"] == "custom":
        return UPLOADED
    return FIELDS[kind]


def texts(kind: Kind, settings: Mapping[str, Any] | None = None) -> dict[str, str]:
    """What the fields show of a resource, or of none before anything was typed."""
    found = {}
    for each in fields_of(kind, settings):
        value = SHAPES[kind].members[each.name][1] if each.control != "pem" and settings is None else None
        value = settings[each.name] if settings is not None and each.control != "pem" else value
        found[each.name] = "" if value is None or value is NEEDED else each.show(value)
    return found


def members(fields: tuple[Field, ...], form: Form) -> dict[str, Any]:
    """The members that were typed, as JSON has them, for the rules to judge.  Raises: FormError."""
    found: dict[str, Any] = {}
    with form.reading() as field:
        for each in fields:
            text = field.text(each.name, each.longest, required=each.required)
            if each.control == "choice":
                text = text or (each.options[0][0] if each.options else "0")
            if each.control == "pem" and not text:
                continue
            try:
                found[each.name] = each.read(text)
            except ValueError as error:
                field.wrong(each.name, Worded(str(error)))
    return found


def unpassworded(typed: Mapping[str, str]) -> dict[str, str]:
    """What was typed, without the passwords of logins."""
    shown = dict(typed)
    if "items" in shown:
        shown["items"] = _logins_shown(_logins(shown["items"]))
    return shown
