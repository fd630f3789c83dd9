#!/usr/bin/env bash
# libproxy tells a program by which proxy to reach a URL: GNOME's and KDE's programs ask it, and the command "proxy" does.
# On a machine without a desktop it reads the environment: http_proxy, https_proxy, ftp_proxy.
#
# Guess: each variable is for the scheme in its name, as in curl, wget and Python: with http_proxy alone https:// is direct,
#   and so is anything else.
# Seen with libproxy 0.4.18 (Debian 0.4.18-1.2): http_proxy is the proxy of every scheme that has no variable of its own:
#   https and ftp, and also imaps, ssh and whatever else is asked for; https_proxy is for https alone.  An environment that
#   sends pages to a proxy for pages, as curl understands it, sends mail and tunnels there in programs by libproxy.
#
# Needs: root, for nothing but apt-get download; python3.  Takes about ten seconds, without network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq 'libproxy-tools=0.4.18-1.2' 'libproxy1v5=0.4.18-1.2' 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done
unset http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY
export HOME=$folder XDG_CURRENT_DESKTOP='' DESKTOP_SESSION='' LD_LIBRARY_PATH=usr/lib/x86_64-linux-gnu

urls='http://a.test/ https://a.test/ ftp://a.test/ imaps://a.test/ ssh://a.test/'
proxies() { # the variable; the answers of libproxy, and of Python's urllib, in the order of the URLs
    # shellcheck disable=SC2086
    env "$1=http://p.test:3128" usr/bin/proxy $urls | paste -sd' '
    # shellcheck disable=SC2086
    env "$1=http://p.test:3128" python3 -c 'import sys, urllib.request as request
known = request.getproxies_environment()
print(*(known.get(url.split(":")[0], "direct://") for url in sys.argv[1:]))' $urls
}
by=http://p.test:3128
wrong=0
see() { # variable, what libproxy is expected to say, what Python is
    local seen
    seen=$(proxies "$1")
    printf '%s: %s\nlibproxy: %s\nPython:   %s\n' "$1" "$urls" "$(sed -n 1p <<<"$seen")" "$(sed -n 2p <<<"$seen")"
    [ "$seen" = "$2"$'\n'"$3" ] || wrong=1
}
see http_proxy "$by $by $by $by $by" "$by direct:// direct:// direct:// direct://"
see https_proxy "direct:// $by direct:// direct:// direct://" "direct:// $by direct:// direct:// direct://"
exit "$wrong"
