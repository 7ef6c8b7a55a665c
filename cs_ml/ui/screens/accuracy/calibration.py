"""Whether a chance of 30 % means that 3 in 10 leave."""

import streamlit as st

from cs_ml.services.truth.judged import Judged
from cs_ml.services.truth.reports import Evaluation
from cs_ml.ui.charts.accuracy.calibration import calibration_figure, calibration_words
from cs_ml.ui.components import table
from cs_ml.ui.formatting import NARROW
from cs_ml.ui.screens.accuracy.choices import too_few

_NO_BAR = {"displayModeBar": False}


def draw_calibration(found: Evaluation, judged: Judged, download: str) -> None:
    st.caption(
        "Predictions are put into groups of about the same chance; a mark shows how many of a group left, its line how "
        "sure that is. Marks on the dashed line are right, below it the risk was overstated, above it understated."
    )
    if found.bins:
        agree = sum(one.low <= one.predicted <= one.high for one in found.bins)
        st.markdown(f"In **{agree} of {len(found.bins)}** groups what was predicted agrees with what came.")
    chart, numbers = st.tabs(["Chart", "Numbers"])
    with chart:
        st.plotly_chart(
            calibration_figure(
                found.bins,
                judged.chance[judged.churned].tolist(),
                judged.chance[~judged.churned].tolist(),
                faint=too_few(found.n, found.churned),
            ),
            config=_NO_BAR,
            alt=calibration_words(found.bins),
            key="calibration-chart",
        )
    with numbers:
        rows = [
            {
                "Predicted": f"{one.predicted * 100:.1f}{NARROW}%",
                "Left": f"{one.observed * 100:.1f}{NARROW}%",
                "Left, 95 %": f"{one.low * 100:.1f} to {one.high * 100:.1f}{NARROW}%",
                "Predictions": one.n,
                "Customers": one.accounts,
                "Agree": "yes" if one.low <= one.predicted <= one.high else "no",
            }
            for one in found.bins
        ]
        table(rows, alt="Predicted chance and share that left, by group", download=download, key="calibration-rows")
