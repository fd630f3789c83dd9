"""Requests made to be read two ways.

`@O` stands for the origin's host and port.  None carries a credential: they come from an address that is on a list.
"""

from __future__ import annotations

from collections.abc import Iterator

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: @O\r\n\r\n"
"""What must never be a request of its own."""

POST = b"POST http://@O/sent HTTP/1.1\r\nHost: @O\r\n"
GET = b"GET http://@O/sent HTTP/1.1\r\nHost: @O\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BODY = b"5\r\nhello\r\n0\r\n\r\n"

_LENGTHS = {
    "two lengths that differ": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "two lengths that agree": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "a list of lengths": b"Content-Length: 5, 5\r\n",
    "a list of lengths that differ": b"Content-Length: 5, 6\r\n",
    "a signed length": b"Content-Length: +5\r\n",
    "a negative length": b"Content-Length: -5\r\n",
    "a length in hexadecimal": b"Content-Length: 0x5\r\n",
    "a length with a blank in it": b"Content-Length: 5 5\r\n",
    "an empty length": b"Content-Length: \r\n",
    "a length with a point": b"Content-Length: 5.0\r\n",
    "a length with an exponent": b"Content-Length: 1e1\r\n",
    "a length with an underscore": b"Content-Length: 1_0\r\n",
    "a length beyond 63 bits": b"Content-Length: 99999999999999999999\r\n",
    "a length that wraps at 64 bits": b"Content-Length: 18446744073709551621\r\n",
    "a length in other digits": b"Content-Length: \xd9\xa5\r\n",
    "a length with a comment": b"Content-Length: 5;x\r\n",
    "a length in quotes": b'Content-Length: "5"\r\n',
    "a length folded over two lines": b"Content-Length:\r\n 5\r\n",
    "a length with a vertical tab": b"Content-Length: \x0b5\r\n",
    "a length with a form feed": b"Content-Length: 5\x0c\r\n",
    "a length with a NUL": b"Content-Length: 5\x00\r\n",
    "a blank before the colon of a length": b"Content-Length : 5\r\n",
    "a tab before the colon of a length": b"Content-Length\t: 5\r\n",
    "a blank before a length": b" Content-Length: 5\r\n",
    "a length and chunks": b"Content-Length: 5\r\n" + CHUNKED,
    "chunks and a length": CHUNKED + b"Content-Length: 5\r\n",
    "chunks and a length of nothing": CHUNKED + b"Content-Length: 0\r\n",
    "chunks and a length in small letters": CHUNKED + b"content-length: 5\r\n",
}

_CODINGS = {
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n",
    "chunked on two lines": CHUNKED + CHUNKED,
    "gzip, chunked": b"Transfer-Encoding: gzip, chunked\r\n",
    "chunked, gzip": b"Transfer-Encoding: chunked, gzip\r\n",
    "identity": b"Transfer-Encoding: identity\r\n",
    "identity beside a length": b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
    "identity, chunked": b"Transfer-Encoding: identity, chunked\r\n",
    "identity and chunked on two lines": b"Transfer-Encoding: identity\r\n" + CHUNKED,
    "chunked and identity on two lines": CHUNKED + b"Transfer-Encoding: identity\r\n",
    "xchunked": b"Transfer-Encoding: xchunked\r\n",
    "chunkedx": b"Transfer-Encoding: chunkedx\r\n",
    "chunked with a parameter": b"Transfer-Encoding: chunked;q=1\r\n",
    "chunked in quotes": b'Transfer-Encoding: "chunked"\r\n',
    "chunked in single quotes": b"Transfer-Encoding: 'chunked'\r\n",
    "an empty coding": b"Transfer-Encoding: \r\n",
    "an empty coding beside a length": b"Content-Length: 5\r\nTransfer-Encoding:\r\n",
    "a comma before chunked": b"Transfer-Encoding: ,chunked\r\n",
    "a comma after chunked": b"Transfer-Encoding: chunked,\r\n",
    "chunked behind a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
    "chunked behind a form feed": b"Transfer-Encoding: chunked\x0c\r\n",
    "chunked behind a NUL": b"Transfer-Encoding: \x00chunked\r\n",
    "chunked behind obs-text": b"Transfer-Encoding: \xffchunked\r\n",
    "chunked behind a no-break space": b"Transfer-Encoding: \xa0chunked\r\n",
    "chunked folded": b"Transfer-Encoding:\r\n chunked\r\n",
    "chunked folded with a tab": b"Transfer-Encoding:\r\n\tchunked\r\n",
    "chunked on the line of another": b"X: y\r\n Transfer-Encoding: chunked\r\n",
    "a blank before the colon of a coding": b"Transfer-Encoding : chunked\r\n",
    "a tab before the colon of a coding": b"Transfer-Encoding\t: chunked\r\n",
    "a blank before a coding": b" Transfer-Encoding: chunked\r\n",
    "a coding behind a bare LF": b"X: y\nTransfer-Encoding: chunked\r\n",
    "a coding behind a bare CR": b"X: y\rTransfer-Encoding: chunked\r\n",
    "a coding behind a NUL": b"X: y\x00Transfer-Encoding: chunked\r\n",
    "a coding ended by a bare LF": b"Transfer-Encoding: chunked\n",
    "a coding ended by CR CR LF": b"Transfer-Encoding: chunked\r\r\n",
    "a line without a colon": b"Transfer-Encoding chunked\r\n",
    "a line with no name": b": chunked\r\n",
}

