"""The index follows the papers without anybody having asked: by words at once, by meaning as they are read."""

import threading

from netopsy.feed.search.index import State
from netopsy.web.runs import follower


def test_it_looks_again_whatever_went_wrong_until_it_is_over(own, monkeypatch, caplog):
    monkeypatch.setattr(follower, "SECONDS", 0.0)
    over, looks, read = threading.Event(), [], iter([10, 20, 25, 25])

    def looked(encode):
        looks.append(encode)
        if len(looks) == 1:
            raise OSError("a folder of somebody's")
        if encode == 0:
            return State(1, 25, 0)
        state = State(1, 25, next(read))
        if len(looks) == 6:
            over.set()
        return state

    monkeypatch.setattr(own, "follow", looked)
    follower.follow(own, over)
    assert looks == [0, 0, *[follower.PORTION] * 4]
    assert [record.getMessage() for record in caplog.records] == ["the index waits: OSError"]
