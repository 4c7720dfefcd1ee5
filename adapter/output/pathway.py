"""The steps of the pathway of one patient, each with its state by the record and its dates, before any wording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from adapter.guideline.agenda import (
    ADJUVANT_PLAN,
    COMPLETED,
    EVALUATED,
    NEXT_OPERATION,
    ON_HOLD,
    OPERATION,
    SCHEDULED,
    UNDER_WAY,
    UNKNOWN,
)
from adapter.guideline.model import Assessment, Finding, OnRecord
from adapter.output.lasting import lasting, lasting_due

NOT_STARTED = "not-started"
EARLIEST = "surgery.earliest"
INTERVAL, READINESS, EVALUATION = "interval.", "surgery.readiness", "response.evaluation"
DOSES = frozenset({"interval.tki", "interval.bevacizumab", "interval.ici"})
# What belongs to the pathway whatever its outcome; beside it every recommendation and whatever has a date.
ALWAYS = frozenset(
    {
        "viral.hbv-antiviral", "viral.hbv-monitoring", "viral.hcv", EVALUATION, "mdt.review",
        ADJUVANT_PLAN, "adjuvant.start", "adjuvant.duration", "surveillance.imaging", "surveillance.markers",
    }
)  # fmt: skip
# Steps that come round again: a person's word on one round says nothing of the next.
ROUNDS = frozenset({EVALUATION, "mdt.review", "surveillance.imaging", "surveillance.markers"})
BY_OUTCOME = {
    ("viral.hbv-antiviral", "active"): UNDER_WAY,
    ("viral.hbv-antiviral", "non-preferred"): UNDER_WAY,
    ("viral.hcv", "daa-active"): UNDER_WAY,
    ("viral.hcv", "monitor"): UNDER_WAY,
    ("mdt.review", "on-record"): COMPLETED,
    ("adjuvant.start", "started"): COMPLETED,
    ("adjuvant.duration", "beyond-12-months"): COMPLETED,
}
ORDER = (
    "eligibility", "regimen", "viral", "response", "markers", "progression", "local", "toxicity", "flr", "mdt",
    "interval", "surgery", "pathology", "adjuvant", "surveillance",
)  # fmt: skip
_OPERATION_STATEMENTS = {"2021": ("C21-10", "C21-13")}


class Remark(msgspec.Struct, frozen=True):
    """A sentence of the wordbook (`fragments`) with the days or keys that fill it.

    `spare`: to be left out when what is said already has its day.
    """

    key: str
    values: Mapping[str, str] = {}
    spare: bool = False


class Step(msgspec.Struct, frozen=True):
    """One activity: `key` tells it apart for ever, `code` names it, `said` is what its description says.

    `status` is of FHIR's care-plan-activity-status. `start` and `end`: ISO days or partial dates. `rule`: the finding
    code whose rule it follows, None for the pathway as a whole.
    """

    key: str
    code: str
    status: str
    statements: tuple[str, ...]
    sources: tuple[str, ...]
    said: tuple[Finding | Remark, ...]
    start: str | None = None
    end: str | None = None
    rule: str | None = None


def planned(finding: Finding) -> bool:
    """Whether a finding is a step of the pathway by itself."""
    if finding.code.startswith(INTERVAL):
        return finding.code in DOSES and bool(finding.params.get("last_permitted"))
    return finding.code in ALWAYS or finding.kind == "recommendation" or lasting_due(finding) is not None


def steps(assessment: Assessment) -> list[Step]:
    """The pathway's steps, in its order."""
    found = [*_evaluated(assessment)]
    found += [_step(finding, assessment) for finding in assessment.findings if planned(finding)]
    found += [*_earliest(assessment), *_operations(assessment)]
    return sorted(found, key=lambda step: _rank(step.code))


def step_key(finding: Finding) -> str:
    """The finding's code and cause, and the round of a step that comes again."""
    parts = [finding.code, finding.cause or ""]
    if finding.code in ROUNDS:
        parts.append(str(finding.params.get("since") or ""))
    elif finding.code == "viral.hbv-monitoring" and finding.due is not None:
        parts.append(finding.due.latest or "")
    return ":".join(" ".join(part.split()) for part in parts if part)


