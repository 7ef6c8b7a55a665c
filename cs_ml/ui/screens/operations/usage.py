"""Calls, tokens and cost of the model by day, as a chart and a table."""

from collections import defaultdict
from datetime import date
from decimal import Decimal

import streamlit as st

from cs_ml.services.operations.monitoring import Overview
from cs_ml.ui.charts.usage import cost_figure
from cs_ml.ui.components import download_name, empty_state, table
from cs_ml.ui.formatting import count, words
from cs_ml.ui.runtime import services

_SET_UP = "Set OPENAI_API_KEY to let it judge; see the README."
_ASKED_WHEN = "It is asked when somebody refreshes a prediction, and in batches."


def draw_usage(overview: Overview) -> None:
    if not overview.usage:
        hint = _SET_UP if services().llm is None else _ASKED_WHEN
        empty_state("The model was not asked in this period", hint)
        return
    total = sum((each.cost for each in overview.usage), Decimal(0))
    attempts, unknown = sum(each.attempts for each in overview.usage), sum(each.unknown_cost for each in overview.usage)
    beside = f", and {count(unknown, 'call')} of unknown cost" if unknown else ""
    st.caption(f"{total:,.4f} USD for {count(attempts, 'call')} in {count(overview.days, 'day')}{beside}.")
    by_day: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for each in overview.usage:
        by_day[each.model][each.day] += each.cost
    st.plotly_chart(
        cost_figure({model: sorted(days.items()) for model, days in by_day.items()}, overview.first, overview.last),
        config={"displayModeBar": False},
        alt=f"Cost of the model by day, {total:,.4f} US dollars in all",
    )
    rows = [
        {
            "Day": f"{each.day:%Y-%m-%d}",
            "Model": each.model,
            "For": words(each.operation.replace("-", " ")),
            "Calls": each.attempts,
            "Failed": each.failed,
            "Tokens in": each.prompt_tokens,
            "Tokens out": each.completion_tokens,
            "Cost, USD": round(float(each.cost), 6),
            "Of unknown cost": each.unknown_cost,
        }
        for each in reversed(overview.usage)
    ]
    table(rows, alt="Usage of the model by day, model and purpose", download=download_name("usage"), key="usage")
