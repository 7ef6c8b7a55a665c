"""No method of a repository or a service tells anything of another tenant, or changes anything there.

Every public method is found by itself and called with names of the other tenant: the outcome has to be that of names
that do not exist at all. What counts and lists has to say the same whether the other tenant has data or not.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from inspect import getmembers, isclass, isfunction, signature
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select

import cs_ml.services
import cs_ml.store
from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.domain.errors import CsMlError
from cs_ml.services.health.forecaster import HealthForecaster
from cs_ml.services.identity.leaving import LeavingService
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.services.operations.batches import BatchRunService
from cs_ml.services.operations.lanes import Lanes
from cs_ml.services.operations.work import BatchWork
from cs_ml.services.portfolio import PortfolioService
from cs_ml.services.predicting.after import nothing_follows
from cs_ml.services.predicting.batches import BatchService
from cs_ml.services.predicting.groups import GroupService
from cs_ml.services.predicting.overnight import OvernightService
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from cs_ml.store.identity.door import UnscopedStatement
from cs_ml.store.tables import Playbook
from tests.services.operations.working import HandQueue
from tests.store.tenancy.arguments import NEEDS_A_ROW, NoMakerError, arguments, given_to_services
from tests.store.tenancy.twins import MISSING, SECRET, Named, populate, populated_tables, rows_of
from tests.support.factories import add_tenant

_OUTSIDE = ("cs_ml.store.migrations", "cs_ml.store.tables", "cs_ml.store.identity")
# A person may belong to several tenants: these answer for people, and have tests of their own.
# The log of its own tenant notes that it was exported, so that no answer is like the one before.
_OF_PEOPLE = {"AccessService.add_user", "AuditService.export"}

Method = tuple[str, type, Callable[..., Any]]  # `Class.method`, the class, the function
Outcome = tuple[str, str]


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.startswith(_OUTSIDE):
            yield importlib.import_module(found.name)


def public(owner: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    return ((name, found) for name, found in getmembers(owner, isfunction) if not name.startswith("_"))


def methods(package: ModuleType, first: str) -> list[Method]:
    """Of classes whose constructor's first parameter is `first`."""
    classes = {
        found
        for module in modules(package)
        for _, found in getmembers(module, isclass)
        if found.__module__.startswith(package.__name__) and list(signature(found.__init__).parameters)[1:2] == [first]
    }
    return [
        (f"{owner.__name__}.{name}", owner, function)
        for owner in sorted(classes, key=lambda owner: owner.__name__)
        for name, function in public(owner)
    ]


REPOSITORIES = methods(cs_ml.store, "scope")
SERVICES = [
    (name, owner, function)
    for name, owner, function in methods(cs_ml.services, "database")
    if list(signature(function).parameters)[1:2] == ["actor"] and name not in _OF_PEOPLE
]
FUNCTIONS = {
    function.__name__: function
    for module in modules(cs_ml.services)
    for _, function in public(module)
    if function.__module__ == module.__name__ and "actor" in signature(function).parameters
}


@pytest.fixture
def mine(database: Database) -> Actor:
    actor = add_tenant(database, "mine")
    populate(database, actor, "Mine", 550_001)
    return actor


@pytest.fixture
def theirs(database: Database) -> Actor:
    return add_tenant(database, "theirs")


def none_made() -> Collection[int]:
    return ()


def outcome(named: Named, call: Callable[[], Any], made: Callable[[], Collection[int]] = none_made) -> Outcome:
    """What came of it, without the names that were asked for: a value, or the kind and words of an error.

    `made`: numbers of playbooks that the asking tenant made; which number its next one gets is no difference.
    """
    try:
        value = call()
        text = re.sub(r" at 0x[0-9a-f]+", "", repr(list(value) if isinstance(value, Iterator) else value))
        for number in made():
            text = text.replace(f"Playbook(id={number},", "Playbook(id=<made>,")
        return "value", named.hidden(text)
    except (CsMlError, UnscopedStatement) as error:
        return type(error).__name__, named.hidden(str(error))


class Asked:
    """One method of a repository, asked by the tenant in a transaction that is rolled back."""

    def __init__(self, database: Database, mine: Actor, theirs: Actor, method: Method) -> None:
        self._database, self._mine, self._theirs = database, mine, theirs
        self._name, self._owner, self._function = method

    def of(self, named: Named) -> Outcome:
        """Also sees that the other tenant's rows are as before."""
        found: list[Outcome] = []
        with suppress(_UndoError), self._database.write(self._mine) as scope:
            connection = scope._connection
            before = rows_of(connection, self._theirs)
            repository = self._owner(scope)
            given = arguments(self._name, self._function, named, {})
            found.append(outcome(named, lambda: self._function(repository, **given)))
            if found[0][0] == "value":
                assert rows_of(connection, self._theirs) == before, f"{self._name} changed rows of another tenant"
            raise _UndoError
        return found[0]


class _UndoError(Exception):
    """Rolls back what a method wrote."""


def test_repositories_know_one_tenant_only(database: Database, mine: Actor, theirs: Actor) -> None:
    checked = [method for method in REPOSITORIES if method[0] not in NEEDS_A_ROW]
    alone = {}
    for method in checked:
        asked = Asked(database, mine, theirs, method)
        first, second = asked.of(MISSING), asked.of(MISSING)
        alone[method[0]] = first if first == second else None  # a made-up id differs from call to call
    named = populate(database, theirs, SECRET, 770_001)
    with database.engine.connect() as connection:
        assert populated_tables(rows_of(connection, theirs)) >= 15
    for method in checked:
        asked = Asked(database, mine, theirs, method)
        found, missing = asked.of(named), asked.of(MISSING)
        assert SECRET not in found[1] + missing[1], method[0]
        if alone[method[0]] is not None:
            assert found == missing == alone[method[0]], method[0]


