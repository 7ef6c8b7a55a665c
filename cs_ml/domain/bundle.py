"""The import bundle as data: its files, their columns, what a value may be, and the natural key of each row.

A bundle is a folder (or a zip of one) of UTF-8 CSV files with a header row. An empty value is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MAX_BUNDLE_BYTES = 4 * 1024**3
MAX_LINE_BYTES = 1_000_000
MAX_COLUMNS = 500
MAX_ACCOUNTS = 500_000  # they are kept in memory while a bundle is read
MAX_FAULTS_SHOWN = 1_000
MAX_REF, MAX_NAME, MAX_TEXT, MAX_EMAIL = 200, 500, 10_000, 254  # characters

ACCOUNTS, CHANGES, CUSTOM, CONTACTS = "accounts.csv", "account_changes.csv", "custom_fields.csv", "contacts.csv"
HEALTH, ACTIVITIES, CTAS = "health_history.csv", "activities.csv", "ctas.csv"
OPPORTUNITIES, CHURN, OUTCOMES = "opportunities.csv", "churn.csv", "outcomes.csv"

ACTIVITY_TYPES = frozenset(
    ("CALL", "EMAIL", "MEETING", "TASK", "NOTE", "SMS", "LINKEDIN_MESSAGE", "CHAT", "DEMO", "PROPOSAL", "CONTRACT")
)
OTHER = "OTHER"


class Kind(StrEnum):
    """What the values of a column are. Everything but TEXT is checked and stored in one normal form."""

    TEXT = "text"
    ACCOUNT = "the account_ref of a row in accounts.csv"
    EMAIL = "an e-mail address"
    INSTANT = "a date such as 2026-03-31 or 2026-03-31T10:00:00+02:00"
    NUMBER = "a number such as 12 or 12.5"
    MONEY = "an amount such as 1200.50, below 10,000,000,000,000"
    SCORE = "a number from 0 to 100"
    PERCENTAGE = "a number from 0 to 100 (or 0 to 1 in the whole file)"
    COUNT = "a whole number"
    FLAG = "0 or 1"
    CHOICE = "one of"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """`limit`: most characters of a text; lowest and highest value of a COUNT are `low` and `high`.

    `choices` are the stored forms of a CHOICE; any case is accepted.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    limit: int = MAX_TEXT
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 2_147_483_647
    example: str = ""

    @property
    def expected(self) -> str:
        """What a value has to be, as the end of a sentence."""
        match self.kind:
            case Kind.TEXT:
                return f"at most {self.limit:,} characters"
            case Kind.COUNT:
                return f"a whole number from {self.low:,} to {self.high:,}"
            case Kind.CHOICE:
                return f"one of {', '.join(choice.lower() for choice in self.choices)}"
        return self.kind.value


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One file. `key`: the columns that name a row; where its last one is empty, `else_key` does.

    `date`: the column that says when a row happened or was known. `open_columns`: further columns are data.
    `repeatable`: a row without key is named by all its values and its ordinal among identical rows.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    date: str | None = None
    else_key: tuple[str, ...] = ()
    open_columns: bool = False
    repeatable: bool = False
    positions: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", {column.name: i for i, column in enumerate(self.columns)})


def _account() -> Column:
    return Column(name="account_ref", kind=Kind.ACCOUNT, required=True, limit=MAX_REF, example="A-1")


def _date(name: str, example: str = "", *, required: bool = False) -> Column:
    return Column(name=name, kind=Kind.INSTANT, required=required, example=example)


def _short(name: str, example: str = "", *, required: bool = False, limit: int = MAX_NAME) -> Column:
    return Column(name=name, required=required, limit=limit, example=example)


def _choice(name: str, *choices: str, example: str = "", required: bool = False) -> Column:
    return Column(name=name, kind=Kind.CHOICE, choices=choices, required=required, example=example)


def _owner() -> Column:
    return Column(name="owner_email", kind=Kind.EMAIL, limit=MAX_EMAIL, example="jo@example.com")


_ARR = Column(name="arr", kind=Kind.MONEY, example="12000")
_PLAN = _short("plan", "pro")
_RENEWAL = _date("renewal_date", "2026-12-31")
_STAGE = _short("lifecycle_stage", "adoption")
_CURRENCY = _short("currency", "USD", limit=10)
_SCORES = ("usage_score", "support_score", "engagement_score", "sentiment_score", "financial_score")