def _rank(code: str) -> int:
    topic = code.partition(".")[0]
    return ORDER.index(topic) if topic in ORDER else len(ORDER)


def _step(finding: Finding, assessment: Assessment) -> Step:
    known = assessment.agenda.get(finding.code)
    status = _status(finding, assessment)
    start, end = _dates(finding)
    return Step(
        key=step_key(finding),
        code=finding.code,
        status=status,
        statements=finding.statements,
        sources=(*_evidence(finding), *(known.sources if known else ())),
        said=(finding, *_remarks(finding, known, status)),
        start=start,
        end=end,
        rule=finding.code,
    )


def _evidence(finding: Finding) -> tuple[str, ...]:
    return (*finding.evidence, *(ref for criterion in finding.criteria for ref in criterion.evidence))


def _dates(finding: Finding) -> tuple[str | None, str | None]:
    if finding.code in DOSES:
        return None, finding.params["last_permitted"]
    if (finding.code, finding.outcome) == ("mdt.review", "on-record"):
        held = [str(c.value) for c in finding.criteria if c.value]
        return (held[0], held[0]) if held else (None, None)
    if (finding.code, finding.outcome) == ("adjuvant.start", "started"):
        return finding.params.get("first"), finding.params.get("first")
    due = lasting_due(finding)
    return (None, None) if due is None else (due.earliest or due.preferred, due.latest)


def _status(finding: Finding, assessment: Assessment) -> str:
    if finding.code in DOSES:
        return _dose_status(finding, assessment)
    if finding.code in (ADJUVANT_PLAN, "adjuvant.duration"):
        return _adjuvant_status(finding, assessment)
    by_outcome = BY_OUTCOME.get((finding.code, finding.outcome))
    if by_outcome is not None:
        return by_outcome
    known = assessment.agenda.get(finding.code)
    if known is not None:
        return known.status
    return UNKNOWN if finding.outcome == "unknown" else NOT_STARTED


def _dose_status(finding: Finding, assessment: Assessment) -> str:
    """Kept once the last permitted day has passed; before it another dose may still be given."""
    if finding.outcome == "unknown":
        return UNKNOWN
    kept = finding.outcome == "ok" or (finding.outcome == "short" and "stop-with-aatd" not in finding.notes)
    passed = assessment.as_of[: len("2024-05-01")] > finding.params["last_permitted"]
    return COMPLETED if kept and passed else NOT_STARTED


def _adjuvant_status(finding: Finding, assessment: Assessment) -> str:
    """Plan and duration are complete together; else they are what the doses on record say."""
    known = assessment.agenda.get(ADJUVANT_PLAN)
    spans = [f for f in assessment.findings if f.code == "adjuvant.duration"]
    if any("plan-complete" in f.notes or f.outcome == "beyond-12-months" for f in spans):
        return COMPLETED
    return known.status if known is not None else UNDER_WAY if finding.code == "adjuvant.duration" else NOT_STARTED


def _remarks(finding: Finding, known: OnRecord | None, status: str) -> Iterator[Remark]:
    if finding.code in DOSES:
        yield Remark("plan-last-permitted", {"day": finding.params["last_permitted"]}, spare=True)
    if known is not None and status == known.status:
        yield from _by_record(finding.code, known)
    if not lasting(finding):
        yield Remark("plan-mdt")


def _by_record(code: str, known: OnRecord) -> Iterator[Remark]:
    if known.status == SCHEDULED:
        yield Remark("plan-scheduled", {"day": known.day}) if known.day else Remark("plan-ordered")
    elif code == ADJUVANT_PLAN and known.since:
        yield Remark("plan-adjuvant-since", {"day": known.since})
        if known.day:
            yield Remark("plan-adjuvant-last", {"day": known.day})
    elif known.status == ON_HOLD:
        yield Remark("plan-on-hold")


