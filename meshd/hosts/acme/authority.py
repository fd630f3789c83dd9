"""What meshd asks of an authority: an account, an order, a certificate, a moment to renew.  Blocking, for a thread.

Whatever goes wrong is a Failed with a sentence for the operator.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import NamedTuple

from acme import challenges, client, crypto_util, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from josepy.jwk import JWKEC

from meshd.hosts.acme.failure import EXPECTED, Failed, is_kind, worded
from meshd.hosts.acme.network import Network
from meshd.values.addresses import parse_ip
from meshd.values.hosting import Acme

PATIENCE = 300.0
"""Seconds for an authority to look at all challenges and to issue; some queue what they are asked for."""
POLL = 1.0, 10.0
"""The shortest and the longest seconds between two looks at what an authority decides."""
CHECKS = 60.0, 86400.0
"""The shortest and the longest seconds between two looks at renewal information (RFC 9773, section 4.3.3)."""
CHECK = 21600.0
"""Seconds where the authority says nothing of it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What has to stand below `/.well-known/acme-challenge/` before the authority is asked to look."""

    token: str
    text: str


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that waits for its challenges."""

    order: messages.OrderResource
    answers: tuple[tuple[messages.ChallengeBody, challenges.KeyAuthorizationChallengeResponse], ...]
    key: str = field(repr=False)
    """The private key of the certificate to be, PEM."""
    offers: tuple[Offer, ...]


class Advice(NamedTuple):
    """Renewal information: the moment, None where the authority has no opinion, and seconds until it wants to be asked
    again.
    """

    renew_at: float | None
    again: float


