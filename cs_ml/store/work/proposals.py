"""A suggested CTA as JSON and back: `proposal_of(proposal_json(x)) == x`. Keys are camelCase, as CRM readers expect."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from cs_ml.domain.ctas.values import CtaPriority, CtaProposal, CtaType, DataPoint, Dismissal, DismissedBy


def proposal_json(proposal: CtaProposal) -> dict[str, Any]:
    return {
        "title": proposal.title,
        "reason": proposal.reason,
        "dataPoints": [
            {"id": point.id, "at": point.at.isoformat() if point.at else None, "text": point.text}
            for point in proposal.data_points
        ],
        "type": proposal.type.value,
        "priority": proposal.priority.value,
        "due": proposal.due.isoformat(),
        "dueDays": proposal.due_days,
        "dueRule": proposal.due_rule,
        "ownerId": proposal.owner_id,
        "playbookId": proposal.playbook_id,
        "playbookName": proposal.playbook_name,
        "playbookBecause": proposal.playbook_because,
        "triggerRule": proposal.trigger_rule,
    }


def proposal_of(value: Mapping[str, Any]) -> CtaProposal:
    return CtaProposal(
        title=value["title"],
        reason=value["reason"],
        data_points=tuple(
            DataPoint(
                id=point["id"],
                at=datetime.fromisoformat(point["at"]) if point["at"] else None,
                text=point["text"],
            )
            for point in value["dataPoints"]
        ),
        type=CtaType(value["type"]),
        priority=CtaPriority(value["priority"]),
        due=date.fromisoformat(value["due"]),
        due_days=value["dueDays"],
        due_rule=value["dueRule"],
        owner_id=value["ownerId"],
        playbook_id=value["playbookId"],
        playbook_name=value["playbookName"],
        playbook_because=value["playbookBecause"],
        trigger_rule=value["triggerRule"],
    )


def dismissal_json(dismissed: DismissedBy) -> dict[str, Any]:
    return {
        "at": dismissed.at.isoformat(),
        "userId": dismissed.user_id,
        "reason": dismissed.reason.value,
        "note": dismissed.note,
    }


def dismissal_of(value: Mapping[str, Any]) -> DismissedBy:
    return DismissedBy(
        at=datetime.fromisoformat(value["at"]),
        user_id=value["userId"],
        reason=Dismissal(value["reason"]),
        note=value["note"],
    )
