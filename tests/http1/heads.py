"""Heads named by a sentence, shared by the tests of single readers and by those that compare readers."""

from __future__ import annotations

GOOD_REQUESTS: dict[str, bytes] = {
    "a browser asks for a page": (
        b"GET http://www.example.com/a?b=c HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11)\r\n"
        b"Accept: text/html,*/*;q=0.8\r\nProxy-Connection: keep-alive\r\n\r\n"
    ),
    "a stock Python client opens a tunnel, in HTTP/1.0 and without Host": (
        b"CONNECT www.example.com:443 HTTP/1.0\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    ),
    "a tunnel in HTTP/1.1 without any field": b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n",
    "an empty line before the request line": b"\r\nGET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "an empty value, as scrapy middlewares send": b"GET http://a/ HTTP/1.1\r\nHost: a\r\nX-ProxyMesh-Not-IP:\r\n\r\n",
    "a value of blanks alone": b"GET http://a/ HTTP/1.1\r\nHost: a\r\nX-ProxyMesh-IP: \t \r\n\r\n",
    "blanks around a value": b"GET http://a/ HTTP/1.1\r\nHost:\t a \t\r\nA:b\r\n\r\n",
    "blanks inside a value": b"GET http://a/ HTTP/1.1\r\nHost: a\r\nA: b \t c\r\n\r\n",
    "bytes above ASCII in a value": b"GET http://a/ HTTP/1.1\r\nHost: a\r\nA: \xc3\xa9\xff\x80\r\n\r\n",
    "every character that a name may have": (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"),
    "colons in a value": b"GET http://a/ HTTP/1.1\r\nHost: a:80\r\nA: :b::\r\n\r\n",
    "a method that is nobody's": b"FROBNICATE-2 http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method of 32 characters": b"%b http://a/ HTTP/1.1\r\nHost: a\r\n\r\n" % (b"M" * 32),
    "a method in lower case, which is another method": b"get http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a repeated field": b"GET http://a/ HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\ncookie: b=2\r\n\r\n",
    "characters in a query that clients forget to escape": (
        b'GET http://a/?q={"a":[1|2]}^`<> HTTP/1.1\r\nHost: a\r\n\r\n'
    ),
}

BAD_REQUESTS: dict[str, tuple[bytes, int, str]] = {
    "TLS on the plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "TLS on a plain HTTP port"),
    "TLS after an empty line": (b"\r\n\x16\x03\x01", 400, "TLS on a plain HTTP port"),
    "SOCKS 4": (b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", 400, "SOCKS on an HTTP port"),
    "SOCKS 5": (b"\x05\x01\x00", 400, "SOCKS on an HTTP port"),
    "another protocol that is binary": (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", 400, "a NUL"),
    "two empty lines before the request line": (
        b"\r\n\r\nGET http://a/ HTTP/1.1\r\n\r\n",
        400,
        "an empty request line",
    ),
    "a blank before the method": (b" GET http://a/ HTTP/1.1\r\n\r\n", 400, "the method is not a token"),
    "HTTP/0.9": (b"GET /\r\n", 400, "the request line is not: method, target, version"),
    "a request line of three words, none of them a version": (
        b"SSH 2.0 OpenSSH_9.2p1\r\n",
        400,
        "the request line does not end in an HTTP version",
    ),
    "two spaces before the target": (
        b"GET  http://a/ HTTP/1.1\r\n\r\n",
        400,
        "the request line is not: method, target, version",
    ),
    "two spaces before the version": (
        b"GET http://a/  HTTP/1.1\r\n\r\n",
        400,
        "the request line is not: method, target, version",
    ),
    "no target": (b"GET  HTTP/1.1\r\n\r\n", 400, "the request line is not: method, target, version"),
    "a space in the target": (
        b"GET http://a/b c HTTP/1.1\r\n\r\n",
        400,
        "the request line is not: method, target, version",
    ),
    "a space after the version": (
        b"GET http://a/ HTTP/1.1 \r\n\r\n",
        400,
        "the request line is not: method, target, version",
    ),
    "a tab in place of a space": (b"GET\thttp://a/ HTTP/1.1\r\n\r\n", 400, "the method is not a token"),
    "a tab in the target": (
        b"GET http://a/\tb HTTP/1.1\r\n\r\n",
        400,
        "a tab in the target",
    ),
    "a method that is no token": (b"GE(T http://a/ HTTP/1.1\r\n\r\n", 400, "the method is not a token"),
    "a method of 33 characters": (b"%b http://a/ HTTP/1.1\r\n\r\n" % (b"M" * 33), 501, "the method is too long"),
    "HTTP/2's preface": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        505,
        "only HTTP/1.0 and HTTP/1.1 are spoken here",
    ),
    "HTTP/1.2": (b"GET http://a/ HTTP/1.2\r\n\r\n", 505, "only HTTP/1.0 and HTTP/1.1 are spoken here"),
    "HTTP/0.9 written out": (b"GET http://a/ HTTP/0.9\r\n\r\n", 505, "only HTTP/1.0 and HTTP/1.1 are spoken here"),
    "a minor version of two digits": (
        b"GET http://a/ HTTP/1.10\r\n\r\n",
        400,
        "the request line does not end in an HTTP version",
    ),
    "a version in lower case": (
        b"GET http://a/ http/1.1\r\n\r\n",
        400,
        "the request line does not end in an HTTP version",
    ),
    "a request line that ends in a bare LF": (b"GET http://a/ HTTP/1.1\nHost: a\r\n\r\n", 400, "a bare LF"),
    "a field line that ends in a bare LF": (b"GET http://a/ HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", 400, "a bare LF"),
    "a blank line of a bare LF": (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\n", 400, "a bare LF"),
    "a bare CR in the request line": (b"GET http://a/\rb HTTP/1.1\r\n\r\n", 400, "a bare CR"),
    "a bare CR in a value": (b"GET http://a/ HTTP/1.1\r\nA: b\rC: d\r\n\r\n", 400, "a bare CR"),
    "a bare CR before the line's end": (b"GET http://a/ HTTP/1.1\r\nA: b\r\r\n\r\n", 400, "a bare CR"),
    "a bare CR where the blank line is due": (b"GET http://a/ HTTP/1.1\r\nA: b\r\n\rX", 400, "a bare CR"),
    "a NUL in a value": (b"GET http://a/ HTTP/1.1\r\nA: b\x00c\r\n\r\n", 400, "a NUL"),
    "a NUL in a name": (b"GET http://a/ HTTP/1.1\r\nA\x00: b\r\n\r\n", 400, "a NUL"),
    "a vertical tab before chunked": (
        b"POST http://a/ HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        400,
        "a control byte",
    ),
    "a DEL in a value": (b"GET http://a/ HTTP/1.1\r\nA: b\x7f\r\n\r\n", 400, "a control byte"),
    "a space before the colon": (
        b"GET http://a/ HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
        400,
        "whitespace before the colon of a field line",
    ),
    "a tab before the colon": (
        b"GET http://a/ HTTP/1.1\r\nHost\t: a\r\n\r\n",
        400,
        "whitespace before the colon of a field line",
    ),
    "a folded value": (b"GET http://a/ HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400, "a folded field line"),
    "a value folded by a tab": (b"GET http://a/ HTTP/1.1\r\nA: b\r\n\tC: d\r\n\r\n", 400, "a folded field line"),
    "a blank before the first field": (b"GET http://a/ HTTP/1.1\r\n Host: a\r\n\r\n", 400, "a folded field line"),
    "a line of blanks": (b"GET http://a/ HTTP/1.1\r\n  \r\n\r\n", 400, "a folded field line"),
    "a field line without a colon": (
        b"GET http://a/ HTTP/1.1\r\nHost a\r\n\r\n",
        400,
        "a field line without a colon",
    ),
    "an empty name": (b"GET http://a/ HTTP/1.1\r\n: a\r\n\r\n", 400, "a field name that is not a token"),
    "a space in a name": (b"GET http://a/ HTTP/1.1\r\nHo st: a\r\n\r\n", 400, "a field name that is not a token"),
    "a byte above ASCII in a name": (
        b"GET http://a/ HTTP/1.1\r\nH\xf6st: a\r\n\r\n",
        400,
        "a field name that is not a token",
    ),
    "a quote in a name": (b'GET http://a/ HTTP/1.1\r\n"Host": a\r\n\r\n', 400, "a field name that is not a token"),
    "a good field after a bad one does not hide it": (
        b"GET http://a/ HTTP/1.1\r\nbad name: x\r\nHost: a\r\n\r\n",
        400,
        "a field name that is not a token",
    ),
    "the first of two faults is the one that counts": (
        b"GET http://a/ HTTP/1.1\r\nA : b\r\nB: \x00\r\n\r\n",
        400,
        "whitespace before the colon of a field line",
    ),
}

GOOD_RESPONSES: dict[str, bytes] = {
    "a page": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\n",
    "an old server": b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n",
    "an empty reason": b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
    "neither reason nor the space before it": b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
    "a reason of several words, above ASCII": b"HTTP/1.1 404 Nicht gef\xfcr Dich\tda\r\n\r\n",
    "an interim response": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a status that no RFC has, but a well-known site": b"HTTP/1.1 999 Request denied\r\n\r\n",
    "several cookies": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nset-cookie: c\r\n\r\n",
    "blanks after a value": b"HTTP/1.1 200 OK\r\nA: b  \r\n\r\n",
}

MENDED_RESPONSES: dict[str, tuple[bytes, int, list[tuple[bytes, bytes]]]] = {
    "a bare LF at every line's end": (b"HTTP/1.1 200 OK\nA: b\nC: d\n\n", 200, [(b"A", b"b"), (b"C", b"d")]),
    "bare LFs, and CRLF for the blank line": (b"HTTP/1.1 200 OK\nA: b\n\r\n", 200, [(b"A", b"b")]),
    "bare LFs, and CRLF for a field": (b"HTTP/1.0 200 OK\nA: b\r\nC: d\n\n", 200, [(b"A", b"b"), (b"C", b"d")]),
    "a bare LF after the status line alone": (b"HTTP/1.1 200 OK\nA: b\r\n\r\n", 200, [(b"A", b"b")]),
    "a bare LF after a field that frames nothing": (
        b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\nContent-Length: 5\r\n\r\n",
        200,
        [(b"A", b"b"), (b"C", b"d"), (b"Content-Length", b"5")],
    ),
    "a folded value": (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\td\r\n\r\n", 200, [(b"A", b"b c d")]),
    "a folded value that begins with its fold": (b"HTTP/1.1 200 OK\r\nA:\r\n b\r\n\r\n", 200, [(b"A", b"b")]),
    "a folded value with bare LFs": (b"HTTP/1.1 200 OK\nA: b\n c\n\n", 200, [(b"A", b"b c")]),
    "a space before the colon": (
        b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\nA\t : b\r\n\r\n",
        200,
        [(b"Content-Length", b"5"), (b"A", b"b")],
    ),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\nA: b\r\n\r\n", 200, [(b"A", b"b")]),
    "HTTP/1.9": (b"HTTP/1.9 204\r\n\r\n", 204, []),
    "two spaces before the status": (b"HTTP/1.1  200 OK\r\n\r\n", 200, []),
    "tabs around the status": (b"HTTP/1.1\t200\tOK\r\n\r\n", 200, []),
    "a bell in a value": (b"HTTP/1.1 200 OK\r\nA: b\x07c\x7fd\r\n\r\n", 200, [(b"A", b"b c d")]),
    "an escape in the reason": (b"HTTP/1.1 200 O\x1bK\r\n\r\n", 200, []),
}
"""Heads that break the grammar, and what all who accept them read."""

_LF = "a bare LF beside a field that frames: one reader ends the line there, another reads on"
_LF_END = "a bare LF before the blank line: one reader ends the head there, another reads on"
_CR = "a bare CR: one reader ends the line there, another reads on"
_NUL = "a NUL: one reader ends the text there, another reads on"
_FOLDED = "a folded field that frames: one reader takes its first line alone"
_SEEMS = "a folded line that looks like a field which frames: one reader takes it for that field"
_BLANKS = "a line of blanks: one reader ends the head there, another reads on"
_NO_COLON = "a field line without a colon: one reader skips it, another ends the head there"
_NO_NAME = "a field name that is not a token: one reader skips the field, another takes it"
_EMPTY = "an empty line before the answer: for one reader it is HTTP/0.9, whose answers are all body"

BAD_RESPONSES: dict[str, tuple[bytes, str]] = {
    "another protocol": (b"220 smtp.example.com ESMTP\r\n", "the origin's answer is not HTTP"),
    "a page without a head, in HTTP/0.9": (b"<html>\r\n", "the origin's answer is not HTTP"),
    "an empty line first": (b"\r\nHTTP/1.1 200 OK\r\n\r\n", _EMPTY),
    "an empty line of a bare LF first": (b"\nHTTP/1.1 200 OK\r\n\r\n", _EMPTY),
    "HTTP/2": (b"HTTP/2.0 200 OK\r\n\r\n", "the origin's answer is not HTTP/1.0 or HTTP/1.1"),
    "HTTP/1.10": (b"HTTP/1.10 200 OK\r\n\r\n", "the origin's answer is not HTTP/1.0 or HTTP/1.1"),
    "http in small letters": (b"http/1.1 200 OK\r\n\r\n", "the origin's answer is not HTTP"),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", "the origin's status line is malformed"),
    "a status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", "the origin's status line is malformed"),
    "a status below 100": (b"HTTP/1.1 099 OK\r\n\r\n", "the origin's status line is malformed"),
    "a signed status": (b"HTTP/1.1 +20 OK\r\n\r\n", "the origin's status line is malformed"),
    "no status": (b"HTTP/1.1\r\n\r\n", "the origin's status line is malformed"),
    "a bare CR in the reason": (b"HTTP/1.1 200 O\rK\r\n\r\n", _CR),
    "a bare CR in a value": (b"HTTP/1.1 200 OK\r\nA: b\rContent-Length: 0\r\n\r\n", _CR),
    "CR CR LF": (b"HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n", _CR),
    "a NUL in a value": (b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", _NUL),
    "a NUL in a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\x001\r\n\r\n", _NUL),
    "a vertical tab before chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        "a control byte in a field that frames",
    ),
    "a bare LF before a length": (b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\r\n\r\n", _LF),
    "a bare LF before a length, further off": (b"HTTP/1.1 200 OK\r\nA: b\nC: d\nContent-Length: 5\r\n\r\n", _LF),
    "a bare LF after a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\nA: b\r\n\r\n", _LF),
    "a bare LF before a coding": (b"HTTP/1.1 200 OK\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n", _LF),
    "two bare LFs in a head of CRLF": (b"HTTP/1.1 200 OK\r\nA: b\n\nbody\r\n\r\n", _LF_END),
    "a bare LF and CRLF for the end": (b"HTTP/1.1 200 OK\r\nA: b\n\r\nbody\r\n\r\n", _LF_END),
    "CRLF and a bare LF for the end": (b"HTTP/1.1 200 OK\r\nA: b\r\n\nbody\r\n\r\n", _LF_END),
    "a folded length": (b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\n", _FOLDED),
    "a folded coding, with bare LFs": (b"HTTP/1.1 200 OK\nTransfer-Encoding:\n chunked\n\n", _FOLDED),
    "a length that is folded onto another line": (b"HTTP/1.1 200 OK\r\nA: b\r\n Content-Length: 5\r\n\r\n", _SEEMS),
    "a coding that is folded onto another line": (
        b"HTTP/1.1 200 OK\r\nA: b\r\n\ttransfer-encoding : chunked\r\n\r\n",
        _SEEMS,
    ),
    "a fold before the first field": (
        b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "a blank before the first field: one reader skips the line, another takes it for a field",
    ),
    "a line of blanks": (b"HTTP/1.1 200 OK\r\nA: b\r\n \t\r\nC: d\r\n\r\n", _BLANKS),
    "a line without a colon": (b"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n\r\n", _NO_COLON),
    "a blank in a name": (b"HTTP/1.1 200 OK\r\nContent Length: 5\r\n\r\n", _NO_NAME),
    "an empty name": (b"HTTP/1.1 200 OK\r\n: 5\r\n\r\n", _NO_NAME),
    "a control byte in a name": (b"HTTP/1.1 200 OK\r\nA\x07: 5\r\n\r\n", "a control byte in a field name"),
    "TLS": (b"\x15\x03\x03\x00\x02\x02\x32", "the origin speaks TLS"),
}
