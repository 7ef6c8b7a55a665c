"""How the CTAs that were made from predictions turn out."""

import streamlit as st

from cs_ml.domain.ctas.inbox import CtaStats
from cs_ml.ui.components import facts, table
from cs_ml.ui.formatting import count, percent, words

_HINTS = {
    "Completed": "Of all that were made, open ones too: it rises as work is done.",
    "Time to complete": "From being made to being completed, on average over the completed ones.",
}


def draw_statistics(stats: CtaStats) -> None:
    st.header("How suggested CTAs turn out", anchor=False)
    if not stats.total_generated:
        st.caption("No CTA was made from a prediction yet. Figures appear here with the first one.")
        return
    days = stats.average_resolution_days
    facts(
        {
            "Made from predictions": f"{stats.total_generated:,} ({stats.automated_count:,} automatically)",
            "Open": f"{stats.open_count:,}",
            "Completed": f"{stats.completed_count:,} of {stats.total_generated:,} ({percent(stats.completion_rate)})",
            "Cancelled": f"{stats.cancelled_count:,}",
            "Time to complete": "none completed yet"
            if days is None
            else f"{days:.1f} days (n = {stats.completed_count:,})",
        },
        _HINTS,
    )
    table(
        [
            {
                "Type": words(one.type).capitalize(),
                "Made": one.made,
                "Open": one.open,
                "Completed": one.completed,
                "Cancelled": one.cancelled,
            }
            for one in stats.by_type
        ],
        alt=f"{count(stats.total_generated, 'CTA')} made from predictions, by type.",
    )
