import io

import pytest

from idse import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def told(target: io.StringIO, clock: list[float]) -> str:
    say = progress.Progress("streams", 100, target)
    for done in range(1, 101):
        clock[0] += 0.25
        say(done, ", 2 failed" if done > 50 else "")
    return target.getvalue()


def test_a_file_gets_a_line_every_ten_seconds(clock):
    assert told(io.StringIO(), clock).splitlines() == [
        "1/100 streams, 0 s, 25 s left",
        "41/100 streams, 10 s, 15 s left",
        "81/100 streams, 20 s, 5 s left, 2 failed",
        "100/100 streams, 25 s, 0 s left, 2 failed",
    ]


def test_a_terminal_gets_one_line_rewritten(clock):
    text = told(Terminal(), clock)
    assert text.count("\r") == 51  # each half second, and the end
    assert text.count("\n") == 1
    assert text.endswith("\n")
