"""An interrupt ends the work even where Python drops the first one."""

import signal
import threading
import time
import weakref

import pytest

from netopsy.cli.interrupts import insistent_interrupts


class Thing:
    pass


def test_an_interrupt_dropped_in_a_weak_references_callback_comes_again(capfd):
    reached = []

    def dropped(_):
        reached.append("callback")
        signal.raise_signal(signal.SIGINT)
        sum(range(10_000))  # the exception is raised at one of these steps, and Python ignores it there

    thing = Thing()
    references = [weakref.ref(thing, dropped)]
    deadline = time.monotonic() + 5

    def work():
        nonlocal thing
        with insistent_interrupts():
            del thing
            while time.monotonic() < deadline:
                time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["callback"]
    assert references[0]() is None
    assert time.monotonic() < deadline - 3
    assert "Traceback" not in capfd.readouterr().err


def test_without_an_interrupt_everything_is_as_before():
    before = signal.getsignal(signal.SIGINT)
    with insistent_interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_no_interrupt_follows_when_the_work_has_ended():
    with pytest.raises(KeyboardInterrupt), insistent_interrupts():
        signal.raise_signal(signal.SIGINT)
    time.sleep(0.4)


def test_a_thread_that_receives_no_signals_works_all_the_same():
    done = []

    def work():
        with insistent_interrupts():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