class Authority:
    """One conversation with the directory of the settings, signed by one account's key."""

    def __init__(self, settings: Acme, account_key: str, uri: str, stopped: Event) -> None:
        """uri: that of the account, "" for one that is to be made; stopped: set where the process ends.

        Raises: Failed.
        """
        self._settings = settings
        self._stopped = stopped
        with self._words(None):
            self._key = _jwk(account_key)
            self._network = Network(self._key, settings.ca)
        with self._words(self._network):
            directory = client.ClientV2.get_directory(settings.directory, self._network)
            self._client = client.ClientV2(directory, self._network)
        self.uri = uri

    def sign_in(self) -> str:
        """Find the account again, or make it; its URI.  Raises: Failed."""
        with self._words(self._network):
            if not self.uri or not self._found(self.uri):
                self._register()
        return self.uri

    def place(self, names: Sequence[str]) -> Placed:
        """Order a certificate, with a new key.  Raises: Failed."""
        if wild := [name for name in names if name.startswith("*.")]:
            raise Failed(f"{wild[0]}: a wildcard needs a challenge by DNS, which meshd does not do; name each host.")
        key = new_key()
        with self._words(self._network):
            addresses = [address for name in names if (address := parse_ip(name)) is not None]
            domains = [name for name in names if parse_ip(name) is None]
            csr = crypto_util.make_csr(key.encode("ascii"), domains, ipaddrs=addresses)
            order = self._client.new_order(csr, self._profile())
            answers, offers = [], []
            for authorization in order.authorizations:
                if authorization.body.status != messages.STATUS_VALID:
                    body = _http01(authorization)
                    response, text = body.response_and_validation(self._key)
                    answers.append((body, response))
                    offers.append(Offer(body.chall.encode("token"), text))
        return Placed(order, tuple(answers), key, tuple(offers))

    def collect(self, placed: Placed) -> str:
        """Have the challenges looked at, and the certificate issued; its chain in PEM.  Raises: Failed."""
        until = time.monotonic() + PATIENCE
        with self._words(self._network):
            for body, response in placed.answers:
                self._client.answer_challenge(body, response)
            for authorization in placed.order.authorizations:
                self._wait(partial(self._authorized, authorization), until)
            order = self._finalize(placed.order, until)
            return self._network.post(order.certificate, None, new_nonce_url=self._nonces()).text

    def advice(self, chain: str) -> Advice:
        """When to renew this certificate.  Raises: Failed."""
        with self._words(self._network):
            try:
                base = self._client.directory["renewalInfo"]
            except KeyError:
                return Advice(None, CHECK)
            leaf = x509.load_pem_x509_certificates(chain.encode("ascii"))[0]
            response = self._network.get(f"{base}/{certificate_id(leaf)}")
            window = messages.RenewalInfo.from_json(response.json()).suggested_window
            wait = self._network.wait or CHECK
            return Advice(
                moment(leaf, window.start.timestamp(), window.end.timestamp()), min(max(wait, CHECKS[0]), CHECKS[1])
            )

    def _found(self, uri: str) -> bool:
        """Whether the authority still has the account; it may have begun anew, as one for tests does."""
        known = messages.RegistrationResource(body=messages.Registration(), uri=uri)
        try:
            self.uri = self._client.query_registration(known).uri
        except messages.Error as error:
            if not is_kind(error, "accountDoesNotExist"):
                raise
            return False
        return True

    def _register(self) -> None:
        settings = self._settings
        binding = None
        if settings.kid:
            public = self._key.public_key()
            binding = messages.ExternalAccountBinding.from_data(
                public, settings.kid, settings.key, self._client.directory
            )
        elif self._client.external_account_required():
            raise Failed("The authority wants an account of its own: set acme_eab_kid and acme_eab_key_file.")
        asked = messages.NewRegistration.from_data(
            email=settings.email or None, terms_of_service_agreed=True, external_account_binding=binding
        )
        self._network.account = None
        try:
            self.uri = self._client.new_account(asked).uri
        except errors.ConflictError as error:
            self._found(error.location)

    def _profile(self) -> str | None:
        """Raises: Failed, as some authorities ignore what they do not know."""
        wanted = self._settings.profile
        offered = self._client.directory.meta.profiles or {}
        if wanted and wanted not in offered:
            raise Failed(f"The authority has no profile {wanted!r}; it has {', '.join(sorted(offered)) or 'none'}.")
        return wanted or None

    def _authorized(self, authorization: messages.AuthorizationResource) -> bool:
        body = self._client.poll(authorization)[0].body
        if body.status == messages.STATUS_PENDING:
            return False
        if body.status != messages.STATUS_VALID:
            told = [worded(each.error) for each in body.challenges if each.error is not None]
            raise Failed(f"{body.identifier.value}: {'; '.join(told) or 'the authority did not let it pass'}")
        return True

    def _finalize(self, order: messages.OrderResource, until: float) -> messages.Order:
        found: list[messages.Order] = []

        def issued() -> bool:
            body = messages.Order.from_json(self._network.post(order.uri, None, new_nonce_url=self._nonces()).json())
            if body.status == messages.STATUS_READY:
                self._client.begin_finalization(order)
            elif body.status == messages.STATUS_INVALID:
                raise Failed(worded(body.error) if body.error else "The authority gave the order up.")
            found[:] = [body] if body.status == messages.STATUS_VALID and body.certificate else []
            return bool(found)

        self._wait(issued, until)
        return found[0]

    def _wait(self, done: Callable[[], bool], until: float) -> None:
        """Look until it is done, ever more seldom, and no sooner than was asked for.  Raises: Failed."""
        pause = POLL[0]
        while not done():
            wait = min(max(pause, self._network.wait), POLL[1])
            if time.monotonic() + wait > until:
                raise Failed("The authority did not decide in time.")
            if self._stopped.wait(wait):
                raise Failed("meshd was stopped meanwhile.")
            pause *= 1.5

    def _nonces(self) -> str:
        return str(self._client.directory["newNonce"])

    @contextmanager
    def _words(self, network: Network | None) -> Iterator[None]:
        try:
            yield
        except EXPECTED as error:
            raise Failed(worded(error), network.wait if network else 0.0) from error


def new_key() -> str:
    """A private key in PEM: of an account, or of a certificate.  P-256 is what all clients and authorities take."""
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def certificate_id(leaf: x509.Certificate) -> str:
    """How renewal information calls a certificate (RFC 9773, section 4.1).  Raises: ValueError."""
    try:
        key_id = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        key_id = None
    if key_id is None:
        raise ValueError("no identifier of the authority's key")
    serial = leaf.serial_number
    return ".".join(_base64url(each) for each in (key_id, serial.to_bytes(serial.bit_length() // 8 + 1, "big")))


def moment(leaf: x509.Certificate, start: float, end: float) -> float:
    """A moment of the window, another for each certificate, and the same whenever it is asked for."""
    drawn = int.from_bytes(hashlib.sha256(leaf.public_bytes(Encoding.DER)).digest()[:4], "big") / 2**32
    return start + drawn * max(end - start, 0.0)


def _http01(authorization: messages.AuthorizationResource) -> messages.ChallengeBody:
    for body in authorization.body.challenges:
        if isinstance(body.chall, challenges.HTTP01):
            return body
    raise Failed(f"{authorization.body.identifier.value}: the authority offers no challenge by HTTP.")


def _jwk(key: str) -> JWKEC:
    return JWKEC(key=load_pem_private_key(key.encode("ascii"), password=None))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
