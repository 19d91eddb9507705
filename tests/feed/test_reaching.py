"""A source leads nowhere that it has no business to, and what was looked up is what is connected to."""

import ipaddress
import socket
import ssl
from datetime import UTC, datetime

import httpx2
import pytest
from source_server import server
from sqlalchemy import create_engine

from netopsy.feed import reaching
from netopsy.feed.fetching import Endpoint, Fetcher, SourceError

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SOURCE, PUBLIC = "papers.example", "93.184.215.14"
LOOK_UP = socket.getaddrinfo


@pytest.fixture
def names(monkeypatch):
    """What each look-up of a name answers, one after the other, the last of them from then on; and what was asked."""
    answers, asked = [[PUBLIC]], []

    def look_up(host, port, *arguments, **options):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            found = answers[min(len(asked), len(answers) - 1)]
            asked.append(host)
            return [(0, 1, 6, "", (each, port)) for each in found]
        return LOOK_UP(host, port, *arguments, **options)

    monkeypatch.setattr(reaching.socket, "getaddrinfo", look_up)
    look_up.answers, look_up.asked = answers, asked
    return look_up


def fetcher(transport):
    return Fetcher(create_engine("sqlite://"), transport=transport)


def leading(location, asked):
    """Answers the first question with a redirect, and all others."""

    def answer(request):
        asked.append(request)
        first = len(asked) == 1
        return httpx2.Response(302, headers={"Location": location}) if first else httpx2.Response(200, content=b"{}")

    return fetcher(httpx2.MockTransport(answer))


@pytest.mark.parametrize(
    "location",
    [
        "http://papers.example/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://papers.example@127.0.0.1/",
        "https://papers.example:x@10.0.0.1/",
        "https://papers.example\\@127.0.0.1/",
        "https://papers.example.evil.example/",
        "https://evil.example/?papers.example",
        "https://papers.example:22/",
        "https://papers.example:x/",
        "//127.0.0.1/",
        "ftp://papers.example/",
        "gopher://papers.example:70/",
        "file:///etc/passwd",
        "file://papers.example/etc/passwd",
        "javascript:alert(1)",
        "https://[::1",
    ],
)
def test_a_redirect_to_anywhere_else_is_not_followed(names, location):
    asked = []
    with pytest.raises(SourceError, match="^it leads to"):
        leading(location, asked).get(Endpoint(f"https://{SOURCE}"), NOW)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1",
        "2002:7f00:1::", "64:ff9b::a00:1", "nonsense",
    ],
)  # fmt: skip
def test_a_name_that_means_a_private_address_is_not_asked_even_if_it_means_a_public_one_too(names, address):
    asked = []
    for found in ([address], [PUBLIC, address]):
        names.answers[:] = [found]
        with pytest.raises(SourceError, match="its host papers.example is on a private network"):
            leading("/", asked).get(Endpoint(f"https://{SOURCE}"), NOW)
    assert asked == []


def test_a_name_is_looked_up_once_a_question_and_what_it_meant_then_is_asked(names):
    asked = []
    assert leading("/other", asked).get(Endpoint(f"https://{SOURCE}"), NOW) is not None
    assert names.asked == [SOURCE, SOURCE]
    assert [(each.url.host, each.url.path) for each in asked] == [(PUBLIC, "/"), (PUBLIC, "/other")]
    assert {each.headers["host"] for each in asked} == {SOURCE}
    assert {each.extensions["sni_hostname"] for each in asked} == {SOURCE}


@pytest.mark.parametrize("path", ["/", "/elsewhere"])
def test_a_name_that_is_rebound_between_two_questions_leads_nowhere(names, certificate, monkeypatch, path):
    said = []
    monkeypatch.setattr(certificate[1], "sni_callback", lambda opened, name, context: said.append(name))
    monkeypatch.setattr(reaching, "public", lambda address: address == "127.0.0.1")  # stands for a public one
    names.answers[:] = [["127.0.0.1"], ["10.0.0.1"]]
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    own = fetcher(httpx2.HTTPTransport(verify=trusting))

    def answer(path, query, headers):
        return (302, b"", {"Location": "/"}) if path == "/elsewhere" else (200, b"{}", {})

    with server(answer, certificate[1]) as (url, asked):
        port = url.rpartition(":")[2]
        if path == "/":
            assert own.get(Endpoint(f"https://{SOURCE}:{port}"), NOW, path=path).body == b"{}"
        else:
            with pytest.raises(SourceError, match="on a private network"):
                own.get(Endpoint(f"https://{SOURCE}:{port}"), NOW, path=path)
    own.close()
    assert [(where, headers["Host"]) for where, _, headers in asked] == [(path, f"{SOURCE}:{port}")]
    assert said == [SOURCE]


def test_the_next_address_of_a_name_is_tried_where_the_first_takes_no_connection(names):
    names.answers[:] = [["2606:2800:21f::1", PUBLIC]]
    asked = []

    def answer(request):
        asked.append(request.url.host)
        if ":" in request.url.host:
            raise httpx2.ConnectError("no route")
        return httpx2.Response(200, content=b"{}")

    assert fetcher(httpx2.MockTransport(answer)).get(Endpoint(f"https://{SOURCE}"), NOW) is not None
    assert asked == ["2606:2800:21f::1", PUBLIC]


def test_what_the_operator_named_may_be_private_and_leads_to_no_other_port():
    with server(lambda *_: (302, b"", {"Location": "http://127.0.0.1:22/"})) as (url, asked):
        own = fetcher(None)
        with pytest.raises(SourceError, match="leads to another port, 22"):
            own.get(Endpoint(url, own=True), NOW)
        own.close()
    assert len(asked) == 1
