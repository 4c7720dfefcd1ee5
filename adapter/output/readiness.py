"""What a site's records are worth to each finding: counts over patients, and the report that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from adapter.guideline.inputs import readers
from adapter.guideline.model import Assessment
from adapter.guideline.thresholds import Thresholds
from adapter.output.missing import UNDECIDED
from adapter.output.readiness_needs import COURSE, PERSON, Need, Way, input_names, needs
from adapter.output.readiness_report import SCHEMA, ConceptLine, FindingLine, Fresh, InputLine, Report, Weakest
from adapter.output.readiness_sight import LOST, NEVER, READY, STATES, UNIT, Sight, Unnamed
from adapter.terminology import Terminology
from adapter.terminology.strangers import Count, Stranger
from adapter.terminology.suggestions import Suggester, best_of, is_drug
from adapter.timeline.timeline import Timeline
from adapter.values import AsOf, When

DECEASED, NO_HCC = "deceased", "no-hcc"
DIGITS = 4
KEPT_GUESSES = 1 << 13


class _Input:
    """One input as it is being counted."""

    def __init__(self) -> None:
        self.patients = self.facts = self.unknown_codes = 0
        self.ages: Counter[int] = Counter()
        self.states: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.fresh: Counter[str] = Counter()


class _Finding:
    """One finding as it is being counted."""

    def __init__(self, wanted: tuple[Need, ...]) -> None:
        self.needs = wanted
        self.expected = any(not need.occasional for need in wanted)
        self.patients = self.complete = self.decided = self.undecided = 0
        self.states: tuple[Counter[str], ...] = tuple(Counter() for _ in wanted)

    def add(self, sight: Sight) -> None:
        states = [sight.met(need) for need in self.needs]
        for counter, state in zip(self.states, states, strict=True):
            counter[state] += 1
        if self.expected or any(state != NEVER for state in states):
            self.patients += 1
            self.complete += not any(lacks(n, s) for n, s in zip(self.needs, states, strict=True))


class Readiness:
    """Counts what patients' records hold; its size does not grow with their number."""

    def __init__(self, terminology: Terminology, thresholds: Thresholds) -> None:
        self._terminology = terminology
        self._suggester = Suggester(terminology)
        self._guesses: dict[tuple[str, ...], frozenset[str]] = {}
        self._names = _named(terminology)
        self._findings = {code: _Finding(wanted) for code, wanted in needs(terminology, thresholds).items()}
        self._inputs = {name: _Input() for name in (*input_names(), *PERSON)}
        self._ways = _ways(need for finding in self._findings.values() for need in finding.needs)
        self._met: Counter[str] = Counter()
        self._incomplete: Counter[str] = Counter()

    def add(
        self, timeline: Timeline, as_of: AsOf, found: Assessment, strangers: Iterable[tuple[Stranger, When | None]]
    ) -> None:
        """Count one patient; `strangers`: unknown or ambiguous codes of the record, each with the resource's time."""
        self._met["seen"] += 1
        self._incomplete.update(timeline.incomplete)
        if found.phase in (DECEASED, NO_HCC):
            self._met[found.phase] += 1
        if found.phase == DECEASED:
            return
        sight = Sight(timeline.at(as_of), self._names, [self._unnamed(s, when) for s, when in strangers])
        self._met["nameless"] += sum(not u.concepts and not u.groups for u in sight.view.unusable)
        for name, counted in self._inputs.items():
            self._count(name, counted, sight)
        for finding in self._findings.values():
            finding.add(sight)
        self._outcomes(found)

    def report(self, as_of: AsOf, edition: str, failed: int = 0) -> Report:
        """The report of what was counted so far; `failed` further patients could not be evaluated."""
        met = self._met
        counted = met["seen"] - met[DECEASED]
        return Report(
            schema=SCHEMA,
            as_of=as_of.text,
            edition=edition,
            seen=met["seen"] + failed,
            counted=counted,
            deceased=met[DECEASED],
            without_hcc=met[NO_HCC],
            failed=failed,
            nameless_codes=met["codes"],
            nameless_resources=met["nameless"],
            incomplete=dict(sorted(self._incomplete.items())),
            findings=tuple(_finding_line(code, one, counted) for code, one in self._findings.items()),
            concepts=tuple(self._concept_line(name, one, counted) for name, one in self._inputs.items()),
        )

    def _count(self, name: str, counted: _Input, sight: Sight) -> None:
        ways = self._ways[name]
        facts, age = sight.counts.get(name, 0), sight.age(name)
        counted.states[sight.state(ways[0])] += 1
        counted.facts += facts
        counted.patients += facts > 0 or (name in PERSON and sight.state(ways[0]) == READY)
        counted.rejected.update(u.reason.partition(":")[0] for u in sight.unusable(name))
        counted.unknown_codes += len(sight.unnamed.get(name, ()))
        if age is not None:
            counted.ages[age] += 1
            counted.fresh.update(way.limit for way in ways if way.limit and way.days is not None and age <= way.days)

    def _outcomes(self, found: Assessment) -> None:
        by_code: dict[str, set[bool]] = {}
        for finding in found.findings:
            by_code.setdefault(finding.code, set()).add(finding.outcome not in UNDECIDED)
        if found.phase != NO_HCC:
            by_code[COURSE] = {True}
        for code, decided in by_code.items():
            self._findings[code].decided += False not in decided
            self._findings[code].undecided += False in decided

    def _unnamed(self, stranger: Stranger, when: When | None) -> Unnamed:
        concepts = frozenset(stranger.concepts) or self._guess(stranger)
        self._met["codes"] += not any(concept in self._names for concept in concepts)
        return Unnamed(concepts, when, is_drug(stranger.reference))

    def _guess(self, stranger: Stranger) -> frozenset[str]:
        """The concept that an unknown code is called like."""
        kind, s = stranger.reference.partition("/")[0], stranger
        key = (kind, s.system or "", s.code or "", s.display or "", s.unit or "")
        if key not in self._guesses:
            if len(self._guesses) >= KEPT_GUESSES:
                self._guesses.clear()
            units = (s.unit,) if s.unit else ()
            like = Count(s.system, s.code, s.display, s.reason, 1, 1, units, f"{kind}/")
            best = best_of(self._suggester.suggest(like))
            self._guesses[key] = frozenset((best.concept,)) if best is not None else frozenset()
        return self._guesses[key]

    def _concept_line(self, name: str, one: _Input, counted: int) -> ConceptLine:
        units = one.rejected.keys() & {UNIT, f"no-{UNIT}"}
        measured = self._terminology.units.canonical(name) is not None
        refused = sum(one.rejected[reason] for reason in units)
        limits = [way for way in self._ways[name] if way.limit is not None]
        return ConceptLine(
            concept=name,
            members=len(self._terminology.members(name)),
            findings=len(readers((name,))),
            patients=one.patients,
            share=share(one.patients, counted),
            facts=one.facts,
            unit_share=share(one.facts, one.facts + refused) if measured else None,
            freshness=tuple(
                Fresh(str(w.limit), w.days or 0, one.fresh[str(w.limit)], share(one.fresh[str(w.limit)], one.patients))
                for w in limits
            ),
            median_age_days=_median(one.ages),
            states=_ordered(one.states),
            rejected=dict(sorted(one.rejected.items())),
            unknown_codes=one.unknown_codes,
        )


