"""Activities: weekly usage, invoices, tickets, and what customer and CSM said to each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
from numpy.random import Generator

from cs_ml.demo.bundle import Cell, Row, row
from cs_ml.demo.calendar import WEEKS, add_months, working_moment
from cs_ml.demo.contracts import Life
from cs_ml.demo.names import Person
from cs_ml.demo.process import Series
from cs_ml.demo.subjects import CANCELLED, SHOCK_RECORDS, SUBJECTS, TOPICS, Channel, Sentiment

RELEASE_WEEKS: Final = 6  # in which a bad release goes on making tickets
RECORDED_SHARE: Final = 0.75  # of shocks that leave a written trace
UNRATED_SHARE: Final = 0.3  # of activities whose sentiment nobody noted


def _zeros() -> Series:
    return np.zeros(WEEKS)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What happened by week, WEEKS entries each: the health scores are made from these counts."""

    active: Series = field(default_factory=_zeros)  # users
    seats: Series = field(default_factory=_zeros)
    tickets: Series = field(default_factory=_zeros)
    touches: Series = field(default_factory=_zeros)  # calls, mails, meetings held
    positive: Series = field(default_factory=_zeros)
    negative: Series = field(default_factory=_zeros)
    overdue: Series = field(default_factory=_zeros)  # invoices


@dataclass(kw_only=True)
class _Log:
    """Collects the rows of one account and drops what would lie outside its life."""

    rng: Generator
    life: Life
    people: Sequence[Person]
    tally: Tally
    rows: list[Row] = field(default_factory=list)

    def usage(self, kind: str, day: date, quantity: int) -> None:
        if self.life.first <= day <= self.life.end and quantity > 0:
            self.rows.append(
                row("activities.csv", account_ref=self.life.traits.ref, date=day, type=kind, quantity=quantity)
            )

    def invoice(self, kind: str, day: date, amount: float) -> bool:
        if not self.life.first <= day < self.life.end:
            return False
        self._referenced(date=day, type=kind, direction="outbound", amount=amount)
        return True

    def touch(self, channel: Channel, week: int, direction: str, sentiment: Sentiment, subject: str) -> None:
        moment = self._moment(week)
        if moment is None:
            return
        rated = self.rng.random() >= UNRATED_SHARE
        self._referenced(
            date=moment,
            type=channel,
            direction=direction,
            sentiment=sentiment if rated else None,
            subject=self._filled(subject),
        )
        week = self.life.calendar.week_of(moment.date())
        (self.tally.tickets if channel == "support_ticket" else self.tally.touches)[week] += 1
        if rated and sentiment != "neutral":
            (self.tally.positive if sentiment == "positive" else self.tally.negative)[week] += 1

    def _moment(self, week: int) -> datetime | None:
        moment = working_moment(self.rng, self.life.calendar.day(week, int(self.rng.integers(7))))
        # The last day is left out: its hours may not have come yet.
        return moment if self.life.first <= moment.date() < self.life.end else None

    def _referenced(self, **cells: Cell) -> None:
        number = f"{self.life.traits.ref}-A{len(self.rows) + 1:04d}"
        self.rows.append(row("activities.csv", account_ref=self.life.traits.ref, activity_ref=number, **cells))

    def _filled(self, subject: str) -> str:
        person = self.people[int(self.rng.integers(len(self.people)))]
        topic = TOPICS[int(self.rng.integers(len(TOPICS)))]
        filled = subject.format(name=person.first_name, topic=topic)
        return filled[0].upper() + filled[1:]


def activity_rows(rng: Generator, life: Life, people: Sequence[Person]) -> tuple[list[Row], Tally]:
    """All activities of an account and their weekly counts; none on or after the churn, but that day's usage count."""
    log = _Log(rng=rng, life=life, people=people, tally=Tally(seats=life.contract.seats_in_use(life.calendar)))
    last_week = min(WEEKS - 1, life.calendar.week_of(life.end))
    for week in range(life.course.first_week, last_week + 1):
        _use(log, week)
        _talk(log, week)
        _complain(log, week)
    for shock in life.course.shocks:
        if shock.week <= last_week and rng.random() < RECORDED_SHARE:
            channel, sentiment, subject = SHOCK_RECORDS[shock.kind]
            log.touch(channel, shock.week, "inbound", sentiment, subject)
    _bill(log)
    return log.rows, log.tally