def test_what_is_asked_exists_for_its_own_tenant(database: Database, mine: Actor, theirs: Actor) -> None:
    """So that the sweep can fail: asked by the tenant that owns it, the same names are answered otherwise."""
    named = populate(database, theirs, SECRET, 770_001)
    differing = set()
    for method in REPOSITORIES:
        if method[0] not in NEEDS_A_ROW:
            asked = Asked(database, theirs, mine, method)
            differing |= {method[0]} if asked.of(named) != asked.of(MISSING) else set()
    assert {
        "AccountRepository.find",
        "AccountRepository.left",
        "AccountRepository.search",
        "FactRepository.load",
        "ImportStore.earliest",
        "ImportStore.find_pipeline",
        "PortfolioRepository.rows",
        "PredictionRepository.list",
        "PredictionRepository.new_facts_since",
        "PredictionRepository.release",
        "TimelineRepository.health",
    } <= differing


def calls(
    database: Database, actor: Actor, given: Mapping[str, Any], named: Named
) -> Iterator[tuple[str, Callable[[], Any]]]:
    values = {**given, "database": database, "actor": actor, "known": KnownEntitiesCache(database)}
    handed = {key: value for key, value in values.items() if key != "limit"}  # to a method, a number of rows
    for name, owner, function in SERVICES:
        service = owner(**arguments(name, owner, named, values | made_of(database, given, owner)))
        yield name, partial(function, service, **arguments(name, function, named, handed))
    for name, function in FUNCTIONS.items():
        yield name, partial(function, **arguments(name, function, named, values))


def made_of(database: Database, given: Mapping[str, Any], owner: type) -> dict[str, Any]:
    """What only the makers of services are handed: other services."""
    if owner in (PredictionService, HealthForecaster, GroupService, OvernightService):
        return {"engines": EngineChain(given["engines"])}
    clock, engines, queue = given["clock"], given["engines"], HandQueue()
    portfolio = PortfolioService(database, clock)
    predictions = PredictionService(database, clock, EngineChain(engines), given["limit"])
    runs = BatchRunService(database, clock, queue, portfolio, predictions, batch_limit=given["batch_limit"])
    batches = BatchService(database, clock, engines)
    return {
        "queue": queue,
        "leaving": LeavingService(database, clock),
        "portfolio": portfolio,
        "predictions": predictions,
        "batches": batches,
        "runs": runs,
        "groups": GroupService(database, clock, EngineChain(engines)),
        "work": BatchWork(database, clock, queue, predictions, batches),
        "nights": OvernightService(database, clock, EngineChain(engines)),
        "threads": Lanes(),
        "after": nothing_follows,
    }


def playbooks_made(database: Database, mine: Actor) -> Collection[int]:
    """Those that the tenant has beside the one that it was filled with."""
    with database.read(mine) as scope:
        return scope.execute(select(Playbook.id).where(Playbook.id != 550_007)).scalars().all()


OWNER: tuple[Role, AccountScope] = (Role.OWNER, "all")
LIMITED: tuple[Role, AccountScope] = (Role.MEMBER, "owned")


@pytest.mark.parametrize("place", [OWNER, LIMITED], ids=["owner", "limited"])
def test_services_know_one_tenant_only(
    database: Database, mine: Actor, theirs: Actor, tmp_path: Path, place: tuple[Role, AccountScope]
) -> None:
    role, scope = place
    named = populate(database, theirs, SECRET, 770_001)
    actor = Actor(tenant_id=mine.tenant_id, role=role, user_id=mine.user_id, scope=scope)
    given = given_to_services(tmp_path / "bundle")
    with database.engine.connect() as connection:
        before = rows_of(connection, theirs)
    made = partial(playbooks_made, database, mine)
    for name, call in calls(database, actor, given, named):
        outcome(named, call)  # once, so that what it stores is stored
        found = outcome(named, call, made)
        missing = outcome(MISSING, dict(calls(database, actor, given, MISSING))[name], made)
        assert found == missing, name
        assert SECRET not in found[1], name
        with database.engine.connect() as connection:
            assert rows_of(connection, theirs) == before, f"{name} changed rows of another tenant"


def test_the_sweep_finds_what_there_is() -> None:
    """Methods that exist for certain; all others join by themselves."""
    found = {name for name, _, _ in [*REPOSITORIES, *SERVICES]} | set(FUNCTIONS)
    assert {"AccountRepository.get", "FactRepository.load", "PredictionRepository.claim", "ImportStore.update"} <= found
    assert {"ContextService.gather_contexts", "PredictionService.predict", "BatchService.replay"} <= found
    assert {"reference_at", "read_scenes"} <= found
    assert len(REPOSITORIES) >= 40
    assert len(SERVICES) >= 15


def test_a_parameter_without_a_maker_fails() -> None:
    def method(novelty: int) -> int:
        return novelty

    with pytest.raises(NoMakerError, match=r"New\.method\.novelty"):
        arguments("New.method", method, MISSING, {})
