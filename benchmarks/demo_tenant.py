"""A few customers of the demo in a database of their own."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cs_ml.bootstrap import Services
from cs_ml.demo.bundle import write
from cs_ml.demo.generator import DEFAULT_SEED, DemoTenant, generate
from cs_ml.domain.actor import Actor

SLUG = "sample"


def seed(services: Services, accounts: int) -> Actor:
    """Imports customers as they are today into a new tenant."""
    tenant = DemoTenant(name="Sample", slug=SLUG, prefix="SA", accounts=accounts, currencies=("EUR", "USD"))
    today = datetime.now(UTC).date()
    bundle = generate(DEFAULT_SEED, today, tenant, ["admin@sample.example", "member@sample.example"])
    with TemporaryDirectory() as folder:
        write(bundle, Path(folder))
        services.importing.import_new_tenant(tenant.slug, tenant.name, Path(folder), data_date=today, demo=True)
    return Actor.system(services.access.tenant_by_slug(tenant.slug).id)