_FIELDS = {
    "a NUL in a value": b"X: a\x00b\r\n",
    "a bare CR in a value": b"X: a\rb\r\n",
    "a bare LF in a value": b"X: a\nb\r\n",
    "a bell in a value": b"X: \x07\r\n",
    "a DEL in a value": b"X: \x7f\r\n",
    "a folded value": b"X: a\r\n b\r\n",
    "a value folded with a tab": b"X: a\r\n\tb\r\n",
    "a blank in a name": b"X Y: a\r\n",
    "a bracket in a name": b"X(Y): a\r\n",
    "a slash in a name": b"X/Y: a\r\n",
    "obs-text in a name": b"X\xff: a\r\n",
    "a NUL in a name": b"X\x00: a\r\n",
    "an empty name": b": a\r\n",
    "a second Host": b"Host: other.test\r\n",
    "the same Host twice": b"Host: @O\r\n",
    "a folded Host": b"Host:\r\n other.test\r\n",
    "a Host with a blank before the colon": b"Host : other.test\r\n",
}

_HOSTS = {
    "no Host": b"",
    "a Host with user information": b"Host: u@@O\r\n",
    "a Host with a path": b"Host: @O/x\r\n",
    "a Host with a blank": b"Host: @O x\r\n",
    "a Host list": b"Host: @O, other.test\r\n",
    "a Host with a bare CR": b"Host: @O\rX: y\r\n",
    "a Host that is a URL": b"Host: http://@O/\r\n",
    "a Host with an endless port": b"Host: a:123456\r\n",
    "a Host with a word for a port": b"Host: a:b\r\n",
    "a Host with obs-text": b"Host: \xe4.test\r\n",
}

