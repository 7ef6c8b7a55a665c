"""What a model's server may answer about an account: well, or wrong in every way, and the word that names it then."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cs_ml.domain.llm.usage import Fault
from tests.llm.server import Canned, answer, error, reply

CHURN: Mapping[str, Any] = {
    "probability": 0.62,
    "factors": [
        {"name": name, "impact": "high", "direction": "risk", "sentence": "It fell.", "evidence": [fact]}
        for name, fact in (("Usage", "M1"), ("Contact", "M2"))
    ],
    "explanation": "Usage and contact fell.",
    "recommendations": [],
}
GOOD = answer(CHURN)


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """`fault` is what the prediction must name."""

    sent: Canned
    fault: Fault


def _with(**fields: Any) -> Canned:
    return answer({**CHURN, **fields})


def _citing(fact: str) -> list[dict[str, Any]]:
    return [{**factor, "evidence": [fact]} for factor in CHURN["factors"]]


REFUSAL = answer(None, refusal="I cannot help with that.")
FAULTS: Mapping[str, Faulty] = {
    "401": Faulty(sent=error(401, "invalid_api_key"), fault=Fault.KEY_REFUSED),
    "403": Faulty(sent=error(403), fault=Fault.PERMISSION),
    "404": Faulty(sent=error(404, "model_not_found"), fault=Fault.MODEL_NOT_FOUND),
    "429": Faulty(sent=error(429), fault=Fault.RATE_LIMITED),
    "429 Retry-After 1": Faulty(sent=error(429, retry_after="1"), fault=Fault.RATE_LIMITED),
    "429 Retry-After 60": Faulty(sent=error(429, retry_after="60"), fault=Fault.RATE_LIMITED),
    "500": Faulty(sent=error(500), fault=Fault.SERVER_ERROR),
    "503": Faulty(sent=error(503), fault=Fault.SERVER_ERROR),
    "timeout": Faulty(sent=Canned(manner="hang"), fault=Fault.TIMEOUT),
    "reset mid-body": Faulty(sent=Canned(body=b'{"choices": [', manner="reset"), fault=Fault.RESET),
    "refusal": Faulty(sent=REFUSAL, fault=Fault.REFUSED),
    "length": Faulty(sent=answer('{"probability": 0.6', finish="length"), fault=Fault.TRUNCATED),
    "content filter": Faulty(sent=answer("", finish="content_filter"), fault=Fault.CONTENT_FILTER),
    "empty choices": Faulty(sent=reply(choices=[]), fault=Fault.NO_CHOICES),
    "invalid JSON": Faulty(sent=answer('{"probability": 0.6,'), fault=Fault.INVALID_JSON),
    "schema violation": Faulty(sent=answer({"probability": 0.5}), fault=Fault.SCHEMA),
    "probability '85%'": Faulty(sent=_with(probability="85%"), fault=Fault.SCHEMA),
    "probability NaN": Faulty(sent=_with(probability=float("nan")), fault=Fault.SCHEMA),
    "probability 1.7": Faulty(sent=_with(probability=1.7), fault=Fault.SCHEMA),
    "invented evidence": Faulty(sent=_with(factors=_citing("Z99")), fault=Fault.UNGROUNDED),
    "2 MB answer": Faulty(sent=answer("x" * 2_000_000), fault=Fault.TOO_LARGE),
}
