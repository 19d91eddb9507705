"""Requests as no browser sends them, over a real connection: each is answered or hung up on, none is our fault."""

import functools
import logging
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvicorn

from netopsy.web.answering import _Server

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
PARTS = b"Content-Type: multipart/form-data; boundary=x\r\n"
JSON = b"Content-Type: application/json\r\n"
OURS = b"Sec-Fetch-Site: same-origin\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\ny\r\n'


def get(path=b"/about", more=b"", version=b"1.1", host=b"Host: 127.0.0.1\r\n", method=b"GET"):
    return b"%s %s HTTP/%s\r\n%sConnection: close\r\n%s\r\n" % (method, path, version, host, more)


def post(path, body, more=FORM, length=None, ours=OURS):
    size = b"Content-Length: %d\r\n" % (len(body) if length is None else length)
    return get(path, ours + more + size, method=b"POST") + body


def chunked(path, body, more=FORM):
    return get(path, OURS + more + b"Transfer-Encoding: chunked\r\n", method=b"POST") + body


REQUESTS = [
    *(b"", b"\x00", b"GET", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    *(get(version=each) for each in (b"0.9", b"1.0", b"2.0", b"9.9", b"x")),
    *(get(method=each) for each in (b"G\x00T", b"get", b"TRACE", b"CONNECT", b"PATCH", b"X" * 9000, b"")),
    *(
        get(host=each)
        for each in (b"", b"Host:\r\n", b"Host: a\r\nHost: 127.0.0.1\r\n", b"Host: [::\r\n", b"Host: \xff\r\n")
    ),
    *(
        get(each)
        for each in (b"*", b"about", b"http://evil.example/", b"/%", b"/%zz", b"/%00", b"/\x00", b"/a b", b"/\xff")
    ),
    *(
        get(each)
        for each in (b"/" + b"a" * 70_000, b"//", b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/?\x01")
    ),
    *(
        get(b"/search?q=" + each)
        for each in (b"%00", b"%ff%fe", b"%ed%a0%80", b"a" * 20_000, b"a&q=b" * 500, b"%F0%9F%92")
    ),
    *(
        get(b"/api/v1/" + each)
        for each in (b"day/%00", b"trending?limit=1e9", b"search?q=a&limit=%00", b"papers/%ff", b"runs/%00")
    ),
    *(get(more=each) for each in (b"X" * 70_000 + b": y\r\n", b"X: " + b"y" * 70_000 + b"\r\n", b"X: y\r\n" * 5000)),
    *(
        get(more=each)
        for each in (b"X\x00: y\r\n", b"X: \x00\r\n", b" X: y\r\n", b": y\r\n", b"X y\r\n", b"X: a\r\n b\r\n")
    ),
    *(
        get(more=b"Cookie: " + each + b"\r\n")
        for each in (b"\xff=\xfe", b"session=" + b"x" * 8000, b";" * 4000, b"a" * 9000)
    ),
    *(get(more=b"If-None-Match: " + each + b"\r\n") for each in (b",", b"*", b'"' * 999, b"\xff")),
    get(
        more=b"Accept-Encoding: \xff, gzip;q=x\r\nAccept: \xff\r\nX-Forwarded-For: \xff, ::::, 1\r\nReferer: http://[\r\n"
    ),
    get(more=b"Range: bytes=9-1,x\r\nIf-Modified-Since: never\r\nExpect: 100-continue\r\n"),
    get(more=b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"),
    *(
        get(more=b"Content-Length: %s\r\n" % each)
        for each in (b"-1", b"x", b"+5", b"9" * 400, b"1\r\nContent-Length: 2", b"")
    ),
    *(post(b"/vote", b"a=b", length=each) for each in (0, 2)),
    post(b"/vote", b"a=b", b"Transfer-Encoding: chunked\r\n" + FORM),
    *(
        chunked(b"/vote", each)
        for each in (b"x\r\n", b"-1\r\n", b"3\r\nab", b"0\r\n\r\n", b"f" * 40 + b"\r\n", b"1;" + b"x" * 9000)
    ),
    chunked(b"/vote", b"8000\r\n" + b"x" * 0x8000 + b"\r\n8000\r\n" + b"x" * 0x8000 + b"\r\n0\r\n\r\n"),
    *(
        post(b"/vote", each)
        for each in (b"&" * 5000, b"a=b&" * 5000, b"%", b"%00=%00", b"cast=%ff&form_token=%00", b"\xff\x00")
    ),
    *(
        post(b"/examine", each, PARTS)
        for each in (b"", b"--x", b"--x--", b"--x\r\n\r\n--x--", b"\x00", b"--y\r\n\r\n", PART % 1)
    ),
    post(b"/examine", b"".join(PART % each for each in range(500)) + b"--x--\r\n", PARTS),
    post(b"/examine", b"--x\r\n" + b"X: y\r\n" * 5000 + b"\r\n\r\n--x--", PARTS),
    post(
        b"/examine",
        b'--x\r\nContent-Disposition: form-data; name="\xff\x00"; filename="\x00"\r\n\r\n\x00\r\n--x--',
        PARTS,
    ),
    *(
        post(b"/examine", b"x", each)
        for each in (b"Content-Type: multipart/form-data\r\n", b"Content-Type: \xff\r\n", b"")
    ),
    *(
        post(b"/api/v1/runs/study", each, JSON)
        for each in (b"", b"{", b"[]", b"1e999", b"\x00", b"[" * 9000, b'{"paper": "\\ud800"}')
    ),
    *(
        post(b"/api/v1/runs/method", each, JSON)
        for each in (b'{"paper": "\\u0000"}', b'{"paper": "eigen-cam", "seed": 1e400}')
    ),
    post(b"/api/v1/runs/examination", b'{"samples": ["\\ud800\\u0000"], "seed": 1}', JSON),
    *(post(b"/unsubscribe/" + each, b"List-Unsubscribe=One-Click", ours=b"") for each in (b"x", b"%00", b"%ff")),
]


pytestmark = pytest.mark.usefixtures("at_own_speed")


@pytest.fixture(scope="module")
def port(visit):
    config = uvicorn.Config(visit.app, port=0, log_config=None, access_log=False, lifespan="off", ws="none")
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def _answer(port, request):
    """What comes back until the other end hangs up, or waits for more than there is."""
    told = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10 if request.endswith(b"\n") else 0.2) as line:
        try:
            line.sendall(request)
            while part := line.recv(65536):
                told += part
        except (ConnectionError, TimeoutError):
            pass
    return told


def test_none_of_many_odd_requests_is_a_fault_of_ours(port, caplog):
    assert len(REQUESTS) > 100
    seen = Counter()
    with ThreadPoolExecutor(8) as several:
        answers = list(several.map(functools.partial(_answer, port), REQUESTS))
    for each, told in zip(REQUESTS, answers, strict=True):
        states = [int(state) for state in re.findall(rb"^HTTP/1\.1 (\d{3}) ", told, re.MULTILINE)]
        assert all(state < 500 for state in states), (each[:200], told[:300])
        assert bool(states) == bool(told), (each[:200], told[:300])
        seen.update(states)
    assert _answer(port, get(b"/healthz")).endswith(b"ok\n")
    assert set(seen) >= {200, 400, 403, 404, 413, 422}
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
