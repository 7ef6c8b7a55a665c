"""The filtered accounts as a file."""

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Forbidden
from cs_ml.domain.portfolio import PortfolioQuery, QueueRow
from cs_ml.services.portfolio import MOST_EXPORTED
from cs_ml.ui.components import download_name
from cs_ml.ui.exports import csv_of_alike
from cs_ml.ui.formatting import count
from cs_ml.ui.runtime import services, session_token, sessions
from cs_ml.ui.state import Key


def draw_download(actor: Actor, query: PortfolioQuery, matching: int) -> None:
    """A button; the file is made when it is pressed, if the session is still what it was when the page was drawn."""
    cut = f" The first {MOST_EXPORTED:,} of them." if matching > MOST_EXPORTED else ""
    token = session_token()  # the button's request is no run of the page: nobody is signed in there

    def make() -> bytes:
        found = sessions().resolve(token) if token else None
        if found is None or found.actor != actor:
            raise Forbidden("You are not signed in any more, or to another tenant. Load the page again.")
        return csv_of_alike(_cells(row) for row in services().portfolio.export(actor, query))

    st.download_button(
        "Download CSV",
        make,
        download_name("portfolio"),
        "text/csv",
        key=Key.DOWNLOAD,
        on_click="ignore",
        help=f"All {count(matching, 'account')} of this list, with plain numbers.{cut}",
    )


def _cells(row: QueueRow) -> dict[str, object]:
    risk = row.risk
    return {
        "account_id": row.account_id,
        "reference": row.reference,
        "name": row.name,
        "owner": row.owner_name,
        "segment": row.segment,
        "risk": risk.band.value if risk else None,
        "probability": round(risk.probability, 4) if risk else None,
        "usual_probability": round(risk.base_rate, 4) if risk else None,
        "reasons": "; ".join(risk.drivers) if risk else None,
        "arr": row.arr,
        "currency": row.currency,
        "arr_to_average": round(row.size, 4) if row.arr is not None else None,
        "renewal_date": row.renewal_date,
        "days_to_renewal": row.days_to_renewal,
        "health_score": row.health[-1] if row.health else None,
        "last_contact": row.touched_at,
        "open_ctas": row.open_ctas,
        "overdue_ctas": row.overdue_ctas,
        "predicted_as_of": risk.as_of if risk else None,
        "new_facts_since": risk.new_facts if risk else None,
        "data_completeness": risk.completeness if risk else None,
        "method": risk.engine if risk else None,
    }