FILES: Mapping[str, File] = {
    file.name: file
    for file in (
        File(
            name=ACCOUNTS,
            columns=(
                _short("account_ref", "A-1", required=True, limit=MAX_REF),
                _short("name", "Acme Ltd", required=True),
                _short("segment", "enterprise"),
                _short("industry", "Software"),
                _ARR,
                _CURRENCY,
                _PLAN,
                _date("start_date", "2024-01-15"),
                _RENEWAL,
                _STAGE,
                _owner(),
                _short("website", "https://acme.example", limit=2_000),
            ),
            key=("account_ref",),
            date="start_date",
        ),
        File(
            name=CHANGES,
            columns=(
                _account(),
                _date("as_of", "2026-03-31", required=True),
                _ARR,
                _PLAN,
                _RENEWAL,
                Column(name="seats", kind=Kind.COUNT, example="25"),
                _owner(),
                _STAGE,
            ),
            key=("account_ref", "as_of"),
            date="as_of",
        ),
        File(
            name=CUSTOM,
            columns=(_account(), _date("as_of", "2026-03-31")),
            key=("account_ref", "as_of"),
            date="as_of",
            open_columns=True,
        ),
        File(
            name=CONTACTS,
            columns=(
                _account(),
                _short("contact_ref", "C-1", required=True, limit=MAX_REF),
                _short("first_name", "Ada"),
                _short("last_name", "Example"),
                _short("email", "ada@acme.example"),
                _short("phone", "+1 555 0100"),
                _short("job_title", "Head of Operations"),
                _choice("role", "champion", "decision_maker", "user", example="champion"),
            ),
            key=("account_ref", "contact_ref"),
        ),
        File(
            name=HEALTH,
            columns=(
                _account(),
                _date("date", "2026-03-31", required=True),
                Column(name="overall_score", kind=Kind.SCORE, required=True, example="74"),
                *(Column(name=name, kind=Kind.SCORE, example="70") for name in _SCORES),
            ),
            key=("account_ref", "date"),
            date="date",
        ),
        File(
            name=ACTIVITIES,
            columns=(
                _account(),
                _date("date", "2026-03-30T14:00:00+02:00", required=True),
                _short("type", "MEETING", required=True, limit=MAX_REF),
                _choice("direction", "inbound", "outbound", example="outbound"),
                _choice("sentiment", "POSITIVE", "NEUTRAL", "NEGATIVE", example="positive"),
                Column(name="subject", example="Quarterly review"),
                Column(name="quantity", kind=Kind.NUMBER, example="1"),
                Column(name="amount", kind=Kind.NUMBER),
                _short("activity_ref", "T-1", limit=MAX_REF),
            ),
            key=("activity_ref",),
            date="date",
            repeatable=True,
        ),
        File(
            name=CTAS,
            columns=(
                _account(),
                _date("created", "2026-03-15", required=True),
                _date("due", "2026-04-15"),
                _date("closed"),
                _choice(
                    "type", "RISK", "OPPORTUNITY", "LIFECYCLE", "ACTIVITY", "OBJECTIVE", example="risk", required=True
                ),
                _choice("priority", "CRITICAL", "HIGH", "MEDIUM", "LOW", example="high"),
                _choice("status", "OPEN", "IN_PROGRESS", "SNOOZED", "COMPLETED", "CANCELLED", example="open"),
                _short("title", "Usage fell by half", required=True),
                _owner(),
            ),
            key=("account_ref", "created", "title"),
            date="created",
        ),
        File(
            name=OPPORTUNITIES,
            columns=(
                _account(),
                _date("created", "2026-02-01", required=True),
                _date("close_date", "2026-06-30"),
                _short("stage", "Proposal", limit=MAX_REF),
                Column(name="amount", kind=Kind.MONEY, example="5000"),
                Column(name="probability", kind=Kind.PERCENTAGE, example="40"),
                _CURRENCY,
                _short("name", "Ten more seats"),
            ),
            key=("account_ref", "created", "name"),
            else_key=("account_ref", "created", "stage", "amount"),
            date="created",
        ),
        File(
            name=CHURN,
            columns=(
                _account(),
                _date("churned_on", "2026-04-30", required=True),
                Column(name="reason", example="Went to a competitor"),
            ),
            key=("account_ref", "churned_on"),
            date="churned_on",
        ),
        File(
            name=OUTCOMES,
            columns=(
                _account(),
                _date("as_of", "2025-12-31", required=True),
                Column(name="window_days", kind=Kind.COUNT, low=1, high=3_650, required=True, example="90"),
                Column(name="churned", kind=Kind.FLAG, required=True, example="0"),
            ),
            key=("account_ref", "as_of", "window_days"),
            date="as_of",
        ),
    )
}
