"""A feed of its own for each test that wants one, on SQLite and on PostgreSQL, and one for those that only read."""

import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from netopsy.feed import Feed
from netopsy.feed.database import open_database
from netopsy.lab import evidence

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BEHIND = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of PostgreSQL, by version."""


def program(name):
    return shutil.which(name) or next((str(each) for each in sorted(BEHIND.glob(f"*/bin/{name}"), reverse=True)), None)


@pytest.fixture(scope="module", autouse=True)
def _read_once():
    """Evidence, whose files stay as they are, however often an index is made of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "_load", cache(evidence._load))
        yield


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server on the loopback: its database "made" is a new feed, and "empty" is one without papers."""
    pytest.importorskip("psycopg")
    initdb, server = program("initdb"), program("postgres")
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed here")
    with tempfile.TemporaryDirectory() as place:  # not in pytest's own, which it keeps closed to other users
        yield from _served(Path(place), initdb, server)


def _served(folder, initdb, server):
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        nobody = pwd.getpwnam("nobody")
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    data, environment = folder / "data", {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    made = [initdb, "--auth=trust", "--username=netopsy", "--encoding=UTF8", "--no-sync", f"--pgdata={data}"]
    if subprocess.run(made, check=False, cwd=folder, env=environment, **options).returncode:
        pytest.skip("PostgreSQL cannot make a database here")
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "autovacuum": "off"}
    settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}  # it outlives no power cut
    command = [server, "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]
    process = subprocess.Popen(command, cwd=folder, env=environment, **options)
    address = f"postgresql+psycopg://netopsy@127.0.0.1:{port}"
    try:
        _answering(address, process)
        with closing_engine(f"{address}/postgres") as engine, engine.connect() as connection:
            connection.execute(text("create database empty"))
            open_database(f"{address}/empty").dispose()
            connection.execute(text("create database made template empty"))
        Feed.open(f"{address}/made", now=NOW).close()
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answering(address, process):
    import time

    for _ in range(300):
        try:
            with closing_engine(f"{address}/postgres") as engine, engine.connect():
                return
        except Exception:  # not yet
            assert process.poll() is None
            time.sleep(0.1)
    raise AssertionError("PostgreSQL did not start")


class closing_engine:  # noqa: N801
    """An engine that takes each statement by itself, given up at the end."""

    def __init__(self, url):
        self.engine = create_engine(url, isolation_level="AUTOCOMMIT")

    def __enter__(self):
        return self.engine

    def __exit__(self, *_):
        self.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path, monkeypatch):
    """The database of a new feed, whose other files lie in the test's folder."""
    monkeypatch.setenv("NETOPSY_FEED_FOLDER", str(tmp_path))
    return _one_of(request, "made", tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path, monkeypatch):
    """A database without papers, whose other files lie in the test's folder."""
    monkeypatch.setenv("NETOPSY_FEED_FOLDER", str(tmp_path))
    return _one_of(request, "empty", tmp_path)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def common_feed(request, tmp_path_factory):
    """One feed for all tests of a file that change nothing, as what is refused does."""
    folder = tmp_path_factory.mktemp("common")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = _file_of(request, "made", folder)
        else:
            url = stack.enter_context(_copied(request.getfixturevalue("postgresql"), "made"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NETOPSY_FEED_FOLDER", str(folder))
            made = Feed.open(url, now=NOW)
        yield made
        made.close()


def _one_of(request, template, folder):
    if request.param == "sqlite":
        return _file_of(request, template, folder)
    return request.getfixturevalue(f"{template}_again").put_back()


def _file_of(request, template, folder):
    kept = request.getfixturevalue({"made": "new_feed", "empty": "empty_database"}[template])
    return f"sqlite:///{shutil.copy(kept, folder / 'papers.db')}"


@pytest.fixture(scope="module")
def made_again(postgresql):
    """A database for the tests of a file, one after the other."""
    with _copied(postgresql, "made") as url, _PutBack(url) as database:
        yield database


@pytest.fixture(scope="module")
def empty_again(postgresql):
    with _copied(postgresql, "empty") as url, _PutBack(url) as database:
        yield database


@contextmanager
def _copied(address, template):
    name = f"test_{os.urandom(6).hex()}"
    with closing_engine(f"{address}/postgres") as engine:
        with engine.connect() as connection:
            connection.execute(text(f"create database {name} template {template}"))
        yield f"{address}/{name}"
        with engine.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))


class _PutBack:
    """A database that becomes again what it was, in a tenth of the time that copying and dropping it take."""

    def __init__(self, url):
        self.url, self.engine = url, create_engine(url, isolation_level="AUTOCOMMIT")

    def __enter__(self):
        self.connection = self.engine.connect()
        ask = self.connection.exec_driver_sql
        tables = ask("select tablename from pg_tables where schemaname = 'public'").scalars().all()
        for each in tables:
            ask(f"create temporary table kept_{each} as table {each}")
        numbers = ask(
            "select sequencename, coalesce(last_value, start_value), last_value is not null from pg_sequences"
        )
        self.steps = ["begin", "set local session_replication_role = replica"]  # no key is looked after meanwhile
        self.steps += [f"delete from {each}" for each in tables]
        self.steps += [f"insert into {each} table kept_{each}" for each in tables]
        self.steps += [f"select setval('{name}', {value}, {called})" for name, value, called in numbers]
        self.steps += ["commit"]
        return self

    def put_back(self):
        """Its address, once nobody else is in it and it is as it was."""
        others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        ask = self.connection.exec_driver_sql
        assert all(ask(f"select pg_terminate_backend(pid, 10000) {others}").scalars())
        ask("; ".join(self.steps))
        return self.url

    def __exit__(self, *_):
        self.connection.close()
        self.engine.dispose()


@pytest.fixture
def feed(database_url):
    made = Feed.open(database_url, now=NOW)
    yield made
    made.close()


@pytest.fixture(scope="session")
def catalogue_feed(new_feed, tmp_path_factory):
    file = shutil.copy(new_feed, tmp_path_factory.mktemp("feed") / "papers.db")
    made = Feed.open(f"sqlite:///{file}", now=NOW)
    made.follow()
    yield made
    made.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """The file of a certificate for localhost and papers.example, and the context of a server that has it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command = f"openssl req -x509 {kind} -subj /CN=localhost -keyout key.pem -out cert.pem"
    names = "subjectAltName=DNS:localhost,DNS:papers.example"
    subprocess.run([*command.split(), "-addext", names], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context
