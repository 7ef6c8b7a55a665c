"""The provider's files and batches beside a fake server: answered when the test says so, in any way that goes wrong."""

import json
from collections.abc import Callable, Collection, Mapping
from email import message_from_bytes
from itertools import count
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.llm.server import Canned, FakeServer, error, faults_of

ENDED = {"completed", "expired", "cancelled", "failed"}
CREATED_AT = 1_780_000_000


class Provider:
    """`failing`: by method and first word of the path (`POST /batches`), what is answered instead, in turn; the last of
    them is answered after the work was done where its key ends in ` late`."""

    def __init__(self, server: FakeServer) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.calls: list[str] = []
        self.keys: list[str] = []
        self.failing: dict[str, list[Canned]] = {}
        self._server = server
        self._number = count(1)
        server.beside = self

    def __call__(self, method: str, path: str, raw: bytes, headers: Mapping[str, str]) -> Canned:
        url = urlsplit(path.removeprefix("/v1/"))
        kind, *rest = url.path.split("/")
        call = f"{method} /{kind}"
        self.calls.append(f"{method} /{url.path}")
        self.keys.append(headers["authorization"].removeprefix("Bearer "))
        if planned := self.failing.get(call):
            return planned.pop(0)
        if kind == "files":
            done = self._file(method, rest, raw, headers)
        else:
            done = self._batch(method, rest, raw, parse_qs(url.query))
        late = self.failing.get(f"{call} late")
        return late.pop(0) if late else done

    def questions(self, batch: str) -> dict[int, dict[str, Any]]:
        """What was asked, by the number of the line."""
        lines = [json.loads(line) for line in self.files[self.batches[batch]["input_file_id"]].splitlines()]
        return {int(line["custom_id"]): line["body"] for line in lines}

    def answer(
        self,
        batch: str,
        answering: Callable[[Mapping[str, Any]], Canned],
        *,
        status: str = "completed",
        without: Collection[int] = (),
        errors: Mapping[int, int] | None = None,
    ) -> None:
        """Ends a batch: lines in any order, none for the numbers in `without`, a status for those in `errors`."""
        answers, faults = list[Any](), list[Any]()
        for number, body in self.questions(batch).items():
            if number in without:
                continue
            line: dict[str, Any] = {"id": f"line_{number}", "custom_id": str(number), "error": None}
            failed = (errors or {}).get(number)
            told = error(failed) if failed else answering(body)
            line["response"] = {"status_code": told.status, "request_id": "r", "body": json.loads(told.body)}
            (faults if failed else answers).append(line)
        Random(3).shuffle(answers)
        found = self.batches[batch]
        found["status"] = status
        for name, lines in (("output_file_id", answers), ("error_file_id", faults)):
            if lines:
                found[name] = self.put(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def put(self, content: bytes) -> str:
        key = f"file-{next(self._number)}"
        self.files[key] = content
        return key

    def _file(self, method: str, rest: list[str], raw: bytes, headers: Mapping[str, str]) -> Canned:
        if method == "POST":
            parts = _parts(raw, headers["content-type"])
            assert parts["purpose"] == b"batch"
            return _json({"id": self.put(parts["file"]), "object": "file", "purpose": "batch"})
        if rest[0] not in self.files:
            return error(404)
        if method == "DELETE":
            self.deleted.append(rest[0])
            return _json({"id": rest[0], "object": "file", "deleted": bool(self.files.pop(rest[0]))})
        assert rest[1:] == ["content"]
        return Canned(body=self.files[rest[0]], headers={"content-type": "application/octet-stream"})

    def _batch(self, method: str, rest: list[str], raw: bytes, query: Mapping[str, list[str]]) -> Canned:
        if method == "POST" and not rest:
            return _json(self._create(json.loads(raw)))
        if not rest:
            newest = [*reversed(self.batches.values())]
            ids = [batch["id"] for batch in newest]
            first = ids.index(query["after"][0]) + 1 if "after" in query else 0
            page = newest[first : first + 2]  # few a page, so that pages are turned
            return _json({"object": "list", "data": page, "has_more": first + 2 < len(newest)})
        if rest[0] not in self.batches:
            return error(404)
        found = self.batches[rest[0]]
        if rest[1:] == ["cancel"] and found["status"] not in ENDED:
            found["status"] = "cancelling"
        return _json(found)

    def _create(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        assert (asked["completion_window"], asked["endpoint"]) == ("24h", "/v1/chat/completions")
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        assert [line["custom_id"] for line in lines] == [str(number) for number in range(1, len(lines) + 1)]
        for line in lines:
            assert set(line) == {"custom_id", "method", "url", "body"}
            assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
            self._server.invalid += faults_of(line["body"])
        key = f"batch-{next(self._number)}"
        self.batches[key] = {**asked, "id": key, "object": "batch", "status": "validating", "created_at": CREATED_AT}
        return self.batches[key]


def _parts(raw: bytes, content_type: str) -> dict[str, bytes]:
    parts: Any = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw).get_payload()
    return {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}


def _json(body: Mapping[str, Any]) -> Canned:
    return Canned(body=json.dumps(body).encode(), headers={"content-type": "application/json"})
