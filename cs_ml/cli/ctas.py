"""Verbs for calls to action: propose, accept, dismiss, list, stats, generate."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import typer

from cs_ml.bootstrap import Services, open_services
from cs_ml.cli.options import Account, Json, Tenant
from cs_ml.cli.output import show, show_data
from cs_ml.domain.actor import Actor
from cs_ml.domain.ctas.decisions import CtaDecision
from cs_ml.domain.ctas.inbox import InboxQuery, Section
from cs_ml.domain.ctas.values import Cta, CtaDraft, Dismissal
from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.work.accepting import ProposalView
from cs_ml.services.work.automation import Generation

User = Annotated[str, typer.Option("--user", help="E-mail address of the user who decides.")]
Note = Annotated[str, typer.Option("--note", help="Why, where a rule holds it back and you go on all the same.")]


def register(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    ctas = typer.Typer(help="Calls to action (CTAs): from risk to work.", no_args_is_help=True)
    ctas.command("propose")(propose)
    ctas.command("accept")(accept)
    ctas.command("dismiss")(dismiss)
    ctas.command("list")(list_ctas)
    ctas.command("stats")(stats)
    ctas.command("generate")(generate)
    app.add_typer(ctas, name="ctas")


def propose(account: Account, *, tenant: Tenant, user: User, as_json: Json = False) -> None:
    """Say which CTA is suggested for an account, and whether a rule holds it back. Changes nothing but the prediction,
    which is made where none is valid."""
    with open_services() as services:
        actor = _user(services, tenant, user)
        account_id = services.context.resolve(actor, account)
        services.predictions.predict(actor, account_id, skip_cta=True)
        found = services.suggestions.proposal(actor, account_id)
    if as_json:
        show_data(_proposal(found))
    else:
        _show_proposal(found)


def accept(
    account: Account,
    *,
    tenant: Tenant,
    user: User,
    title: Annotated[str | None, typer.Option(help="Another title than the suggested one.")] = None,
    due: Annotated[str | None, typer.Option(help="Another due day, such as 2026-12-01.")] = None,
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Make the suggested CTA; asked again, answer the one that was made."""
    with open_services() as services:
        actor = _user(services, tenant, user)
        account_id = services.context.resolve(actor, account)
        draft = _draft(services.suggestions.proposal(actor, account_id), actor, title, due) if title or due else None
        done = services.suggestions.accept(actor, account_id, draft=draft, note=note)
    if as_json:
        show_data(done)
        return
    show(f"{'Made' if done.was_created else 'There already is'} CTA {done.cta.id}: {_line(done.cta)}")
    for task in done.cta.tasks:
        show(f"  {task.due}  {task.title}")


def dismiss(
    account: Account,
    *,
    tenant: Tenant,
    user: User,
    reason: Annotated[Dismissal, typer.Option(case_sensitive=False, help="Why it is not taken up.")] = Dismissal.OTHER,
    note: Annotated[str, typer.Option(help="A few words more.")] = "",
    as_json: Json = False,
) -> None:
    """Turn the suggestion for an account down."""
    with open_services() as services:
        actor = _user(services, tenant, user)
        found = services.suggestions.dismiss(actor, services.context.resolve(actor, account), reason, note=note)
    if as_json:
        show_data({"accountId": found.account_id, "predictionId": found.prediction_id, "dismissed": found.dismissed})
    else:
        show(f"Dismissed: {reason.value}.")


def list_ctas(
    *,
    tenant: Tenant,
    section: Annotated[Section | None, typer.Option(case_sensitive=False, help="Only this part of the inbox.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Only what this user owns, as they see it.")] = None,
    as_json: Json = False,
) -> None:
    """List CTAs by due day; without a section all that are open."""
    sections = [section] if section else [Section.OVERDUE, Section.TODAY, Section.WEEK, Section.LATER, Section.SNOOZED]
    with open_services() as services:
        actor = _user(services, tenant, user) if user else _product(services, tenant)
        queries = [InboxQuery(section=part, owner_id=actor.user_id) for part in sections]
        suggested = section is Section.SUGGESTED
        pages = [
            services.inbox.show(actor, query).suggestions if suggested else services.inbox.list(actor, query)
            for query in queries
        ]
    found = [one for page in pages for one in page]
    if as_json:
        show_data(found)
        return
    for one in found:
        show(f"{one.id:>6}  {_line(one)}" if isinstance(one, Cta) else f"{one.account_name}: {one.proposal}")
    if not found:
        show("None.")


