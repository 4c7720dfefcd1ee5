"""The newest value of something, with everything that can keep it from deciding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from adapter.timeline.events import AdverseEvent, Coded, Lesion, Measurement, Unusable
from adapter.values import Truth, When
from adapter.values.truth import MET, NOT_MET, UNKNOWN

Dated = TypeVar("Dated", Measurement, Coded, Lesion, AdverseEvent)


class Latest(msgspec.Struct, Generic[Dated], frozen=True, gc=False):
    """The newest value: `facts` are all that can be it (several: a contradiction, or dates too imprecise to order
    them).

    `stale`: older at as-of than the window (or not surely within it). `contradiction`: several values at one time.
    `imprecise`: a partial date could be later than the latest exact one. `blocked`: a newer value that cannot be used.
    `age`: most whole days from the newest fact to as-of.
    """

    facts: tuple[Dated, ...] = ()
    stale: bool = False
    contradiction: bool = False
    imprecise: bool = False
    blocked: tuple[Unusable, ...] = ()
    age: int | None = None

    @property
    def missing(self) -> bool:
        """Nothing was ever recorded that can be used."""
        return not self.facts

    @property
    def fresh(self) -> bool:
        """There is a value, and it is within its window."""
        return bool(self.facts) and not self.stale

    @property
    def sure(self) -> bool:
        """One fresh value that nothing newer makes doubtful."""
        return self.fresh and len(self.facts) == 1 and not self.blocked

    @property
    def newest(self) -> Dated | None:
        """One of the newest facts, for display."""
        return self.facts[-1] if self.facts else None

    @property
    def sources(self) -> tuple[str, ...]:
        """References of the facts and of what blocks them."""
        if len(self.facts) == 1 and not self.blocked:
            return (self.facts[0].source,)
        return tuple(dict.fromkeys([f.source for f in self.facts] + [u.source for u in self.blocked]))

    def favourable(self, test: Callable[[Dated], Truth]) -> Truth:
        """A favourable criterion: decided only when fresh, not blocked, and all possible newest values agree."""
        if not self.fresh or self.blocked:
            return UNKNOWN
        return self.agreed(test)

    def agreed(self, test: Callable[[Dated], Truth]) -> Truth:
        """The verdict that all possible newest values share, fresh or not; unknown when there is none."""
        facts = self.facts
        if len(facts) == 1:
            return test(facts[0])
        verdicts = {test(fact) for fact in facts}
        return verdicts.pop() if len(verdicts) == 1 else UNKNOWN

    def alert(self, test: Callable[[Dated], Truth]) -> Truth:
        """An alert: the worse of two values at one instant decides, an unusable newer one does not silence it.

        Not-met (no alert) needs what a favourable criterion needs.
        """
        facts = self.facts
        if not facts or self.stale:
            return UNKNOWN
        verdicts = {test(fact) for fact in facts}
        if MET in verdicts and (self.contradiction or len(verdicts) == 1):
            return MET
        if verdicts == {NOT_MET} and not self.blocked:
            return NOT_MET
        return UNKNOWN


_NOTHING: Latest[Any] = Latest()


def latest(
    facts: Sequence[Dated],
    unusable: Iterable[Unusable],
    day: int,
    reach: int,
    window: int | None = None,
) -> Latest[Dated]:
    """The newest of `facts` (sorted by time) as the present state on `day`; `window` in whole days, None = never
    stale; `reach` (microseconds): the longest that any fact of the timeline lasts."""
    if not facts:
        blocked = tuple(unusable)
        return Latest(blocked=blocked) if blocked else _NOTHING
    last = facts[-1]
    if len(facts) == 1 or facts[-2].when.end < last.when.start - reach:  # as most are: one value is the newest
        age = day - last.when.first
        blocked = tuple([u for u in unusable if u.when is None or _may_follow(u.when, facts[-1:])]) if unusable else ()
        return Latest((last,), window is not None and age > window, False, False, blocked, age)
    newest = _newest(facts, reach)
    several = len(newest) > 1 and len({_said(f) for f in newest}) > 1
    if several:  # at one time the value, not an id, decides which is shown
        newest.sort(key=lambda fact: (fact.when.start, fact.when.end, repr(_said(fact))))
    coarse = several and any(not f.when.one_day for f in newest)
    oldest_age = day - max([f.when.first for f in newest])
    return Latest(
        facts=tuple(newest),
        stale=window is not None and oldest_age > window,
        contradiction=several and not coarse,
        imprecise=coarse,
        blocked=tuple([u for u in unusable if u.when is None or _may_follow(u.when, newest)]),
        age=oldest_age,
    )


def _newest(facts: Sequence[Dated], reach: int) -> list[Dated]:
    """All that can be the newest of sorted facts; none that began before `reach` goes on at the newest start."""
    start = facts[-1].when.start
    longest = start - reach
    newest = []
    for fact in reversed(facts):
        when = fact.when
        if when.end >= start:
            newest.append(fact)
        elif when.start < longest:
            break
    newest.reverse()
    return newest


def _may_follow(when: When, newest: Sequence[Dated]) -> bool:
    """An unusable value at the time of the newest one, or possibly later, leaves the newest in doubt."""
    return any(when.end >= fact.when.start for fact in newest)


def _said(fact: Measurement | Coded | Lesion | AdverseEvent) -> object:
    """What makes two facts at one time a contradiction: their value."""
    return fact.value if isinstance(fact, Measurement | Coded) else msgspec.structs.replace(fact, source="")