_LINES = {
    "HTTP/0.9": b"GET http://@O/sent\r\n",
    "HTTP/0.9 with a version of nothing": b"GET http://@O/sent \r\n",
    "HTTP/1.2": b"GET http://@O/sent HTTP/1.2\r\n",
    "HTTP/2.0": b"GET http://@O/sent HTTP/2.0\r\n",
    "HTTP/1.10": b"GET http://@O/sent HTTP/1.10\r\n",
    "HTTP/01.1": b"GET http://@O/sent HTTP/01.1\r\n",
    "http in small letters": b"GET http://@O/sent http/1.1\r\n",
    "two blanks after the method": b"GET  http://@O/sent HTTP/1.1\r\n",
    "two blanks before the version": b"GET http://@O/sent  HTTP/1.1\r\n",
    "a tab after the method": b"GET\thttp://@O/sent HTTP/1.1\r\n",
    "a tab before the version": b"GET http://@O/sent\tHTTP/1.1\r\n",
    "a blank after the version": b"GET http://@O/sent HTTP/1.1 \r\n",
    "a blank before the method": b" GET http://@O/sent HTTP/1.1\r\n",
    "two empty lines before it": b"\r\n\r\nGET http://@O/sent HTTP/1.1\r\n",
    "a bare LF before it": b"\nGET http://@O/sent HTTP/1.1\r\n",
    "a bare LF after it": b"GET http://@O/sent HTTP/1.1\n",
    "a bare CR after it": b"GET http://@O/sent HTTP/1.1\rX: y\r\n",
    "a NUL in the target": b"GET http://@O/se\x00nt HTTP/1.1\r\n",
    "a bare CR in the target": b"GET http://@O/se\rnt HTTP/1.1\r\n",
    "a bare LF in the target": b"GET http://@O/se\nnt HTTP/1.1\r\n",
    "a blank in the target": b"GET http://@O/se nt HTTP/1.1\r\n",
    "a second version in the target": b"GET http://@O/sent HTTP/1.1 HTTP/1.1\r\n",
    "obs-text in the target": b"GET http://@O/\xe4 HTTP/1.1\r\n",
    "an overlong slash in the target": b"GET http://@O/\xc0\xaf HTTP/1.1\r\n",
    "no method": b" http://@O/sent HTTP/1.1\r\n",
    "a method with a bracket": b"GE(T http://@O/sent HTTP/1.1\r\n",
    "a method with a colon": b"Host: http://@O/sent HTTP/1.1\r\n",
    "an endless method": b"A" * 33 + b" http://@O/sent HTTP/1.1\r\n",
    "a fragment": b"GET http://@O/sent#x HTTP/1.1\r\n",
    "a fragment without a path": b"GET http://@O#@other.test/ HTTP/1.1\r\n",
    "user information twice": b"GET http://u@p@@O/sent HTTP/1.1\r\n",
    "a backslash in the user information": b"GET http://other.test\\@@O/sent HTTP/1.1\r\n",
    "a host and a port in the user information": b"GET http://other.test:80@@O/sent HTTP/1.1\r\n",
    "a host in the user information": b"GET http://other.test@@O/sent HTTP/1.1\r\n",
    "a backslash after the host": b"GET http://@O\\@other.test/ HTTP/1.1\r\n",
    "one slash": b"GET http:/@O/sent HTTP/1.1\r\n",
    "three slashes": b"GET http:///@O/sent HTTP/1.1\r\n",
    "no scheme": b"GET //@O/sent HTTP/1.1\r\n",
    "no slashes": b"GET @O HTTP/1.1\r\n",
    "an origin-form": b"GET /sent HTTP/1.1\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n",
    "https": b"GET https://@O/sent HTTP/1.1\r\n",
    "ftp": b"GET ftp://@O/sent HTTP/1.1\r\n",
    "file": b"GET file:///etc/passwd HTTP/1.1\r\n",
    "gopher": b"GET gopher://@O/_x HTTP/1.1\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n",
}

_CHUNKS = {
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a blank before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a blank after the size": b"5 \r\nhello\r\n0\r\n\r\n",
    "a tab after the size": b"5\t\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "no hexadecimal size": b"g\r\nhello\r\n0\r\n\r\n",
    "a size beyond 60 bits": b"1000000000000000\r\nhello",
    "a size that wraps at 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a size ended by a bare LF": b"5\nhello\r\n0\r\n\r\n",
    "a size ended by a bare CR": b"5\rhello\r\n0\r\n\r\n",
    "a size ended by CR CR LF": b"5\r\r\nhello\r\n0\r\n\r\n",
    "data ended by a bare LF": b"5\r\nhello\n0\r\n\r\n",
    "data longer than its size": b"3\r\nhello\r\n0\r\n\r\n",
    "data shorter than its size": b"6\r\nhello\r\n0\r\n\r\n",
    "data without an end": b"5\r\nhello0\r\n\r\n",
    "a last chunk ended by a bare LF": b"5\r\nhello\r\n0\n\n",
    "a blank line that is a bare LF": b"5\r\nhello\r\n0\r\n\n",
    "an extension with a bare LF": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "an extension with a bare CR": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "an extension with a NUL": b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
    "an endless extension": b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n",
    "an extension without a name": b"5;\r\nhello\r\n0\r\n\r\n",
    "an extension with an open quote": b'5;a="\r\nhello\r\n0\r\n\r\n',
    "a trailer with a bare LF": b"0\r\nX: a\nb: c\r\n\r\n",
    "a trailer without a colon": b"0\r\nX\r\n\r\n",
    "a folded trailer": b"0\r\nX: a\r\n b\r\n\r\n",
    "a blank before the colon of a trailer": b"0\r\nX : a\r\n\r\n",
    "trailers without end": b"0\r\n" + b"X: " + b"a" * 9000 + b"\r\n\r\n",
    "a size in other digits": b"\xd9\xa5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
}