def stats(*, tenant: Tenant, as_json: Json = False) -> None:
    """Say how the CTAs that were made from predictions turn out."""
    with open_services() as services:
        found = services.inbox.stats(_product(services, tenant))
    if as_json:
        show_data(found)
        return
    rate = "no rate" if found.completion_rate is None else f"{found.completion_rate:.0%} of them"
    days = found.average_resolution_days
    show(f"Made from predictions: {found.total_generated}, of them {found.automated_count} automatically.")
    show(f"Open {found.open_count}, completed {found.completed_count} ({rate}), cancelled {found.cancelled_count}.")
    show(f"Days from made to completed, on average: {'none completed' if days is None else f'{days:.1f}'}.")


def generate(
    *,
    tenant: Tenant,
    kind: Annotated[
        PredictionType, typer.Option("--type", case_sensitive=False, help="Which predictions.")
    ] = PredictionType.CHURN,
    most: Annotated[int, typer.Option("--max", help="CTAs to make at most.")] = 20,
    level: Annotated[
        list[RiskBand] | None, typer.Option(case_sensitive=False, help="A further risk level than high and critical.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only say what would be made and what is held back.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make CTAs for the riskiest accounts, as far as no rule holds them back."""
    with open_services() as services:
        done = services.automation.generate(
            _product(services, tenant), kind, most=most, levels=level or (), preview=preview
        )
    if as_json:
        show_data(done)
    else:
        _show_generation(done)


def _product(services: Services, slug: str) -> Actor:
    return Actor.system(services.access.tenant_by_slug(slug).id)


def _user(services: Services, slug: str, email: str) -> Actor:
    return services.access.actor_by_email(email, services.access.tenant_by_slug(slug).id, source="command line")


def _draft(found: ProposalView, actor: Actor, title: str | None, due: str | None) -> CtaDraft | None:
    """The suggestion with another title or due day. Raises Invalid."""
    proposal = found.suggestion.proposal
    if proposal is None or found.due is None or actor.user_id is None:
        return None
    try:
        day = date.fromisoformat(due) if due else found.due
    except ValueError as error:
        expected = "a date such as 2026-12-01"
        raise Invalid(f"--due must be {expected}, not `{(due or '')[:40]}`.", fields={"due": expected}) from error
    return CtaDraft(
        title=title or proposal.title,
        reason=proposal.reason,
        priority=proposal.priority,
        due=day,
        owner_id=proposal.owner_id or actor.user_id,
        playbook_id=proposal.playbook_id,
    )


def _proposal(found: ProposalView) -> Mapping[str, Any]:
    suggestion = found.suggestion
    return {
        "accountId": suggestion.account_id,
        "predictionId": suggestion.prediction_id,
        "riskCategory": suggestion.band,
        "probability": suggestion.probability,
        "confidence": suggestion.confidence,
        "proposal": suggestion.proposal,
        "due": found.due,
        "decision": found.decision,
        "cta": found.cta,
        "similarCta": found.similar,
        "dismissed": suggestion.dismissed,
    }


def _show_proposal(found: ProposalView) -> None:
    suggestion, proposal = found.suggestion, found.suggestion.proposal
    show(f"{suggestion.account_name}: {suggestion.band} risk, {suggestion.probability:.0%}.")
    if found.cta is not None:
        show(f"CTA {found.cta.id} was made of it: {_line(found.cta)}")
        return
    if suggestion.dismissed is not None:
        show(f"Dismissed on {suggestion.dismissed.at:%Y-%m-%d}: {suggestion.dismissed.reason.value}.")
    if proposal is not None:
        show(f"Suggested: {proposal.title}\n{proposal.reason}")
        show(f"Due {found.due}. {proposal.due_rule}")
        if proposal.playbook_name:
            show(f"Playbook: {proposal.playbook_name}. {proposal.playbook_because}")
    _show_decision(found.decision)


def _show_decision(decision: CtaDecision) -> None:
    for held in decision.held_back:
        until = f" Until {held.until:%Y-%m-%d %H:%M} UTC." if held.until else ""
        blocking = f" It is CTA {held.cta_id}." if held.cta_id else ""
        show(f"! {held.words}{until}{blocking}")
    if decision.allowed:
        show("Nothing holds it back.")


def _show_generation(done: Generation) -> None:
    show(f"{'Would be made' if done.preview else 'Made'}: {done.generated}. Held back: {done.skipped}.")
    for one in done.results:
        head = f"{one.account_name} ({one.risk_category}, {one.probability:.0%})"
        if one.created:
            show(f"  + {head}: {one.title}")
        else:
            noted = f" The new evidence was added to CTA {one.cta_id}." if one.noted else ""
            show(f"  - {head}: {' '.join(held.words for held in one.decision.held_back)}{noted}")


def _line(cta: Cta) -> str:
    when = cta.due or "no due day"
    return f"{when}  {cta.priority.lower():<8} {cta.status.lower():<11} {cta.title} ({cta.account_name})"
