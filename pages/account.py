"""One customer: who they are, how likely they are to leave, why, what to do, and how it came to this."""

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.domain.health.timeline import band_since
from cs_ml.ui.components import download_name, plain, zone_of
from cs_ml.ui.formatting import percent
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.account.card import ask_prediction, draw_card, draw_recommendations
from cs_ml.ui.screens.account.chooser import chosen_account, draw_banner, draw_tools
from cs_ml.ui.screens.account.comparison import draw_comparison
from cs_ml.ui.screens.account.header import draw_band, draw_left, draw_profile
from cs_ml.ui.screens.account.history import draw_health, draw_predictions
from cs_ml.ui.screens.account.knowledge import draw_knowledge
from cs_ml.ui.screens.account.leaving import draw_leaving
from cs_ml.ui.screens.account.proposal import draw_proposal
from cs_ml.ui.screens.account.reasons import draw_lowering, draw_parts, draw_raising
from cs_ml.ui.screens.account.sent import draw_sent


def render() -> None:
    actor = require_actor(Permission.READ)
    account_id = chosen_account(actor)
    if account_id is None:
        return
    title, as_of = draw_tools()
    if as_of is not None:
        draw_banner(as_of)
    context = services().context.gather_context(actor, account_id, as_of)
    name, now, zone = context.profile.name, as_of or services().clock(), zone_of(as_of)
    title.title(plain(name), anchor=False)
    band = st.container()
    draw_profile(context, zone)
    left = services().accounts.left(actor, account_id, as_of=as_of)
    if left:
        draw_left(left, now, zone)
    draw_leaving(actor, account_id, as_of)

    risk, advice = st.columns([3, 2], gap="medium")
    with risk, st.container(border=True):
        prediction = ask_prediction(actor, account_id, as_of)
        if prediction:
            draw_card(prediction, now, zone)
            draw_comparison(actor, prediction)
    past = services().accounts.past_predictions(actor, account_id, as_of=as_of)
    if prediction:
        with band:
            draw_band(prediction, band_since(past, prediction.band), now, zone)
        with risk:
            draw_raising(prediction, zone)
        with advice:
            if as_of is None and left is None:
                draw_proposal(account_id)
            draw_recommendations(prediction, left=left is not None)
            draw_lowering(prediction, zone)
    chance = f"{percent(prediction.probability)} risk" if prediction else "no prediction"
    st.set_page_config(page_title=f"Account · {name} · {chance} — CS ML")

    draw_health(account_id, as_of, download_name("health"))
    tabs = ["What is known", "How the risk adds up", "Earlier predictions"]
    if as_of is None and actor.may(Permission.MANAGE_TENANT):
        tabs.append("What the model is sent")
    known, parts, earlier, *sent = st.tabs(tabs)
    with known:
        draw_knowledge(context, zone)
    with parts:
        draw_parts(prediction)
    with earlier:
        draw_predictions(past, zone, download_name("predictions"))
    for tab in sent:
        with tab:
            draw_sent(account_id)


render()
