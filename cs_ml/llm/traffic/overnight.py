"""The provider's Batch API: questions in a file, answers within a day in another one."""

import json
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from cs_ml.domain.llm.overnight import ProviderAway, ProviderRefuses
from cs_ml.domain.llm.usage import Fault, TokenUsage
from cs_ml.llm.faults import CallFailed
from cs_ml.llm.pricing import PriceTable
from cs_ml.llm.request import Features, Message
from cs_ml.llm.schema import S
from cs_ml.llm.traffic.given import fingerprint_of, question_of
from cs_ml.llm.traffic.lines import Line, read_lines
from cs_ml.llm.transport import MAX_BODY_BYTES, Transport

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_LINE_BYTES = 128 * 1024  # of an answer with what stands around it; a line of 64 KB of text is refused anyway
UPLOAD_S = 120.0
CALL_S = 30.0
_KEY = "cs_ml"  # in the metadata of a batch
_PAGES = 20  # of a hundred batches each, that are looked through for one of ours
_CLOCKS_DIFFER = timedelta(hours=1)
_NO_SUCH_ADDRESS = frozenset({404, 405, 501})
_PASSING = frozenset(
    {
        Fault.RATE_LIMITED,
        Fault.SERVER_ERROR,
        Fault.CONNECTION,
        Fault.DNS,
        Fault.TLS,
        Fault.RESET,
        Fault.TIMEOUT,
        Fault.INVALID_BODY,
    }
)
_OVER = frozenset({"completed", "expired", "cancelled", "failed"})


class _Batch(BaseModel):
    id: str = Field(min_length=1, max_length=200)
    status: str = Field(max_length=40)
    created_at: float = 0
    output_file_id: str | None = Field(default=None, max_length=200)
    error_file_id: str | None = Field(default=None, max_length=200)
    metadata: Mapping[str, Any] | None = None


class _Page(BaseModel):
    data: list[_Batch]
    has_more: bool = False


class _File(BaseModel):
    id: str = Field(min_length=1, max_length=200)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A question ready to be sent. `expected`: US dollars to reserve, None where no price is known."""

    body: bytes
    fingerprint: str
    expected: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A batch as the provider sees it. `files`: of answers and errors, those that exist."""

    id: str
    status: str
    files: tuple[str, ...]

    @property
    def over(self) -> bool:
        return self.status in _OVER


