"""Row-level security on the tables that the first revision made: a second lock behind the tenant door.

The policies read the setting that a CRM's own policies read. Without it no row is visible. They are forced, so they
hold for the tables' owner too.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, Table, text

# Who may become an actor is decided before a tenant is known.
_IDENTITY = frozenset({"TenantUser", "MembershipScope", "SignInSession"})
_PARENTS = {
    "SalesPipelineStage": ("pipelineId", "Pipeline"),
    "PlaybookTask": ("playbookId", "Playbook"),
    "CTATask": ("ctaId", "CTA"),
}
_TENANT = "current_setting('app.current_tenant', true)"


def guard(connection: Connection, tables: Iterable[Table]) -> None:
    """Lets each of `tables` show and take only rows of the transaction's tenant."""
    for table in tables:
        if rule := _rule(table):
            for statement in (
                f'ALTER TABLE "{table.name}" ENABLE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table.name}" FORCE ROW LEVEL SECURITY',
                f'CREATE POLICY "{table.name}_tenant" ON "{table.name}" USING ({rule}) WITH CHECK ({rule})',
            ):
                connection.execute(text(statement))


def _rule(table: Table) -> str | None:
    if parent := _PARENTS.get(table.name):
        column, name = parent
        same = f'parent."id" = "{table.name}"."{column}" AND parent."tenantId" = {_TENANT}'
        return f'EXISTS (SELECT 1 FROM "{name}" AS parent WHERE {same})'  # noqa: S608 - our own names only
    if "tenantId" in table.columns and table.name not in _IDENTITY:
        return f'"tenantId" = {_TENANT}'
    return None
