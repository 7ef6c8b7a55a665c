"""Everything that a PostgreSQL database's schema holds, as lines that can be compared."""

from sqlalchemy import Connection, text

_LISTINGS = {
    "table": """SELECT concat_ws(' ', relname, relkind, relrowsecurity, relforcerowsecurity)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S')""",
    "column": """SELECT concat_ws(' ', relname || '.' || attname, format_type(atttypid, atttypmod),
        CASE WHEN attnotnull THEN 'NOT NULL' ELSE 'NULL' END, pg_get_expr(adbin, adrelid))
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'v')
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped""",
    "constraint": """SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "index": "SELECT concat_ws(' ', tablename, indexdef) FROM pg_indexes WHERE schemaname = 'public'",
    "policy": """SELECT concat_ws(' ', tablename, policyname, permissive, cmd, roles, qual, with_check)
        FROM pg_policies WHERE schemaname = 'public'""",
    "trigger": """SELECT concat_ws(' ', tgrelid::regclass, pg_get_triggerdef(pg_trigger.oid))
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal""",
    "schema": "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'",
    "function": "SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "view": "SELECT concat_ws(' ', viewname, definition) FROM pg_views WHERE schemaname = 'public'",
    "type": """SELECT concat_ws(' ', typname, string_agg(enumlabel, ' ' ORDER BY enumsortorder))
        FROM pg_type JOIN pg_enum ON enumtypid = pg_type.oid
        WHERE typnamespace = 'public'::regnamespace GROUP BY typname""",
    "grant": """SELECT concat_ws(' ', relname, relacl)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relacl IS NOT NULL""",
}


def schema_lines(connection: Connection) -> set[str]:
    """Tables, columns, constraints, indexes, policies, triggers, functions, views, enum types and grants of the schema
    that a CRM lives in, and the names of all schemas."""
    return {f"{kind} {line}" for kind, query in _LISTINGS.items() for line in connection.scalars(text(query))}


def row_lines(connection: Connection) -> dict[str, list[str]]:
    """Every table's rows as JSON text, sorted."""
    names = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    return {
        name: sorted(connection.scalars(text(f'SELECT to_jsonb(rows)::text FROM "{name}" AS rows')))  # noqa: S608
        for name in names
    }
