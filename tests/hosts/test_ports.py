"""Who is served at which port, and who is not, and why."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.ports import Offer, Own, Place, Plan, plan_of
from meshd.hosts.services import service_of
from meshd.values.published import PortForward, Published, Stream, Transport, Upstream
from tests.http1.support import thorough

UP = Upstream("10.0.0.1", 5432)
OWN = Own(frozenset({443, 8443, 31280}), frozenset({443}), ((40000, 40009),))


def stream(id_: int, port: int, transport: Transport = "tcp", *sni: str) -> Stream:
    return Stream(id_, port, UP, transport, sni)


def stream_of(id_: int, port: int, transport: Transport, sni: list[str]) -> Stream:
    return stream(id_, port, transport, *sni)


def forward(id_: int, port: int, transport: Transport = "tcp", interface: str = "") -> PortForward:
    return PortForward(id_, port, UP, transport, interface)


def plan(*resources: Stream | PortForward, own: Own = OWN) -> Plan:
    streams = tuple(each for each in resources if isinstance(each, Stream))
    forwards = tuple(each for each in resources if isinstance(each, PortForward))
    return plan_of(Published(streams=streams, forwards=forwards), own)


RESOURCES = st.one_of(
    st.builds(
        stream_of,
        st.integers(1, 50),
        st.sampled_from((80, 81, 443, 8443, 31280, 5000, 5001)),
        st.sampled_from(("tcp", "udp", "tcp+udp")),
        st.lists(st.sampled_from(("a.example", "b.example", "*.example")), unique=True),
    ),
    st.builds(
        forward,
        st.integers(1, 50),
        st.sampled_from((80, 443, 8443, 5000, 5001)),
        st.sampled_from(("tcp", "udp", "tcp+udp")),
        st.sampled_from(("", "eth0", "10.0.0.1")),
    ),
)

REFUSED = {
    "port 80": (stream(1, 80), "tcp port 80 is reserved"),
    "port 81": (stream(1, 81), "tcp port 81 is reserved"),
    "port 443 without names": (
        stream(1, 443),
        "tcp port 443 is reserved; a stream with names (sni_match) may share it",
    ),
    "port 80 with names": (stream(1, 80, "tcp", "a.example"), "tcp port 80 is reserved"),
    "a forward of port 443": (
        forward(1, 443),
        "tcp port 443 is reserved; a stream with names (sni_match) may share it",
    ),
    "meshd's API": (stream(1, 8443), "tcp port 8443 is one of meshd's own listeners"),
    "its proxy, with names": (stream(1, 31280, "tcp", "a.example"), "tcp port 31280 is one of meshd's own listeners"),
    "its proxy, at one address": (
        forward(1, 31280, "tcp", "10.1.1.1"),
        "tcp port 31280 of 10.1.1.1 is one of meshd's own listeners",
    ),
    "where customers send datagrams": (stream(1, 40009, "udp"), "udp port 40009 is one of udp.ports"),
    "that, at one device": (forward(1, 40000, "udp", "eth1"), "udp port 40000 of eth1 is one of udp.ports"),
    "names by datagram": (
        stream(1, 5000, "udp", "a.example"),
        "udp port 5000: names (sni_match) are known over TCP alone",
    ),
}


class PlanTests(SynchronousTestCase):
    def test_one_place_for_each_transport(self) -> None:
        found = plan(stream(1, 2222), stream(2, 53, "udp"), stream(3, 3000, "tcp+udp"), forward(4, 2222, "tcp", "eth1"))
        self.assertEqual(
            {place: offer.alone.id for place, offer in found.offers.items() if offer.alone},
            {
                Place("tcp", 2222): 1,
                Place("udp", 53): 2,
                Place("tcp", 3000): 3,
                Place("udp", 3000): 3,
                Place("tcp", 2222, "eth1"): 4,
            },
        )
        self.assertEqual(found.refused, {})

    def test_reserved_ports(self) -> None:
        for what, (resource, why) in REFUSED.items():
            found = plan(resource)
            self.assertEqual((found.offers, found.refused), ({}, {1: why}), what)

    def test_what_shares_a_port_with_hosts_is_not_listened_for(self) -> None:
        self.assertEqual(plan(stream(1, 443, "tcp", "a.example")), Plan())
        shared = Own(taken=frozenset({10443}), shared=frozenset({10443}))
        self.assertEqual(plan(stream(1, 10443, "tcp", "a.example"), own=shared), Plan())

    def test_port_443_is_listened_for_where_hosts_are_elsewhere(self) -> None:
        elsewhere = Own(taken=frozenset({10443}), shared=frozenset({10443}))
        self.assertEqual(list(plan(stream(1, 443, "tcp", "a.example"), own=elsewhere).offers), [Place("tcp", 443)])

    def test_names_by_datagram_leave_the_rest(self) -> None:
        found = plan(stream(1, 5000, "tcp+udp", "a.example"))
        self.assertEqual(list(found.offers), [Place("tcp", 5000)])
        self.assertEqual(list(found.refused), [1])

    def test_a_port_by_datagram_may_be_meshds_by_connection(self) -> None:
        for port in (8443, 443, 80):
            self.assertEqual(list(plan(stream(1, port, "udp")).offers), [Place("udp", port)])

    def test_several_names_at_one_port(self) -> None:
        one, two = stream(1, 5000, "tcp", "a.example"), stream(2, 5000, "tcp", "b.example", "*.b.example")
        found = plan(two, one)
        names = (("a.example", service_of(one)), ("b.example", service_of(two)), ("*.b.example", service_of(two)))
        self.assertEqual(found.offers, {Place("tcp", 5000): Offer(names=names)})
        self.assertEqual(found.offers[Place("tcp", 5000)].services, (service_of(one), service_of(two)))

    def test_the_first_by_its_number_keeps_a_port(self) -> None:
        found = plan(forward(3, 2222), stream(2, 2222), stream(4, 2222, "tcp", "a.example"))
        self.assertEqual(found.offers, {Place("tcp", 2222): Offer(service_of(stream(2, 2222)))})
        taken = "tcp port 2222 is taken by stream-hosts:2"
        self.assertEqual(found.refused, {3: taken, 4: taken})

    def test_the_first_by_its_number_keeps_a_name(self) -> None:
        found = plan(
            stream(1, 5000, "tcp", "a.example"), stream(2, 5000, "tcp", "a.example", "b.example"), stream(3, 5000)
        )
        offer = found.offers[Place("tcp", 5000)]
        self.assertEqual([(name, service.id) for name, service in offer.names], [("a.example", 1), ("b.example", 2)])
        self.assertEqual(
            found.refused,
            {
                2: "tcp port 5000: a.example is taken by stream-hosts:1",
                3: "tcp port 5000 is taken by stream-hosts:1",
            },
        )

    @thorough(300)
    @given(st.lists(RESOURCES, max_size=12, unique_by=lambda each: each.id))
    def test_whatever_stands_in_the_store(self, resources: list[Stream | PortForward]) -> None:
        """No port of meshd's own is taken; everybody is served as they wanted, or told why not."""
        found = plan(*resources)
        served = {service.id for offer in found.offers.values() for service in offer.services}
        for place, offer in found.offers.items():
            self.assertFalse(place.transport == "tcp" and place.port in {80, 81} | OWN.taken)
            self.assertEqual(offer.alone is None, bool(offer.names))
            self.assertEqual(len({name for name, _ in offer.names}), len(offer.names))
        for each in resources:
            beside = isinstance(each, Stream) and each.sni and each.port == 443 and each.transport != "udp"
            self.assertTrue(each.id in served or each.id in found.refused or beside, each)

    def test_all_reasons_are_told(self) -> None:
        found = plan(stream(1, 81, "tcp+udp", "a.example"))
        names = "names (sni_match) are known over TCP alone"
        self.assertEqual(found.refused, {1: f"tcp port 81 is reserved; udp port 81: {names}"})
