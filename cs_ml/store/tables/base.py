"""The declarative base: attribute `tenant_id` is column `tenantId` unless a name is given."""

import re
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Integer, MetaData, Text
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedColumn,
    declared_attr,
    mapped_column,
)
from sqlalchemy.sql import func

from cs_ml.store.columns import UtcDateTime

# Constraints are called what Prisma calls them, so that both ways to a database lead to the same names.
NAMES = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        for attribute, value in vars(cls).items():
            if isinstance(value, MappedColumn) and not value.column.name:
                name = re.sub(r"_(\w)", lambda match: match.group(1).upper(), attribute)
                value.column.name = value.column.key = name
        super().__init_subclass__(**kwargs)


class TenantOwned:
    """Rows that belong to one tenant: every statement on them gets the tenant filter (store/scope.py)."""

    _tenant_nullable: ClassVar[bool] = False

    @declared_attr
    def tenant_id(cls) -> Mapped[str]:
        parent = ForeignKey("Tenant.id", ondelete="CASCADE")
        return mapped_column("tenantId", Text, parent, nullable=cls._tenant_nullable, sort_order=-2)


class AccountOwned(TenantOwned):
    """Rows of one account: an actor limited to owned accounts sees only those of their accounts."""

    _account_nullable: ClassVar[bool] = False

    @declared_attr
    def account_id(cls) -> Mapped[int]:
        parent = ForeignKey("Account.id", ondelete="CASCADE")
        return mapped_column("accountId", Integer, parent, nullable=cls._account_nullable, sort_order=-1)


def serial_id() -> Mapped[int]:
    return mapped_column(Integer, primary_key=True, sort_order=-3)


def created_at() -> Mapped[datetime]:
    return mapped_column(UtcDateTime, server_default=func.current_timestamp(), nullable=False)


def updated_at() -> Mapped[datetime]:
    return mapped_column(UtcDateTime, nullable=False)