def lacks(need: Need, state: str) -> bool:
    """Whether a need in this state keeps a finding from working."""
    return state in LOST if need.occasional else state != READY


def share(part: int, whole: int) -> float | None:
    """A part of a whole, None of nothing."""
    return round(part / whole, DIGITS) if whole else None


def _named(terminology: Terminology) -> Mapping[str, tuple[str, ...]]:
    """Concept -> the inputs that it stands for."""
    found: dict[str, tuple[str, ...]] = {}
    for name in input_names():
        for concept in {name, *terminology.members(name)}:
            found[concept] = (*found.get(concept, ()), name)
    return found


def _ways(wanted: Iterable[Need]) -> Mapping[str, tuple[Way, ...]]:
    """Input -> how findings read it, the shortest freshness limit first, any age last."""
    found: dict[str, dict[Way, None]] = {}
    for need in wanted:
        for way in need.ways:
            found.setdefault(way.name, {})[way] = None
    return {
        name: tuple(sorted(ways, key=lambda way: (way.days is None, way.days or 0, way.limit or "")))
        for name, ways in found.items()
    }


def _finding_line(code: str, one: _Finding, counted: int) -> FindingLine:
    lines = tuple(_input_line(need, states) for need, states in zip(one.needs, one.states, strict=True))
    return FindingLine(
        topic=code.partition(".")[0],
        code=code,
        patients=one.patients,
        complete=one.complete,
        share=share(one.complete, one.patients),
        weakest=_weakest(lines, one.patients),
        decided=one.decided,
        undecided=one.undecided,
        not_reported=counted - one.decided - one.undecided,
        inputs=lines,
    )


def _input_line(need: Need, states: Counter[str]) -> InputLine:
    first = need.ways[0]
    lacking = sum(number for state, number in states.items() if lacks(need, state))
    names = tuple(way.name for way in need.ways)
    return InputLine(names, first.limit, first.days, need.occasional, lacking, _ordered(states))


def _weakest(lines: tuple[InputLine, ...], patients: int) -> Weakest | None:
    worst = max(lines, key=lambda line: line.lacking, default=None)
    if worst is None or not worst.lacking:
        return None
    reasons = {s: n for s, n in worst.states.items() if s in LOST or (s != READY and not worst.occasional)}
    reason = max(reasons, key=lambda state: reasons[state])
    return Weakest(worst.names[0], worst.lacking, share(worst.lacking, patients), reason)


def _ordered(states: Counter[str]) -> dict[str, int]:
    return {state: states[state] for state in STATES}


def _median(ages: Counter[int]) -> float | None:
    """The middle age, the mean of both where there are two."""
    total = ages.total()
    if not total:
        return None
    passed, middle = 0, []
    wanted = ((total - 1) // 2, total // 2)
    for age in sorted(ages):
        middle += [age for place in wanted if passed <= place < passed + ages[age]]
        passed += ages[age]
    return sum(middle) / 2
