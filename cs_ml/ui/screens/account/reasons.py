"""Why: each reason with the facts behind it, and how the parts add up."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo

import streamlit as st

from cs_ml.domain.predictions import Evidence, Prediction, RiskFactor
from cs_ml.ui.charts.risk import parts_figure
from cs_ml.ui.components import plain, table, text
from cs_ml.ui.formatting import day, percent, points
from cs_ml.ui.state import Key

_MOST_EVIDENCE = 12
_MOST_FACTORS = 5
_WORTH_A_FIGURE = 0.0005  # less would read as 0.0 points


def draw_raising(prediction: Prediction, zone: tzinfo) -> None:
    st.header("What raises the risk", anchor=False)
    _draw_factors(prediction.factors, prediction.evidence, zone, Key.RAISING, "Nothing known points to a risk.")


def draw_lowering(prediction: Prediction, zone: tzinfo) -> None:
    st.header("What speaks for staying", anchor=False)
    _draw_factors(prediction.protective, prediction.evidence, zone, Key.LOWERING, "Nothing known speaks for staying.")


def parts_of(prediction: Prediction) -> list[tuple[str, float]]:
    """Name and size (0..1) of what adds up to the probability; empty where the method does not add parts."""
    if prediction.base is None:
        return []
    rest = (
        ("Many small parts together", prediction.rest or 0.0),
        ("Another length of time than 90 days", prediction.window_part or 0.0),
        ("Never quite certain: kept between 2 and 98 %", prediction.clipping or 0.0),
        ("Adjusted to what happened to your customers", prediction.adjustment),
    )
    return [
        ("Every account starts with", prediction.base),
        *((factor.factor, factor.points or 0.0) for factor in prediction.factors),
        *((factor.factor, factor.points) for factor in prediction.protective if factor.points),
        *((name, size) for name, size in rest if size),
    ]


def draw_parts(prediction: Prediction | None) -> None:
    parts = parts_of(prediction) if prediction else []
    if prediction is None:
        st.caption("There is no prediction to take apart.")
        return
    if not parts:
        st.caption("This method gives one figure, not a sum of parts.")
        return
    rows = [{"Part": name, "Points of 100": round(size * 100, 1)} for name, size in parts]
    total = {"Part": "Chance of leaving", "Points of 100": round(prediction.probability * 100, 1)}
    chart, numbers = st.columns([3, 2], gap="medium")
    with chart:
        st.plotly_chart(
            parts_figure(parts, prediction.probability),
            config={"displayModeBar": False},
            alt=f"{len(parts)} parts that add up to {percent(prediction.probability)}; the table has the same figures.",
            key="parts",
        )
    with numbers:
        table([*rows, total], alt="The parts of the chance of leaving, in points of 100")


def _draw_factors(
    factors: Sequence[RiskFactor], evidence: Sequence[Evidence], zone: tzinfo, key: Key, nothing: str
) -> None:
    """One line each; opening one shows the facts behind it. The small ones are drawn when they are asked for."""
    if not factors:
        st.caption(nothing)
    facts = {fact.id: fact for fact in evidence}
    with st.container(gap="xsmall"):
        shown = len(factors) if len(factors) <= _MOST_FACTORS + 1 else _MOST_FACTORS  # never one alone behind a fold
        for factor in factors[:shown]:
            _draw_factor(factor, facts, zone)
        if rest := factors[shown:]:
            together = sum(factor.points or 0.0 for factor in rest)
            size = f", together {_size(together)}" if together else ""
            fold = st.expander(f"{len(rest)} smaller ones{size}", type="compact", key=key, on_change="rerun")
            if fold.open:
                with fold, st.container(gap="xsmall"):
                    for factor in rest:
                        _draw_factor(factor, facts, zone)


def _draw_factor(factor: RiskFactor, facts: Mapping[str, Evidence], zone: tzinfo) -> None:
    size = f" · {_size(factor.points)}" if factor.points and abs(factor.points) >= _WORTH_A_FIGURE else ""
    with st.expander(f"{plain(factor.factor)}{size} · {plain(factor.current_value)}", type="compact"):
        text("\n".join(_said(factor, [facts[key] for key in factor.evidence if key in facts], zone)))


def _size(share: float) -> str:
    return f"**{points(share * 100, digits=0 if abs(share) >= 0.01 else 1)}**"


def _said(factor: RiskFactor, rows: Sequence[Evidence], zone: tzinfo) -> Iterator[str]:
    """What is behind a factor, a line each: in one element, since there are many factors."""
    yield factor.description
    if factor.threshold:
        yield f"To compare: {factor.threshold}."
    if rows:
        yield "\nEvidence:"
    for row in rows[:_MOST_EVIDENCE]:
        yield f"{row.id} · {day(row.at, zone)} · {row.text}"
    if len(rows) > _MOST_EVIDENCE:
        yield f"… and {len(rows) - _MOST_EVIDENCE} more, listed under what is known of the account"
