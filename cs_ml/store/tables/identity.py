"""Who uses the product: no tenant filter here, read by store/identity alone."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    false,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, UtcDateTime, labels
from cs_ml.store.tables.base import (
    Base,
    created_at,
    serial_id,
    updated_at,
)


class Tenant(Base):
    __tablename__ = "Tenant"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, nullable=False)
    slug: Mapped[str] = mapped_column(Text, unique=True, nullable=False)
    plan: Mapped[str] = mapped_column(
        labels("TenantPlan", "TRIAL", "STARTER", "PROFESSIONAL", "ENTERPRISE"), server_default="STARTER", nullable=False
    )
    status: Mapped[str] = mapped_column(
        labels("TenantStatus", "PENDING", "ACTIVE", "SUSPENDED", "CANCELLED"), server_default="ACTIVE", nullable=False
    )
    billing_email: Mapped[str | None] = mapped_column(Text)
    settings: Mapped[Any | None] = mapped_column(Json)
    trial_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class User(Base):
    __tablename__ = "User"

    id: Mapped[int] = serial_id()
    name: Mapped[str] = mapped_column(Text, nullable=False)
    email: Mapped[str] = mapped_column(Text, unique=True, nullable=False)
    password_hash: Mapped[str] = mapped_column(Text, nullable=False)
    timezone: Mapped[str] = mapped_column(Text, nullable=False)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
    role: Mapped[str] = mapped_column(
        labels("UserRole", "USER", "ADMIN", "SUPER_ADMIN"), server_default="USER", nullable=False
    )
    preferences: Mapped[Any | None] = mapped_column(Json)


class TenantUser(Base):
    __tablename__ = "TenantUser"
    __table_args__ = (UniqueConstraint("tenantId", "userId"), Index("TenantUser_userId_idx", "userId"))

    id: Mapped[int] = serial_id()
    tenant_id: Mapped[str] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"), nullable=False)
    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id", ondelete="CASCADE"), nullable=False)
    role: Mapped[str] = mapped_column(
        labels("TenantRole", "OWNER", "ADMIN", "MEMBER", "VIEWER"), server_default="MEMBER", nullable=False
    )
    invited_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.current_timestamp(), nullable=False)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class Credential(Base):
    """Our own password hash (argon2id) of a user, or "!" where we have none.

    `epoch` rises with each change that ends the user's sessions. A disabled user cannot sign in. `issued_until`: the
    password was made up, holds until then, and opens nothing but the choice of another; NULL for one of the user's own.
    """

    __tablename__ = "Credential"

    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id", ondelete="CASCADE"), primary_key=True)
    password_hash: Mapped[str] = mapped_column(Text, nullable=False)
    epoch: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    disabled: Mapped[bool] = mapped_column(Boolean, server_default=false(), nullable=False)
    updated_at: Mapped[datetime] = updated_at()
    issued_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MembershipScope(Base):
    """Which accounts a membership sees: `owned`, or `all` where no row stands. TenantUser has no such column."""

    __tablename__ = "MembershipScope"

    tenant_id: Mapped[str] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[str] = mapped_column(Text, nullable=False)


class SignInSession(Base):
    """A signed-in browser. `id` is a keyed digest of the cookie's value, which stands nowhere.

    It ends when `expires_at` has passed, when idle for too long, or when the user's `epoch` has moved on. With
    `issued_until` it was opened by an issued password, and is good for nothing but the choice of another.
    """

    __tablename__ = "SignInSession"
    __table_args__ = (Index("SignInSession_userId_idx", "userId"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id", ondelete="CASCADE"), nullable=False)
    tenant_id: Mapped[str | None] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"))
    epoch: Mapped[int] = mapped_column(Integer, nullable=False)
    created_at: Mapped[datetime] = created_at()
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    issued_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInTicket(Base):
    """Proof of a sign-in that a browser trades once, within seconds, for its session cookie. `id` is a digest.

    `issued_until` goes over to the session.
    """

    __tablename__ = "SignInTicket"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id", ondelete="CASCADE"), nullable=False)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    issued_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInThrottle(Base):
    """Failed sign-ins of one account, known or not. `subject` is a digest of the address."""

    __tablename__ = "SignInThrottle"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    window_started_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    failures: Mapped[int] = mapped_column(Integer, nullable=False)
    consecutive: Mapped[int] = mapped_column(Integer, nullable=False)


class KeyMark(Base):
    """What tells whether a secret of the settings is still the one of the last start; nothing of the secret itself."""

    __tablename__ = "KeyMark"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    mark: Mapped[str] = mapped_column(Text, nullable=False)
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
