"""The index follows the papers without anybody having asked."""

import threading

from netopsy.web.runs import follower


def test_it_looks_again_whatever_went_wrong_until_it_is_over(own, monkeypatch, caplog):
    monkeypatch.setattr(follower, "SECONDS", 0.0)
    over, looks = threading.Event(), []

    def looked():
        looks.append(len(looks))
        if len(looks) == 1:
            raise OSError("a folder of somebody's")
        over.set()

    monkeypatch.setattr(own, "follow", looked)
    follower.follow(own, over)
    assert looks == [0, 1]
    assert [record.getMessage() for record in caplog.records] == ["the index waits: OSError"]