class Overnight:
    """One endpoint's. Every method but `write` raises ProviderAway or ProviderRefuses."""

    def __init__(self, transport: Transport, prices: PriceTable, model: str, features: Callable[[], Features]) -> None:
        self._transport = transport
        self.price_share = prices.batch_share  # what is paid, of what one answer at a time costs
        self.prices = prices.overnight()
        self._features = features
        self.model = model

    def write(
        self,
        messages: Sequence[Message],
        schema: type[S],
        *,
        ids: Collection[str],
        max_tokens: int,
        temperature: float,
    ) -> Written:
        request = question_of(messages, schema, ids, max_tokens, temperature)
        body = {"model": self.model, **self._features().body(request)}
        usage = TokenUsage(prompt=request.prompt_tokens, completion=max_tokens)
        return Written(
            body=json.dumps(body, separators=(",", ":")).encode(),
            fingerprint=fingerprint_of(request),
            expected=self.prices.cost(self.model, usage),
        )

    def upload(self, bodies: Sequence[bytes]) -> str:
        """Puts the questions into a file there; its id."""
        lines = [
            b'{"custom_id":"%d","method":"POST","url":"/v1/chat/completions","body":%s}' % (number, body)
            for number, body in enumerate(bodies, start=1)
        ]
        file = ("questions.jsonl", b"\n".join(lines) + b"\n", "application/jsonl")

        async def send(client: "AsyncOpenAI") -> bytes:
            answer = await client.files.with_raw_response.create(file=file, purpose="batch")
            return answer.content

        return _read(_File, self._call(send, UPLOAD_S)).id

    def create(self, file: str, key: str) -> Found:
        """Asks the questions of a file, under a key of ours."""

        async def send(client: "AsyncOpenAI") -> bytes:
            answer = await client.batches.with_raw_response.create(
                completion_window="24h", endpoint="/v1/chat/completions", input_file_id=file, metadata={_KEY: key}
            )
            return answer.content

        return _found(_read(_Batch, self._call(send, CALL_S)))

    def find(self, batch: str) -> Found:
        async def send(client: "AsyncOpenAI") -> bytes:
            return (await client.batches.with_raw_response.retrieve(batch)).content

        return _found(_read(_Batch, self._call(send, CALL_S)))

    def find_key(self, key: str, since: datetime) -> Found | None:
        """The batch that was asked for under a key of ours at `since` or later; None where there is none."""
        for page in self._pages():
            for batch in page.data:
                if (batch.metadata or {}).get(_KEY) == key:
                    return _found(batch)
            if not page.data or page.data[-1].created_at < (since - _CLOCKS_DIFFER).timestamp():
                return None
        return None

    def cancel(self, batch: str) -> None:
        async def send(client: "AsyncOpenAI") -> bytes:
            return (await client.batches.with_raw_response.cancel(batch)).content

        self._call(send, CALL_S)

    def delete(self, file: str) -> None:
        async def send(client: "AsyncOpenAI") -> bytes:
            return (await client.files.with_raw_response.delete(file)).content

        self._call(send, CALL_S)

    def lines(self, files: Sequence[str], most: int) -> Mapping[int, Line]:
        """What came of the questions, by their numbers from 1 to `most`; of those without a line nothing. Of files that
        are far too large TOO_LARGE for all."""
        try:
            contents = [self._content(file, most * MAX_LINE_BYTES) for file in files]
        except ProviderRefuses as refused:
            if refused.fault is not Fault.TOO_LARGE:
                raise
            return dict.fromkeys(range(1, most + 1), Fault.TOO_LARGE)
        return read_lines(contents, most)

    def _content(self, file: str, most_bytes: int) -> bytes:
        async def send(client: "AsyncOpenAI") -> bytes:
            return (await client.files.with_raw_response.content(file)).content

        return self._call(send, UPLOAD_S, most_bytes)

    def _pages(self) -> Iterator[_Page]:
        last: str | None = None
        for _ in range(_PAGES):

            async def send(client: "AsyncOpenAI", after: str | None = last) -> bytes:
                listed = client.batches.with_raw_response.list
                return (await (listed(limit=100, after=after) if after else listed(limit=100))).content

            page = _read(_Page, self._call(send, CALL_S))
            yield page
            if not page.has_more or not page.data:
                return
            last = page.data[-1].id

    def _call(
        self,
        send: "Callable[[AsyncOpenAI], Coroutine[Any, Any, bytes]]",
        timeout_s: float,
        most_bytes: int = MAX_BODY_BYTES,
    ) -> bytes:
        async def sent(client: "AsyncOpenAI") -> bytes:
            import openai

            try:
                return await send(client)
            except openai.APIStatusError as error:
                if error.status_code in _NO_SUCH_ADDRESS:
                    raise CallFailed(Fault.BAD_REQUEST) from None
                raise

        try:
            return self._transport.call(sent, timeout_s, most_bytes=most_bytes)
        except CallFailed as failed:
            raise (ProviderAway if failed.fault in _PASSING else ProviderRefuses)(failed.fault) from None


M = TypeVar("M", bound=BaseModel)


def _read(kind: type[M], content: bytes) -> M:
    try:
        return kind.model_validate_json(content)
    except ValidationError:
        raise ProviderAway(Fault.INVALID_BODY) from None


def _found(batch: _Batch) -> Found:
    files = tuple(file for file in (batch.output_file_id, batch.error_file_id) if file)
    return Found(id=batch.id, status=batch.status, files=files)
