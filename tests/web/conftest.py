"""A feed with papers of the catalogue and some with odd names, and a visitor of its pages."""

import json
import shutil
from datetime import UTC, date, datetime
from functools import cache, partial

import anyio
import httpx2
import pytest
from anyio.from_thread import start_blocking_portal
from jinja2 import BytecodeCache
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.testclient import TestClient

from netopsy.feed import Feed
from netopsy.feed.database import open_database
from netopsy.feed.records import record
from netopsy.feed.settings import Settings
from netopsy.feed.store import ingest
from netopsy.web import site
from netopsy.web.app import create_app

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(2)> \u202egnp.exe"


def open_feed(new_feed, folder) -> Feed:
    """The catalogue on its day, and two papers of 27 November, one of which means harm."""
    feed = Feed.open(f"sqlite:///{shutil.copy(new_feed, folder / 'papers.db')}", now=NOW)
    day = date(2026, 11, 27)
    records = [
        record("file", title=HOSTILE, names=["2611.00001"], authors=[HOSTILE], abstract=HOSTILE, day=day),
        record("file", title=r"Gr\"obner bases in $O(n^2)$", names=["10.1000/../x"], abstract="Of rings.", day=day),
    ]
    ingest(feed.engine, records, now=NOW)
    return feed


class Agent:
    """An agent with the client of the protocol's own kit; every call is a connection of its own."""

    def __init__(self, app, base="http://127.0.0.1:8051", headers=None, mode="auto"):
        self.app, self.base, self.headers, self.mode = app, base, headers or {}, mode

    def tools(self):
        """What can be called."""
        return self._asked(lambda client: client.list_tools()).tools

    def call(self, name, **arguments):
        """What a tool says; a refusal is an error with its sentence."""
        told = self.answer(name, arguments)
        if told.is_error:
            raise RuntimeError(told.content[0].text)
        return json.loads(told.content[0].text)

    def answer(self, name, arguments):
        """The answer as it came."""
        return self._asked(lambda client: client.call_tool(name, arguments))

    def _asked(self, what):
        async def ask():
            there = {"base_url": self.base, "headers": self.headers, "timeout": 60}
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), **there) as http:
                transport = streamable_http_client(f"{self.base}/mcp", http_client=http)
                async with Client(transport, mode=self.mode) as client:
                    return await what(client)

        return anyio.run(ask)


@pytest.fixture(scope="package", autouse=True)
def _own_folder(tmp_path_factory):
    """Keys and letters lie in no folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETOPSY_FEED_FOLDER", str(tmp_path_factory.mktemp("folder")))
        yield


class _Compiled(BytecodeCache):
    """Templates that were compiled, for all the applications of a test run: that is most of a page's time."""

    def __init__(self):
        self.codes = {}

    def load_bytecode(self, bucket):
        bucket.code = self.codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket):
        self.codes[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="package", autouse=True)
def _read_once():
    """What every application reads of files that stay as they are, templates among them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "Environment", partial(site.Environment, bytecode_cache=_Compiled()))
        for name in ("load_evidence", "recipes", "available", "_static_files"):
            patch.setattr(site, name, cache(getattr(site, name)))
        yield


@pytest.fixture(scope="package", autouse=True)
def _one_loop():
    """All visitors are answered in one loop, as they are by a process of pages; one for each request takes as long."""
    with start_blocking_portal() as portal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(TestClient, "portal", portal)
        yield


@pytest.fixture(scope="package")
def folder_of_feed(new_feed, tmp_path_factory):
    """The folder of that feed and of its index, to be copied."""
    folder = tmp_path_factory.mktemp("folder-of-feed")
    made = open_feed(new_feed, folder)
    made.follow(encode=0)
    made.close()
    return folder


@pytest.fixture(scope="package")
def feed(folder_of_feed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    shutil.copytree(folder_of_feed, folder, dirs_exist_ok=True)
    made = Feed.open(f"sqlite:///{folder}/papers.db", now=NOW)
    yield made
    made.close()


@pytest.fixture(scope="package")
def visit(feed):
    app = create_app(feed, Settings(), now=lambda: NOW)
    return TestClient(app, base_url="http://127.0.0.1:8051", follow_redirects=False)


@pytest.fixture(scope="package")
def agent(visit):
    return Agent(visit.app)


@pytest.fixture(scope="package")
def anybody(feed):
    """A visitor of a page that others reach."""
    app = create_app(feed, Settings(base_url="https://papers.example.org"), now=lambda: NOW)
    return TestClient(app, base_url="https://papers.example.org", follow_redirects=False)


@pytest.fixture
def moment():
    return [NOW]


@pytest.fixture
def own(new_feed, tmp_path):
    """A feed of a test's own."""
    shutil.copy(new_feed, tmp_path / "papers.db")
    made = Feed(open_database(f"sqlite:///{tmp_path}/papers.db"), tmp_path / "papers.db.index")
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path):
    """Those of a page that others reach."""
    there = {"base_url": "https://papers.example.org", "moderators": "grace@example.org"}
    return Settings(secret_file=str(tmp_path / "secret"), **there)


@pytest.fixture
def app(own, settings, moment):
    return create_app(own, settings, now=lambda: moment[0])


@pytest.fixture
def visiting_agent(app):
    """An agent of somebody elsewhere, who has no account."""
    return Agent(app, "https://papers.example.org")
