"""Fills a database with the demo: generated customers through the real import, past predictions by the real engine."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cs_ml.demo.bundle import Bundle, write
from cs_ml.demo.generator import DEFAULT_SEED, TENANTS, DemoTenant, generate
from cs_ml.demo.playbooks import PLAYBOOKS
from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.domain.errors import NotFound
from cs_ml.services.context import ContextService
from cs_ml.services.identity.access import AccessService
from cs_ml.services.importing import ImportService
from cs_ml.services.predicting.batches import BatchService
from cs_ml.services.truth.validation import ValidationService
from cs_ml.services.work.playbooks import PlaybookService

# One replay a month: enough for a history on each account and for figures of accuracy later.
REPLAY_EVERY = timedelta(days=30)
REPLAYS = 16

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoUser:
    """A sign-in of the demo. `password` is None where the user was there before."""

    tenant: str
    email: str
    role: Role
    scope: AccountScope
    password: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoExample:
    """What a script needs to try the demo: a tenant's slug, its riskiest account's id, and who may sign in."""

    tenant: str
    riskiest_account: int
    admin: str
    member: str
    viewer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """The demo over the real services."""

    access: AccessService
    importing: ImportService
    context: ContextService
    batches: BatchService
    playbooks: PlaybookService
    validation: ValidationService

    def seed(self, now: datetime, password: str | None, progress: Progress) -> list[DemoUser]:
        """Makes the tenants that are not there yet; the same seed and day give the same customers."""
        return [user for tenant in TENANTS for user in self._seed_tenant(tenant, now, password, progress)]

    def example(self) -> DemoExample:
        """Raises NotFound where the demo was not seeded."""
        tenant = TENANTS[0]
        actor = Actor.system(self.access.tenant_by_slug(tenant.slug).id)
        riskiest = self.batches.riskiest(actor)
        if riskiest is None:
            raise NotFound("The demo has no predictions yet. Run `cs-ml demo seed`.")
        admin, member, viewer, _ = addresses(tenant)
        return DemoExample(tenant=tenant.slug, riskiest_account=riskiest, admin=admin, member=member, viewer=viewer)

    def _seed_tenant(
        self, tenant: DemoTenant, now: datetime, password: str | None, progress: Progress
    ) -> list[DemoUser]:
        progress(f"{tenant.name}: {tenant.accounts} customers")
        bundle = generate(DEFAULT_SEED, now.date(), tenant, addresses(tenant))
        known = self._is_there(tenant)
        if not known:
            self._import(tenant, bundle, now)
        actor = Actor.system(self.access.tenant_by_slug(tenant.slug).id)
        users = self._add_users(actor, tenant, password)
        if not self.playbooks.list(actor):
            for draft in PLAYBOOKS:
                self.playbooks.add(actor, draft)
        for past in range(REPLAYS, 0, -1):
            day = now.date() - past * REPLAY_EVERY
            self.batches.replay(actor, datetime.combine(day, time(23, 59, 59, 999000), UTC))
            progress(f"{tenant.name}: what was to be expected on {day:%-d %B %Y}")
        self.validation.validate(actor)
        self.batches.predict_missing(actor)
        if not known:
            self._hand_over_riskiest(actor, tenant, bundle, now)
        return users

    def _is_there(self, tenant: DemoTenant) -> bool:
        try:
            self.access.tenant_by_slug(tenant.slug)
        except NotFound:
            return False
        return True

    def _import(self, tenant: DemoTenant, bundle: Bundle, now: datetime) -> None:
        with TemporaryDirectory() as folder:
            write(bundle, Path(folder))
            self.importing.import_new_tenant(tenant.slug, tenant.name, Path(folder), data_date=now.date(), demo=True)

    def _hand_over_riskiest(self, actor: Actor, tenant: DemoTenant, bundle: Bundle, now: datetime) -> None:
        """The member's list should hold the account that everybody would look at first."""
        riskiest = self.batches.riskiest(actor)
        if riskiest is None:
            return
        reference = self.context.gather_context(actor, riskiest).profile.reference
        member = addresses(tenant)[1]
        for file in ("accounts.csv", "account_changes.csv"):
            rows = [row for row in bundle[file] if row["account_ref"] == reference]
            if rows and rows[-1]["owner_email"] != member:
                rows[-1]["owner_email"] = member
        with TemporaryDirectory() as folder:
            write(bundle, Path(folder))
            self.importing.import_bundle(actor, Path(folder), data_date=now.date())

    def _add_users(self, actor: Actor, tenant: DemoTenant, password: str | None) -> list[DemoUser]:
        admin, member, viewer, _ = addresses(tenant)
        places: tuple[tuple[str, Role, AccountScope], ...] = (
            (admin, Role.ADMIN, "all"),
            (member, Role.MEMBER, "owned"),
            (viewer, Role.VIEWER, "all"),
        )
        users = []
        for email, role, scope in places:
            added = self.access.add_user(actor, email, role=role, scope=scope, password=password)
            shown = None if added.password_kept else password or added.password
            users.append(DemoUser(tenant=tenant.slug, email=email, role=role, scope=scope, password=shown))
        return users


def addresses(tenant: DemoTenant) -> list[str]:
    """admin, member, viewer, and a colleague who owns accounts too."""
    return [f"{name}@{tenant.slug}.example" for name in ("admin", "member", "viewer", "colleague")]
