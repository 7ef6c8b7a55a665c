"""Log lines are JSON objects, one a line, whatever the message holds."""

import json
import logging

import pytest

from cs_ml.logs import HIDDEN, configure_logs


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO")
    logging.getLogger("cs_ml.example").warning("two\nlines of %s", "text", extra={"tenant": "t1"})
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    found = json.loads(line)
    assert found["event"] == "two\nlines of text"
    assert (found["level"], found["tenant"], found["logger"]) == ("warning", "t1", "cs_ml.example")


SECRETS = ("kept-nowhere-but-here-0123456789", "pass word of the database")


@pytest.mark.parametrize(
    ("message", "hidden"),
    [
        ("the key is kept-nowhere-but-here-0123456789.", "kept-nowhere"),
        ("postgresql+psycopg://ada:pass word of the database@db/x", "pass word"),
        ("postgresql://ada:another@db/x refused", "another"),
        ("Incorrect API key provided: sk-proj-abcdefgh12345678", "abcdefgh"),
        ("headers: {'Authorization': 'Bearer abcdefgh.ijklmnop'}", "abcdefgh"),
        ('{"password": "violet-otters", "n": 1}', "violet"),
        ("api_key=hunter2 token=t0psecret", "hunter2"),
    ],
)
def test_no_line_holds_a_secret(capsys: pytest.CaptureFixture[str], message: str, hidden: str) -> None:
    configure_logs("INFO", SECRETS)
    try:
        raise ValueError(message)
    except ValueError:
        logging.getLogger("cs_ml.example").exception("%s", message, extra={"more": [message]})
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1
    assert hidden not in line
    assert line.count(HIDDEN) >= 3  # in the message, in the traceback and beside them
    configure_logs("INFO")


def test_words_about_secrets_stay(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", ["short", "sixteen letters!"])
    message = "the password of user 7 was changed; shorter secrets stay, and https://host:8501/x"
    logging.getLogger("cs_ml.example").warning(message)
    assert json.loads(capsys.readouterr().err)["event"] == message


def test_quieter_lines_stay_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("ERROR")
    logging.getLogger("cs_ml.example").warning("not this")
    configure_logs("INFO")
    assert capsys.readouterr().err == ""
