"""Small files that programs send with what they want to be run: they come to lie with the job, and harm nothing."""

import base64

import pytest
from starlette.testclient import TestClient

from netopsy.feed.settings import Settings
from netopsy.web.app import create_app
from netopsy.web.runs import queue
from netopsy.web.runs.carry_out import carry_out
from netopsy.web.runs.expiry import runs_folder

from .conftest import NOW, Agent

EDGES = b"source,target\nana,bo\nbo,cy\ncy,ana\n"
METHOD = "/api/v1/runs/method"


def _file(content=EDGES, name="my edges.csv", **more):
    return {"name": name, "content": base64.b64encode(content).decode(), **more}


@pytest.fixture
def there(tmp_path):
    return Settings(secret_file=str(tmp_path / "secret"))


@pytest.fixture
def visit(own, there):
    return TestClient(create_app(own, there, now=lambda: NOW), base_url="http://127.0.0.1:8051")


def test_a_graph_is_sent_kept_with_the_job_and_read(own, there, visit):
    asked = {"paper": "graphlet-orbits", "files": [_file()]}
    begun = visit.post(METHOD, json=asked)
    assert begun.status_code == 202, begun.text
    number = begun.json()["run"]
    job, folder = queue.find(own.engine, number).job, runs_folder(own.engine, there) / number
    assert (job.inputs[0].file, job.inputs[0].sample) == ("input-0.csv", "")
    assert (folder / "input-0.csv").read_bytes() == EDGES
    assert ("triangle", "1") in carry_out(job, folder).findings[0][1].table
    assert Agent(visit.app).call("run_method", **asked)["run"] == number
    other = visit.post(METHOD, json=asked | {"files": [_file(EDGES + b"cy,di\n")]}).json()["run"]
    assert other != number
    assert sorted(each.name for each in folder.parent.iterdir()) == sorted([number, other])


def test_weights_say_what_network_they_are_of(own, there, visit):
    weights = {"architecture": "lenet", "sizes": {"size": 8, "kernel": 3}, "mean": "0.5", "std": "0.25"}
    number = visit.post("/api/v1/runs/examination", json={"files": [_file(b"x", "w.safetensors", **weights)]}).json()
    given = queue.find(own.engine, number["run"]).job.inputs[0]
    assert (given.architecture, given.sizes, given.mean, given.std) == ("lenet", "kernel=3, size=8", "0.5", "0.25")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([_file() | {"content": "***"}], "the content of the file for input 0 must be base64"),
        ([_file() | {"content": "é"}], "the content of the file for input 0 must be base64"),
        ([_file(), _file()], "two files are for input 0"),
        ([_file(input=1)], "graphlet-orbits has inputs 0 to 0, and a file is for input 1"),
        ([_file(b"")], "is empty"),
        ([_file(name="x.exe")], "the file of a graph must end in .csv"),
        ([_file(name="")], "the file of a graph must end in .csv"),
        ([_file(name="../../../etc/passwd")], "the file of a graph must end in .csv"),
        ([_file()] * 11, "files"),
        ([_file(digest="0")], "files"),
    ],
)
def test_what_is_no_such_file_is_one_sentence_and_leaves_nothing(own, there, visit, files, sentence):
    answer = visit.post(METHOD, json={"paper": "graphlet-orbits", "files": files})
    assert answer.status_code in (400, 422)
    assert sentence in answer.text
    place = runs_folder(own.engine, there)
    assert not place.exists() or list(place.iterdir()) == []


def test_what_is_too_large_is_told_before_it_is_read(visit):
    answer = visit.post(METHOD, json={"paper": "graphlet-orbits", "files": [_file(b"0" * 60_000)]})
    assert answer.status_code == 413


def test_a_name_decides_nothing_but_the_ending(own, there, visit):
    number = visit.post(METHOD, json={"paper": "graphlet-orbits", "files": [_file(name="../../a/b.CSV")]}).json()["run"]
    folder = runs_folder(own.engine, there) / number
    assert [each.name for each in folder.iterdir()] == ["input-0.csv"]