def refused() -> Iterator[tuple[str, bytes]]:
    """Heads of which nothing may reach the origin.  Behind each a request is hidden, where some would see a body."""
    for what, fields in (_LENGTHS | _CODINGS).items():
        yield what, POST + fields + b"\r\n" + BODY + HIDDEN
    for what, fields in _FIELDS.items():
        yield what, GET + fields + b"\r\n" + HIDDEN
    for what, fields in _HOSTS.items():
        yield what, b"GET http://@O/sent HTTP/1.1\r\n" + fields + b"\r\n" + HIDDEN
    for what, line in _LINES.items():
        yield what, line + b"Host: @O\r\n\r\n" + HIDDEN
    yield "chunks in HTTP/1.0", POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + BODY + HIDDEN
    yield "CONNECT with a length", b"CONNECT @O HTTP/1.1\r\nHost: @O\r\nContent-Length: 5\r\n\r\nhello" + HIDDEN
    yield "CONNECT with chunks", b"CONNECT @O HTTP/1.1\r\nHost: @O\r\n" + CHUNKED + b"\r\n" + BODY + HIDDEN
    yield "too many fields", GET + b"X: y\r\n" * 201 + b"\r\n" + HIDDEN
    yield "a line that is too long", b"GET http://@O/" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: @O\r\n\r\n" + HIDDEN
    yield "a head that is too large", GET + (b"X: " + b"y" * 8000 + b"\r\n") * 5 + b"\r\n" + HIDDEN
    yield "SOCKS of a version that there is not", b"\x06\x01\x00" + HIDDEN


def other_protocols() -> Iterator[tuple[str, bytes]]:
    """What begins like another protocol that is served and goes on as a request: nothing of it may reach the origin."""
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n" + HIDDEN
    yield "a TLS record that is none", b"\x16" + HIDDEN
    yield "SOCKS of another version", b"\x04\x01\x00" + HIDDEN
    yield "SOCKS and then HTTP", b"\x05\x01\x00" + HIDDEN
    yield "a SOCKS greeting that is cut off", b"\x05\xff" + HIDDEN
    yield "a SOCKS login that is none", b"\x05\x01\x02" + HIDDEN
    yield "a PROXY header", b"PROXY TCP4 127.0.0.66 127.0.0.1 1 2\r\n" + HIDDEN
    yield "a PROXY header of version 2", b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00" + HIDDEN


def cut_off() -> Iterator[tuple[str, bytes]]:
    """Bodies that go wrong: the origin may see a beginning, and never a whole request."""
    for what, body in _CHUNKS.items():
        yield what, POST + CHUNKED + b"\r\n" + body + HIDDEN


IN_THE_PATH = GET.replace(b"/sent", b"/a\\..\\b") + b"\r\n"
"""A backslash, which a proxy passes on: it follows no path.  An origin server is to refuse it."""


def of_proxies() -> Iterator[tuple[str, bytes, list[tuple[str, str, bytes]]]]:
    """As `accepted`, what has one meaning for a proxy alone."""
    yield "a backslash in the path", IN_THE_PATH, [("GET", "/a\\..\\b", b"")]
    for what, before, behind in (
        ("user information", b"//@O", b"//u:p@@O"),
        ("a Host without brackets", b"Host: @O", b"Host: ::1:80"),
    ):
        yield what, GET.replace(before, behind) + b"\r\n", [("GET", "/sent", b"")]


