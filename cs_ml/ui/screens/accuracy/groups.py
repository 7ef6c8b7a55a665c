"""The same figures by method, model, prompt, segment, month, and whether somebody worked on the account."""

from collections.abc import Mapping

import streamlit as st

from cs_ml.services.truth.figures import Dimension, dimensions
from cs_ml.ui import cache
from cs_ml.ui.charts.accuracy.groups import skill_figure, skill_words
from cs_ml.ui.components import empty_state, table
from cs_ml.ui.formatting import ENGINE_WORDS
from cs_ml.ui.runtime import require_actor
from cs_ml.ui.screens.accuracy.choices import Chosen, require_same, too_few
from cs_ml.ui.screens.accuracy.headline import figure_rows
from cs_ml.ui.state import Key

_NO_BAR = {"displayModeBar": False}
_WORDS: Mapping[Dimension, str] = {
    "segment": "Segment",
    "month": "Month",
    "treated": "Worked on",
    "engine": "Method",
    "model": "Model",
    "prompt": "Prompt version",
}
_NAMES: Mapping[str, str] = {**dict[str, str](ENGINE_WORDS.items()), "True": "Worked on", "False": "Not worked on"}


@st.fragment
def draw_groups(chosen: Chosen, download: str) -> None:
    require_same(require_actor(), chosen)
    st.caption(
        "Skill compares with the usual rate of the same group: right of the dashed line the method errs less than that "
        "rate. Groups too small to tell are hollow and grey; intervals that touch the line prove nothing."
    )
    options = dimensions(cache.judged(chosen.tenant_id, chosen.look.rows))
    by = st.segmented_control(
        "By",
        options,
        default=options[0],
        required=True,
        format_func=lambda option: _WORDS[option],
        key=Key.BY,
        bind="query-params",
        wrap=True,
    )
    look = chosen.look._replace(engine=None) if by == "engine" else chosen.look
    found = cache.grouped(chosen.tenant_id, look, by)
    groups = [(_NAMES.get(name, name), one) for name, one in found]
    if not groups:
        empty_state("No such groups", "These predictions were made without a language model.")
        return
    drawn = [(name, one, too_few(one.n, one.churned)) for name, one in groups]
    chart, numbers = st.tabs(["Chart", "Numbers"])
    with chart:
        st.plotly_chart(skill_figure(drawn), config=_NO_BAR, alt=skill_words(drawn), key="group-chart")
    with numbers:
        table(
            figure_rows(groups, _WORDS[by]), alt=f"Figures by {_WORDS[by].lower()}", download=download, key="group-rows"
        )
