"""Every table, as crm-schema names it: CamelCase tables, camelCase columns, snake_case attributes.

`identity` has no tenant; `accounts`, `activity`, `ctas`, `predictions` are the CRM's; `own` is what we add.
"""

from cs_ml.store.tables.accounts import Account, AccountHealthScoreHistory, CRMContact
from cs_ml.store.tables.activity import (
    CRMActivity,
    Opportunity,
    Pipeline,
    SalesPipelineStage,
)
from cs_ml.store.tables.audit import AuditEvent
from cs_ml.store.tables.base import Base, TenantOwned
from cs_ml.store.tables.ctas import CTA, CTATask, Playbook, PlaybookTask
from cs_ml.store.tables.health import HealthReference
from cs_ml.store.tables.identity import (
    Credential,
    KeyMark,
    MembershipScope,
    SignInSession,
    SignInThrottle,
    SignInTicket,
    Tenant,
    TenantUser,
    User,
)
from cs_ml.store.tables.jobs import BatchItem, BatchRun, ProviderBatch, ScheduleRun, UsageDay
from cs_ml.store.tables.learning import EngineCalibration, LearnedModel
from cs_ml.store.tables.own import (
    AccountFact,
    AccountSnapshot,
    ChurnEvent,
    ExternalRef,
    JudgedOutcome,
    PredictionClaim,
    TenantReference,
    TenantSetting,
)
from cs_ml.store.tables.predictions import AccountMLPrediction, AIUsageEvent
from cs_ml.store.tables.schema import schema_addition
from cs_ml.store.tables.summary import AccountSummary, BandDay, SummaryRefresh
from cs_ml.store.tables.truth import BacktestRun, PredictedAccount, ShadowPrediction

__all__ = [
    "CTA",
    "AIUsageEvent",
    "Account",
    "AccountFact",
    "AccountHealthScoreHistory",
    "AccountMLPrediction",
    "AccountSnapshot",
    "AccountSummary",
    "AuditEvent",
    "BacktestRun",
    "BandDay",
    "Base",
    "BatchItem",
    "BatchRun",
    "CRMActivity",
    "CRMContact",
    "CTATask",
    "ChurnEvent",
    "Credential",
    "EngineCalibration",
    "ExternalRef",
    "HealthReference",
    "JudgedOutcome",
    "KeyMark",
    "LearnedModel",
    "MembershipScope",
    "Opportunity",
    "Pipeline",
    "Playbook",
    "PlaybookTask",
    "PredictedAccount",
    "PredictionClaim",
    "ProviderBatch",
    "SalesPipelineStage",
    "ScheduleRun",
    "ShadowPrediction",
    "SignInSession",
    "SignInThrottle",
    "SignInTicket",
    "SummaryRefresh",
    "Tenant",
    "TenantOwned",
    "TenantReference",
    "TenantSetting",
    "TenantUser",
    "UsageDay",
    "User",
    "schema_addition",
]
