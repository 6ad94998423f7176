"""JSON from files: every fault is a ValueError of one line."""

import math

import pytest

from idse.json_text import parse_json


def test_values_pass():
    assert parse_json('{"a": [1, -2.5, "x", null, true], "b": 12345678901234567890}') == {
        "a": [1, -2.5, "x", None, True],
        "b": 12345678901234567890,
    }
    assert parse_json(b"[1]") == [1]
    assert math.isnan(parse_json("NaN"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        b"\xff",
        b"\x00\x00",
        "[" * 200_000 + "]" * 200_000,
        '{"a":' * 100_000,
        "9" * 301,
        "-" + "9" * 5000,
    ],
)
def test_faults_are_value_errors(text):
    with pytest.raises(ValueError) as error:
        parse_json(text)
    assert "\n" not in str(error.value)
