"""What moved in health: the fold of the Portfolio page, and the way from it to an account."""

from datetime import timedelta

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.store.database import Database
from cs_ml.ui.state import Key
from tests.support.apps import App
from tests.support.factories import NOW, add_account, add_activity, add_health, add_reference
from tests.ui.pages.portfolio.reading import opened, shown


@pytest.fixture
def fallen(database: Database, actor: Actor) -> int:
    account = add_account(database, actor, name="Fenbrook")
    add_health(database, actor, account, overall_score=30)
    add_health(database, actor, account, overall_score=85, calculated_at=NOW - timedelta(days=40))
    add_reference(database, actor, account, "FB-1")
    return account


@pytest.mark.usefixtures("fallen")
def test_an_account_that_fell_is_listed_and_opened_from_there(app: App) -> None:
    test = opened(app)
    test.session_state[Key.MOVED] = True
    test.run()
    words = shown(test)
    assert "1 account changed the band or moved 10 points or more." in words
    assert "Derived" not in words
    listed = next(table.value for table in test.dataframe if "Points" in table.value)
    assert listed[["Account", "From", "To", "Points"]].values.tolist() == [["Fenbrook", 85, 30, -55]]
    test.session_state[Key.MOVERS] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    test.run()
    assert not test.exception
    assert test.query_params == {"account": "FB-1"}
    assert [title.value for title in test.title] == ["Fenbrook"]


def test_without_scores_of_the_crm_they_are_derived_and_called_so(app: App, database: Database, actor: Actor) -> None:
    account = add_account(database, actor, name="Fenbrook")
    for day in range(34, 300, 4):
        add_activity(database, actor, account, completed_at=NOW - timedelta(days=day))
    test = opened(app)
    test.session_state[Key.MOVED] = True
    test.run()
    words = shown(test)
    assert "Derived" in words
    assert "1 account changed the band" in words
