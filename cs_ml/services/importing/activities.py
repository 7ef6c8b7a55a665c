"""activities.csv -> the columns of CRMActivity that its rows give."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cs_ml.domain.bundle import ACTIVITY_TYPES, OTHER
from cs_ml.services.importing.keys import RowNames
from cs_ml.services.importing.values import Memo

NAMES = ("accountId", "completedAt", "type", "subject", "metadata", "externalId")


class ActivityShaper:
    """`metadata` is written as `json.dumps(..., sort_keys=True, ensure_ascii=False)` would."""

    def __init__(self) -> None:
        self._types = Memo(_type)
        self._sources = Memo(_source)
        self._row_names = RowNames()

    def shape(self, columns: Mapping[str, list[Any]], refs: Sequence[str]) -> list[list[Any]]:
        """The columns NAMES; accounts still as positions in `refs`."""
        accounts, dates, subjects = columns["account_ref"], columns["date"], columns["subject"]
        details = [f"{{{parts[:-2]}}}" if parts else None for parts in map("".join, self._parts(columns))]
        types = list(map(self._types.__getitem__, columns["type"]))
        return [accounts, dates, types, subjects, details, self._external_ids(columns, details, refs)]

    def _parts(self, columns: Mapping[str, list[Any]]) -> Any:
        """Per row, the members of the JSON object in order of their names."""
        return zip(
            [f'"amount": {value}, ' if value else "" for value in columns["amount"]],
            [f'"direction": "{value}", ' if value else "" for value in columns["direction"]],
            [f'"quantity": {value}, ' if value else "" for value in columns["quantity"]],
            [f'"sentiment": "{value}", ' if value else "" for value in columns["sentiment"]],
            map(self._sources.__getitem__, columns["type"]),
            strict=True,
        )

    def _external_ids(
        self, columns: Mapping[str, list[Any]], details: Sequence[str | None], refs: Sequence[str]
    ) -> list[str]:
        given = columns["activity_ref"]
        if all(given):
            return given
        values = (
            map(refs.__getitem__, columns["account_ref"]),
            columns["date"],
            columns["type"],
            [subject or "" for subject in columns["subject"]],
            [detail or "" for detail in details],
        )
        if not any(given):
            return self._row_names.names(map("\0".join, zip(*values, strict=True)))
        rows = zip(given, map("\0".join, zip(*values, strict=True)), strict=True)
        names = iter(self._row_names.names(text for ref, text in rows if not ref))
        return [ref or next(names) for ref in given]


def _type(text: str) -> str:
    return text.upper() if text.upper() in ACTIVITY_TYPES else OTHER


def _source(text: str) -> str:
    """A type that the CRM does not know keeps its own name."""
    known = text.upper() in ACTIVITY_TYPES or text.upper() == OTHER
    return "" if known else f'"sourceType": {json.dumps(text, ensure_ascii=False)}, '
