"""Texts that break programs come back as they went in, from columns and from JSON, on both databases."""

import json
import random
import sys
import unicodedata
from collections.abc import Callable

from sqlalchemy import select

from cs_ml.store.database import Database
from cs_ml.store.tables import CRMActivity
from tests.support.factories import NOW, add_account, add_tenant

KNOWN = (
    *("NULL", "null", "None", "NA", "nil", "undefined", "true", "0", "-0", "00123", "1e5", "1E400", "0x10", "NaN"),
    *("Infinity", "9007199254740993", "1,000.50", "01-01-1970", " ", "  x  ", "\t", "\r", "\n", "\r\n", "\v", "\f"),
    *("'", '"', "''", "\\", "\\\\", "%", "%s", "%n%n", "{0}", "{{7*7}}", "${x}", "$(x)", "`x`", ":x", "?", "--", "/*"),
    *('\'; DROP TABLE "Account"; --', "1 OR 1=1", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>"),
    *("javascript:alert(1)", "../../etc/passwd", "\\\\host\\share", "file:///x", "=1+1", "+1", "-1", "@x", "|x"),
    *("\ufeff", "\u200b", "\u202ex", "\u2066x\u2069", "\xad", "\u2028\u2029", "\ufffe", "\ufffd", "\U0010ffff"),
    *("\x01", "\x1b[31m", "\x7f", "\u0130stanbul", "\xdf", "\u0152\u0178", "\u03a9\u2248\xe7\u221a"),
    *("\u7530\u4e2d\u3055\u3093", "\u8868\u30ddA\u9dd7", "\u0627\u0644\u0643\u0644", "\u200f\u05e9\u05dc\u05d5\u05dd"),
    *("\u0939\u093f\u0928\u094d\u0926\u0940", "\U0001041c", "\U0001d54f", "\U0001f469\U0001f3fd\u200d\U0001f680"),
    *(
        "\U0001f1fa\U0001f1f3",
        "1\ufe0f\u20e3",
        "e\u0301" * 40,
        "Z\u0351\u036b\u0343" * 30,
        "x" * 10_000,
        "\U0001f600" * 2_000,
    ),
)


def strings() -> list[str]:
    """The known ones, each kind of letter that Unicode has, and mixtures of both: 600 or more, all different."""
    by_kind: dict[str, list[str]] = {}
    for code in (code for code in range(1, sys.maxunicode + 1, 7) if not 0xD800 <= code <= 0xDFFF):
        by_kind.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    chance = random.Random(7)
    kinds = ["".join(chance.choices(letters, k=12)) for letters in by_kind.values()]
    parts = [*KNOWN, *kinds]
    mixed = ["".join(chance.sample(parts[:-2], 3)) for _ in range(700 - len(parts))]
    return list(dict.fromkeys([*parts, *mixed]))


def test_every_string_comes_back_as_it_was(database: Database, figure: Callable[[str], None]) -> None:
    actor, texts = add_tenant(database), strings()
    account = add_account(database, actor)
    same: dict[str, object] = {"accountId": account, "ownerId": actor.user_id, "createdById": actor.user_id}
    same |= {"type": "NOTE", "createdAt": NOW, "updatedAt": NOW}
    with database.write(actor) as scope:
        rows = [{**same, "subject": text, "description": text * 2, "metadata": {text: [text]}} for text in texts]
        scope.insert(CRMActivity, rows)
        now = "2026-06-01 12:00:00.000"
        bulk = {**same, "createdAt": now, "updatedAt": now, "status": "COMPLETED", "priority": "NORMAL"}
        columns = {"subject": texts, "metadata": [json.dumps({text: [text]}) for text in texts]}
        scope.insert_many(CRMActivity, {**columns, **{name: [value] * len(texts) for name, value in bulk.items()}})
    with database.read(actor) as scope:
        found = scope.execute(select(CRMActivity.subject, CRMActivity.details).order_by(CRMActivity.id)).all()
    assert [subject for subject, _ in found] == texts * 2
    assert [details for _, details in found] == [{text: [text]} for text in texts] * 2
    assert len(texts) >= 515
    figure(f"{database.dialect}: {len(texts)} strings, each by two ways, 0 changed")
