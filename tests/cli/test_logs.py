"""Log lines are JSON objects, one a line, whatever the message holds."""

import json
import logging

import pytest

from cs_ml.logs import configure_logs


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO")
    logging.getLogger("cs_ml.example").warning("two\nlines of %s", "text", extra={"tenant": "t1"})
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    found = json.loads(line)
    assert found["event"] == "two\nlines of text"
    assert (found["level"], found["tenant"], found["logger"]) == ("warning", "t1", "cs_ml.example")


def test_quieter_lines_stay_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("ERROR")
    logging.getLogger("cs_ml.example").warning("not this")
    configure_logs("INFO")
    assert capsys.readouterr().err == ""
