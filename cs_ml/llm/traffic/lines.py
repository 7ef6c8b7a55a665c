"""Answers that came overnight: one line of a file for each question, in any order, read without trusting it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.faults import CallFailed, reported_failure, status_failure
from cs_ml.llm.replies import Reply, read_reply

Line = Reply | Fault  # what came of one question


class _Response(BaseModel):
    status_code: int
    body: Any = None


class _Line(BaseModel):
    custom_id: str = Field(max_length=20)
    response: _Response | None = None
    error: Any = None


def read_lines(contents: Sequence[bytes], most: int) -> Mapping[int, Line]:
    """By the numbers of the questions, from 1 to `most`; of those without a line nothing. Two answers to one question:
    nobody can say which one is meant."""
    found: dict[int, Line] = {}
    for content in contents:
        for number, line in _lines(content):
            if 1 <= number <= most:
                found[number] = Fault.INVALID_BODY if number in found else line
    return found


def _lines(content: bytes) -> Iterator[tuple[int, Line]]:
    """What has a number; anything else is as if it was missing."""
    for raw in content.splitlines():
        try:
            line = _Line.model_validate_json(raw)
            number = int(line.custom_id)
        except ValueError:
            continue
        yield number, _line(line)


def _line(line: _Line) -> Line:
    try:
        if line.error:
            raise reported_failure(line.error)
        if line.response is None:
            return Fault.INVALID_BODY
        if line.response.status_code >= 300:
            raise status_failure(line.response.status_code, line.response.body, {})
        return read_reply(json.dumps(line.response.body).encode())
    except CallFailed as failed:
        return failed.fault
