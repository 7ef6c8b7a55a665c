"""What went wrong, to look at with the eyes of then."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from cs_ml.services.truth.figures import misses
from cs_ml.services.truth.judged import NEVER, Judged, instant_of
from cs_ml.ui.components import empty_state
from cs_ml.ui.exports import safe_rows
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.account.chooser import ACCOUNT_PARAM
from cs_ml.ui.screens.accuracy.choices import Chosen, require_same
from cs_ml.ui.screens.accuracy.working import ask_threshold, judged_of
from cs_ml.ui.state import Key

_ACCOUNT = Path(__file__).parents[4] / "pages" / "account.py"
_MOST = 20
_UNNAMED = ("no longer there", "")


def draw_misses(chosen: Chosen) -> None:
    """No fragment: choosing a row leaves the page."""
    actor = require_actor()
    require_same(actor, chosen)
    st.caption(
        "Choose a row by the box at its left: the account opens as it was known on the day of the prediction, and "
        "nothing that came later is shown. Look whether a sign was there that was not taken up."
    )
    judged = judged_of(chosen)
    left, alarms = misses(judged, ask_threshold(judged), _MOST)
    names = services().accuracy.names(actor, [*left.account.tolist(), *alarms.account.tolist()])
    st.subheader("Left without a warning", anchor=False)
    _draw_rows(left, names, Key.MISSES, "Nobody left without a warning at this line.")
    st.subheader("Loudest false alarms", anchor=False)
    _draw_rows(alarms, names, Key.ALARMS, "No false alarm at this line.")


def _draw_rows(found: Judged, names: Mapping[int, tuple[str, str]], key: Key, nothing: str) -> None:
    if not len(found):
        empty_state(nothing, "Move the line to see others.")
        return
    named = [names.get(account, _UNNAMED) for account in found.account.tolist()]
    rows = [
        {
            "Account": name,
            "Predicted on": instant_of(at).date(),
            "Chance of leaving, %": round(chance * 100),
            "Left on": None if left == NEVER else instant_of(left).date(),
            "Segment": segment,
            "Worked on": "yes" if treated else "no",
        }
        for (name, _), at, chance, left, segment, treated in zip(
            named,
            found.at.tolist(),
            found.chance.tolist(),
            found.left_at.tolist(),
            found.segment.tolist(),
            found.treated.tolist(),
            strict=True,
        )
    ]
    chosen = st.dataframe(
        safe_rows(rows),
        hide_index=True,
        height="content",
        placeholder="",
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        alt=f"{len(rows)} accounts, with the day and the chance of the prediction",
    )
    for index in chosen["selection"]["rows"]:
        day = instant_of(int(found.at[index])).date().isoformat()
        st.switch_page(_ACCOUNT, query_params={ACCOUNT_PARAM: named[index][1], Key.AS_OF.value: day})
