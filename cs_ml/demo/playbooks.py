"""Five playbooks that both tenants work by."""

from typing import Final

from cs_ml.domain.ctas.playbooks import PlaybookDraft, PlaybookStatus, PlaybookStep
from cs_ml.domain.ctas.values import CtaType


def _playbook(name: str, category: str, description: str, *steps: tuple[int, str, str]) -> PlaybookDraft:
    return PlaybookDraft(
        name=name,
        description=description,
        status=PlaybookStatus.ACTIVE,
        cta_type=CtaType.RISK,
        category=category,
        steps=tuple(PlaybookStep(title=title, description=what, days_from_start=days) for days, title, what in steps),
    )


PLAYBOOKS: Final = (
    _playbook(
        "Break the silence",
        "contact, engagement",
        "The customer has gone quiet. Find out whether the contact has left, is busy, or has lost interest.",
        (0, "Look up the last contact and who took part", "Anybody who left? Any promise still open?"),
        (0, "Call the main contact", "No mail: a call shows the mood. Ask what has changed since the last contact."),
        (2, "Reach a second person", "Where the first does not answer within two days: sponsor or daily user."),
        (5, "Meet for 30 minutes", "Agree on the next step with a day and a name."),
        (14, "Check that the contact holds", "At least one reply since. If not, tell your lead."),
    ),
    _playbook(
        "Bring use back",
        "adoption, usage",
        "Fewer people use the product, or less of it. Find the group that stopped, and give it a reason to return.",
        (0, "Compare use by team with the quarter before", "Which team, which feature, since which week?"),
        (2, "Ask two daily users what gets in the way", "Before the manager: users know the reason."),
        (7, "Show one unused feature that fits their goal", "One, not five; on their own data."),
        (21, "Compare use again", "Share the figure with the sponsor, good or bad."),
    ),
    _playbook(
        "Mend trouble with support",
        "support, escalation, sentiment",
        "Tickets pile up or the tone has turned. Own the problem until it is solved, and say so.",
        (0, "Read every open ticket and its history", "What hurts most, and what did we promise?"),
        (1, "Name one person for the customer", "They will not repeat their story again."),
        (1, "Call: apologise, and give the plan with dates", "Only dates that engineering has confirmed."),
        (7, "Report progress, even where there is none", "Silence reads as neglect."),
        (14, "Ask whether it is solved", "In their words; note the answer."),
    ),
    _playbook(
        "Win the renewal",
        "renewal, commercial, contract",
        "The contract is up or shrinking. Tie the price to what the customer got for it.",
        (0, "Write down three results of this year in figures", "Theirs, not ours: hours, errors, revenue."),
        (2, "Find out who decides, and by when", "Ask also who could say no."),
        (5, "Go through results and next year's goals", "With the person who decides."),
        (10, "Send the offer with the results on page one", "Two choices, no more."),
        (20, "Settle what is open", "Price last."),
    ),
    _playbook(
        "Health recovery plan",
        "health, recovery",
        "The health score is low or falling for more than one reason. Agree on a plan and follow it.",
        (0, "Take the score apart", "Which part fell first, and what happened that week?"),
        (3, "Agree on two goals with the customer", "Each with a figure and a day."),
        (10, "First check of the goals", "Adjust what does not move."),
        (30, "Review with the sponsor", "What worked, what is next, who keeps watch."),
    ),
)
