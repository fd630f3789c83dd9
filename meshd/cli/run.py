"""`meshd run`: a command with a token of its own, which lives as long as the command does.

The token's end is a few minutes ahead, and is put off while the command runs: where `meshd run` itself is killed, the
token soon ends.
"""

from __future__ import annotations

import os
import signal
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence

from meshd.accounts import overview, tokens
from meshd.accounts.errors import AccountError
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.model import Token
from meshd.store.interface import StoreError
from meshd.values.times import iso

AHEAD = 15 * 60
"""Seconds that the token's end is ahead, when it is made and each time it is put off."""

PUT_OFF = 5 * 60.0
"""Seconds after which the end is put off: a store that is away may miss one and a second time."""

PASSED_ON = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})

HEARD = PASSED_ON | {signal.SIGCHLD}

NO_PROXY = "localhost,127.0.0.1,::1"

NOT_FOUND, NOT_RUN, BY_SIGNAL = 127, 126, 128
"""Statuses as shells have them: no such command, one that cannot be run, one that was ended by a signal."""


def add_to(top: Verbs) -> None:
    parser = top.verb("run", run, "run a command with a token of its own in its environment, revoked when it ends")
    parser.add_argument("--account", metavar="NAME", help="whose token it is (default: the root account's)")
    parser.add_argument("--proxy", metavar="NAME", help="the proxy that it is sent to (default: the first)")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after `--`, with its own options")


def run(context: Context, args: Namespace) -> None:
    address = _address(context, args.proxy)
    secret = new_token(os.urandom(TOKEN_BYTES))
    # From here on signals wait, so that none ends this process before the token is revoked.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    try:
        token = _made(context, args.account, secret, args.command)
        try:
            status = _carried_out(context, token, args.command, environment(os.environ, secret, address), before)
        finally:
            _revoke(context, token)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    raise SystemExit(status)


def environment(inherited: Mapping[str, str], secret: str, address: str) -> dict[str, str]:
    """The command's environment, with the token and the proxy's address."""
    url = f"http://{secret}:@{address}"
    proxies = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": NO_PROXY}
    return {**inherited, "MESHD_TOKEN": secret, **proxies, **{name.lower(): text for name, text in proxies.items()}}


def _address(context: Context, name: str | None) -> str:
    proxies = context.config.topology.proxies
    if name is not None and name not in proxies:
        raise Refused(f"there is no proxy {name!r}; there are {', '.join(proxies)}")
    proxy = proxies[name] if name is not None else next(iter(proxies.values()))
    return proxy.domain


def _made(context: Context, name: str | None, secret: str, command: Sequence[str]) -> Token:
    if name is None:
        root = context.run(overview.root)
        if root is None:
            raise Refused("there is no root account yet: start the daemon, or name an account with --account")
        name = root.username
    printable = "".join(each for each in os.path.basename(command[0]) if each.isascii() and each.isprintable())
    return context.run(
        tokens.create,
        context.operator,
        name,
        digest=token_digest(secret),
        label=f"meshd run {printable}"[:100],
        expires_on=_end(context),
        plans=context.plans,
        now=context.now(),
    )


def _end(context: Context) -> str:
    return iso(context.now() + AHEAD)[:16]


def _carried_out(
    context: Context, token: Token, command: Sequence[str], env: Mapping[str, str], mask: Iterable[int]
) -> int:
    """Run the command, with this mask of signals; its status, as a shell would have it."""
    # Python ignores these two; a command expects them to be as they are in a shell.
    usual = (signal.SIGPIPE, signal.SIGXFSZ)
    try:
        child = os.posix_spawnp(command[0], list(command), env, setsigmask=mask, setsigdef=usual)
    except OSError as error:
        context.note(f"meshd: {command[0]}: {error.strerror}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUN
    while True:
        ended, waited = os.waitpid(child, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(waited)
            return status if status >= 0 else BY_SIGNAL - status
        heard = signal.sigtimedwait(HEARD, PUT_OFF)
        if heard is None:
            _put_off(context, token)
        elif heard.si_signo in PASSED_ON and heard.si_code <= 0:
            # What a terminal sends (its code is above 0) the command has been sent too.
            os.kill(child, heard.si_signo)


def _put_off(context: Context, token: Token) -> None:
    try:
        context.run(tokens.edit, context.operator, token.id, expires_on=_end(context), now=context.now())
    except (StoreError, AccountError) as error:
        context.note(f"meshd: the token's end is not put off: {error}")


def _revoke(context: Context, token: Token) -> None:
    try:
        context.run(tokens.delete, context.operator, token.id, now=context.now())
    except StoreError as error:
        context.note(
            f"meshd: token {token.id} is not revoked, and ends at {token.expires_on} UTC or soon after: {error}"
        )
    except AccountError:
        return  # somebody has deleted it, or its account