def _use(log: _Log, week: int) -> None:
    """One number a week for users and for runs, dated on the last day of the week it counts."""
    course, calendar = log.life.course, log.life.calendar
    share = course.adoption[week] * calendar.season(week)
    if log.life.traits.start > calendar.first_day:
        # A new customer's seats fill over the first two months.
        share *= min(1.0, (week - course.first_week + 1) / 8)
    active = int(log.rng.binomial(int(log.tally.seats[week]), share))
    runs = int(log.rng.poisson(active * 6.0 * (0.6 + 0.4 * share)))
    log.tally.active[week] = active
    log.usage("usage_active_users", calendar.day(week, 6), active)
    log.usage("usage_workflow_runs", calendar.day(week, 6), runs)


def _talk(log: _Log, week: int) -> None:
    """With a customer who is leaving contact goes on, the CSM chases: outbound, sour, and meetings are called off."""
    s = log.life.course.satisfaction[week]
    rate = log.life.traits.profile.touches * log.life.calendar.season(week) * np.exp(0.1 * np.clip(s, -2, 2))
    for _ in range(int(log.rng.poisson(rate))):
        channel: Channel = ("EMAIL", "CALL", "MEETING")[int(log.rng.choice(3, p=(0.64, 0.2, 0.16)))]
        if channel == "MEETING" and log.rng.random() < _logistic(-2.4 - 0.8 * s):
            subject = CANCELLED[int(log.rng.integers(len(CANCELLED)))]
            log.touch("EMAIL", week, "inbound", "neutral", subject)
            continue
        direction = "inbound" if log.rng.random() < _logistic(-0.1 + 0.5 * s) else "outbound"
        sentiment = _sentiment(log.rng, s)
        log.touch(channel, week, direction, sentiment, _subject(log.rng, channel, sentiment))


def _complain(log: _Log, week: int) -> None:
    traits, course = log.life.traits, log.life.course
    s = course.satisfaction[week]
    broken = any(shock.kind == "bad_release" and 0 <= week - shock.week < RELEASE_WEEKS for shock in course.shocks)
    usual = 0.025 * np.sqrt(traits.seats) * traits.gross * (1.8 if broken else 1.0)
    rate = usual * np.exp(-0.35 * np.clip(s, -2.5, 2.5))
    for _ in range(int(log.rng.poisson(rate))):
        sentiment = _sentiment(log.rng, s - 1.2)
        log.touch("support_ticket", week, "inbound", sentiment, _subject(log.rng, "support_ticket", sentiment))


def _bill(log: _Log) -> None:
    """Quarterly invoices; an unhappy customer pays late more often."""
    life = log.life
    day = life.traits.start
    while day <= life.end:
        due, day = day, add_months(day, 3)
        week = life.calendar.week_of(due)
        if week < 0:
            continue
        amount = round([terms.arr for terms in life.contract.terms if terms.as_of <= max(due, life.first)][-1] / 4, 2)
        late = log.rng.random() < _logistic(-2.4 - 0.7 * life.course.satisfaction[week])
        if late and log.invoice("invoice_overdue", due + timedelta(days=30), amount):
            log.tally.overdue[life.calendar.week_of(due + timedelta(days=30))] += 1
        log.invoice("invoice_paid", due + timedelta(days=int(log.rng.integers(35, 75) if late else 14)), amount)


def _sentiment(rng: Generator, s: float) -> Sentiment:
    if rng.random() < _logistic(-2.2 - 0.8 * s):
        return "negative"
    return "positive" if rng.random() < _logistic(-0.9 + 0.7 * s) else "neutral"


def _subject(rng: Generator, channel: Channel, sentiment: Sentiment) -> str:
    choices = SUBJECTS[channel, sentiment]
    return choices[int(rng.integers(len(choices)))]


def _logistic(log_odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-log_odds)))