def accepted() -> Iterator[tuple[str, bytes, list[tuple[str, str, bytes]]]]:
    """Odd but unambiguous ones, and what the origin is to get: method, target and body of each request."""
    sent = [("GET", "/sent", b"")]
    hidden = HIDDEN.replace(b"@O", b"0")
    posted = [("POST", "/sent", b"hello")]
    yield "a plain one", GET + b"\r\n", sent
    yield "an empty line before it", b"\r\n" + GET + b"\r\n", sent
    yield (
        "a request in a body with a length",
        POST + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden,
        [("POST", "/sent", hidden)],
    )
    yield (
        "a request in a chunk",
        POST + CHUNKED + b"\r\n%x\r\n" % len(hidden) + hidden + b"\r\n0\r\n\r\n",
        [("POST", "/sent", hidden)],
    )
    yield "a body with GET", GET + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden, [("GET", "/sent", hidden)]
    yield "a length of nothing", POST + b"Content-Length: 0\r\n\r\n", [("POST", "/sent", b"")]
    yield "a length with zeros before it", POST + b"Content-Length: 0005\r\n\r\nhello", posted
    yield "a length with blanks around it", POST + b"Content-Length:  \t 5 \t \r\n\r\nhello", posted
    yield "chunked in capitals", POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n" + BODY, posted
    yield "chunked without a blank", POST + b"Transfer-Encoding:chunked\r\n\r\n" + BODY, posted
    yield "chunks with zeros before the size", POST + CHUNKED + b"\r\n0005\r\nhello\r\n000\r\n\r\n", posted
    yield "chunks with extensions", POST + CHUNKED + b'\r\n5;a=b;c="d;e"\r\nhello\r\n0;x\r\n\r\n', posted
    yield "chunks with trailers", POST + CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: x\r\n\r\n", posted
    yield "lengths named by Connection", POST + b"Connection: content-length\r\nContent-Length: 5\r\n\r\nhello", posted
    yield "codings named by Connection", POST + b"Connection: transfer-encoding\r\n" + CHUNKED + b"\r\n" + BODY, posted
    yield "Host named by Connection", GET + b"Connection: host\r\n\r\n", sent
    yield "another Host than the target's", GET.replace(b"Host: @O", b"Host: other.test:81") + b"\r\n", sent
    yield "an empty Host", GET.replace(b"Host: @O", b"Host:") + b"\r\n", sent
    yield "the scheme in capitals", GET.replace(b"http:", b"HTTP:") + b"\r\n", sent
    yield "no path", GET.replace(b"/sent", b"") + b"\r\n", [("GET", "/", b"")]
    yield "a query without a path", GET.replace(b"/sent", b"?a=http://x/") + b"\r\n", [("GET", "/?a=http://x/", b"")]
    yield "dots in the path", GET.replace(b"/sent", b"/a/../b//c") + b"\r\n", [("GET", "/a/../b//c", b"")]
    yield "OPTIONS of the server", b"OPTIONS http://@O HTTP/1.1\r\nHost: @O\r\n\r\n", [("OPTIONS", "*", b"")]
    yield "an unknown method", GET.replace(b"GET", b"FR-OB!") + b"\r\n", [("FR-OB!", "/sent", b"")]
    yield (
        "a field that looks like a coding",
        POST + b"X-Transfer-Encoding: chunked\r\nTransfer_Encoding: x\r\n\r\n",
        [("POST", "/sent", b"")],
    )
    yield "HTTP/1.0 without a Host", b"GET http://@O/sent HTTP/1.0\r\n\r\n", sent
    yield "HTTP/1.0 with a length", POST.replace(b"1.1", b"1.0") + b"Content-Length: 5\r\n\r\nhello", posted
    yield "two in a row", GET + b"\r\n" + POST + b"Content-Length: 5\r\n\r\nhello", [*sent, *posted]
    yield "two in a row, the first with chunks", POST + CHUNKED + b"\r\n" + BODY + GET + b"\r\n", [*posted, *sent]
    yield "an empty line between two", POST + b"Content-Length: 5\r\n\r\nhello\r\n" + GET + b"\r\n", [*posted, *sent]
    yield "h2c", GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n", sent