def _evaluated(assessment: Assessment) -> Iterator[Step]:
    """The last response evaluation, under the key that it had while it was due."""
    done = assessment.agenda.get(EVALUATED)
    if done is not None:
        statements = [f.statements for f in assessment.findings if f.code == EVALUATION]
        yield Step(
            key=f"{EVALUATION}:{done.since}",
            code=EVALUATION,
            status=done.status,
            statements=statements[0] if statements else ("C24-6", "C24-fig1b"),
            sources=done.sources,
            said=(Remark("plan-evaluated", {"day": done.day or ""}),),
            start=done.day,
            end=done.day,
            rule=EVALUATION,
        )


def _earliest(assessment: Assessment) -> Iterator[Step]:
    """The first day on which every interval is kept."""
    held = _intervals(assessment)
    if not held:
        return
    start, preferred = _first_days(held)
    days = [o.day for key in (OPERATION, NEXT_OPERATION) if (o := assessment.agenda.get(key)) and o.status == SCHEDULED]
    said = [Remark("plan-earliest", {"day": start, "preferred": preferred})] if start and preferred else []
    yield Step(
        key=EARLIEST,
        code=EARLIEST,
        status=SCHEDULED if start and any(day and day >= start for day in days) else NOT_STARTED,
        statements=tuple(dict.fromkeys(statement for f in held for statement in f.statements)),
        sources=tuple(ref for f in held for ref in _evidence(f)),
        said=(*said, *(_interval(f) for f in held), Remark("plan-mdt")),
        start=start,
    )


def _intervals(assessment: Assessment) -> list[Finding]:
    """What holds the operation back; an interval without a number in the sources sets no date."""
    return [f for f in assessment.findings if f.code.startswith(INTERVAL) and (f.due or f.outcome == "unknown")]


def _first_days(held: list[Finding]) -> tuple[str | None, str | None]:
    """The first and the preferred day; none while one interval still moves or may be longer than it seems."""
    dues = [None if _doubted(f) else lasting_due(f) for f in held]
    fixed = [due for due in dues if due is not None]
    if not fixed or len(fixed) < len(held):
        return None, None
    return max(due.earliest or "" for due in fixed), max(due.preferred or due.earliest or "" for due in fixed)


def _doubted(finding: Finding) -> bool:
    """A later dose may be missing from the record."""
    return finding.outcome == "unknown" or any(
        note.partition(":")[0] in ("incomplete", "unusable") for note in finding.notes
    )


def _interval(finding: Finding) -> Remark:
    treatment = {"treatment": finding.code.replace(".", "-")}
    if _doubted(finding):
        return Remark("plan-interval-open", treatment)
    due = lasting_due(finding)
    if due is None:
        return Remark("plan-interval-moving", treatment)
    return Remark("plan-interval", {**treatment, "day": due.earliest or "", "preferred": due.preferred or ""})


def _operations(assessment: Assessment) -> Iterator[Step]:
    """The operation as planned or done; while it is ahead, what its readiness and the intervals say."""
    ready = [f for f in assessment.findings if f.code == READINESS]
    for key in (OPERATION, NEXT_OPERATION):
        known = assessment.agenda.get(key)
        if known is None:
            continue
        judged = [f for f in ready if known.status == SCHEDULED and not planned(f)]
        yield Step(
            key=key,
            code=OPERATION,
            status=known.status,
            statements=ready[0].statements if ready else _operation_statements(assessment.edition),
            sources=(*known.sources, *(ref for f in judged for ref in _evidence(f))),
            said=(*_operation_told(known, assessment), *judged, Remark("plan-mdt")),
            start=known.day,
            end=known.day,
        )


def _operation_told(known: OnRecord, assessment: Assessment) -> Iterator[Remark]:
    if known.day is None:
        yield Remark("plan-operation-ordered")
    elif known.status == COMPLETED:
        yield Remark("plan-operation-done", {"day": known.day})
    else:
        yield Remark("plan-operation-ahead", {"day": known.day})
        earliest, _ = _first_days(_intervals(assessment))
        if earliest and known.day < earliest:
            yield Remark("plan-operation-early", {"day": earliest})


def _operation_statements(edition: str) -> tuple[str, ...]:
    return _OPERATION_STATEMENTS.get(edition, ("C24-8", "C24-9", "C24-18"))
