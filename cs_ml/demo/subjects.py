"""Subject lines of calls, mails, meetings and tickets: `{name}` is a contact's first name, `{topic}` is in `TOPICS`."""

from typing import Final, Literal, TypeAlias

from cs_ml.demo.process import ShockKind

Sentiment: TypeAlias = Literal["positive", "neutral", "negative"]
Channel: TypeAlias = Literal["EMAIL", "CALL", "MEETING", "support_ticket"]

TOPICS: Final = (
    "the quarterly report", "single sign-on", "the new dashboard", "user onboarding", "the API limits", "data export",
    "role permissions", "the mobile app", "the integration with payroll", "training for the second team",
)  # fmt: skip
SUBJECTS: Final[dict[tuple[Channel, Sentiment], tuple[str, ...]]] = {
    ("EMAIL", "positive"): (
        "Thanks, {name}: {topic} works now", "Great session yesterday, {name}", "Re: {topic} - exactly what we needed",
        "{name} asked whether more colleagues can join", "Happy to be a reference, {name}",
    ),
    ("EMAIL", "neutral"): (
        "Re: {topic}", "Question on {topic}", "{name}, notes from our call", "Checking in, {name}",
        "Agenda for next week",
        "Release notes for {name}'s team", "Fwd: {topic}", "{name} is out of office", "Invoice copy for {name}",
    ),
    ("EMAIL", "negative"): (
        "Still waiting for an answer on {topic}", "{name} is disappointed with {topic}",
        "Re: Re: {topic} is not working",
        "We need to talk about {topic}", '"Not acceptable" - {name} on {topic}',
    ),
    ("CALL", "positive"): ("{name}: good progress with {topic}", "Call with {name}, wants to roll out {topic}"),
    ("CALL", "neutral"): ("Check-in with {name}", "Call about {topic}", "Left a voicemail for {name}"),
    ("CALL", "negative"): ("{name} unhappy about {topic}", "Escalation call with {name}: {topic}"),
    ("MEETING", "positive"): ("Business review with {name}: goals met", "Workshop on {topic} with {name}"),
    ("MEETING", "neutral"): ("Business review", "Monthly call with {name}", "Training: {topic}"),
    ("MEETING", "negative"): ("Escalation meeting: {topic}", "Review with {name}: goals missed"),
    ("support_ticket", "positive"): ("Solved quickly: {topic}", "Feature idea for {topic}, thanks!"),
    ("support_ticket", "neutral"): ("How do I change {topic}?", "Question: {topic}", "Access for {name}"),
    ("support_ticket", "negative"): (
        "{topic} fails again", "URGENT: {topic} down for all users", "Slow since Monday: {topic}",
    ),
}  # fmt: skip
CANCELLED: Final = (
    "{name} has to cancel our review", "Can we move the meeting? No time this month", "Declined: monthly call",
)  # fmt: skip
# What a shock looks like in the record, when anybody wrote it down.
SHOCK_RECORDS: Final[dict[ShockKind, tuple[Channel, Sentiment, str]]] = {
    "champion_left": ("EMAIL", "neutral", "{name} is leaving, please use the team address from now on"),
    "competitor": ("CALL", "neutral", "{name} asked how we compare with another vendor"),
    "price_increase": ("EMAIL", "negative", "Question about the new prices, {name} surprised"),
    "bad_release": ("support_ticket", "negative", "Export broken since the last release"),
    "low_adoption": ("MEETING", "neutral", "Rollout to the second team postponed"),
    "new_sponsor": ("MEETING", "positive", "Introduction of {name}, new executive sponsor"),
}
