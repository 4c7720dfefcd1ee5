"""What the situation of a patient is: phase, stages now and at the start, course, responses, standing."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from adapter.guideline.model import Assessment, ChildPugh, CourseShown, Finding, Stage
from adapter.output.phrases import Phrases, story_table

UNSTAGED = frozenset({"deceased", "no-hcc"})
FEW = 3
A_DAY = len("2024-05-01")


def situation(assessment: Assessment, phrases: Phrases) -> Iterator[str]:
    """The lines from the patient's reference to the latest response."""
    edition = phrases.say("strictest") if assessment.edition == "strictest" else assessment.edition
    yield phrases.say("head", patient=assessment.patient, day=assessment.as_of[:A_DAY], edition=edition)
    yield phrases.say("phase", phase=phrases.texts.phase(assessment.phase))
    if assessment.phase in UNSTAGED:
        return
    now = assessment.staging
    # Both systems name the same drivers: the BCLC line, which comes second, keeps them.
    alike = now.cnlc.drivers == now.bclc.drivers
    start = now.baseline_cnlc if now.baseline_cnlc is None or not alike else replace(now.baseline_cnlc, drivers=())
    yield _staged("CNLC", replace(now.cnlc, drivers=()) if alike else now.cnlc, start, phrases)
    yield _staged("BCLC", now.bclc, now.baseline_bclc, phrases)
    yield _staged("Child-Pugh", now.child_pugh, now.baseline_child_pugh, phrases)
    yield from _course(assessment.course, phrases)
    for finding in assessment.findings:
        if standing(finding):
            yield phrases.texts.summary(finding) + phrases.cited(finding)


def standing(finding: Finding) -> bool:
    """Whether the finding says where the patient stands, and is neither alarm nor advice."""
    plain = finding.kind == "assessment" and finding.severity == "info"
    return plain and finding.code in story_table()["standing"]


def _staged(name: str, now: Stage | ChildPugh, start: Stage | ChildPugh | None, phrases: Phrases) -> str:
    parts = [_stage(now, phrases)]
    if start is not None:
        parts.append(phrases.say("stage-start", start=_stage(start, phrases)))
    return phrases.say("stage", name=name, now=phrases.joined(parts))


def _stage(stage: Stage | ChildPugh, phrases: Phrases) -> str:
    """The stage, or what is still possible; then what qualifies it, in brackets."""
    words = [phrases.texts.word(one) for one in stage.possible]
    shown = phrases.say("none") if not words else words[0]
    if len(words) > 1:
        listed = phrases.listed(words[:-1]) + phrases.say("or") + words[-1]
        shown = phrases.say("possible", stages=listed if len(words) <= FEW else f"{words[0]} - {words[-1]}")
    about = phrases.joined(_about(stage, phrases))
    return shown + (phrases.say("reason", reason=about) if about else "")


def _about(stage: Stage | ChildPugh, phrases: Phrases) -> Iterator[str | None]:
    if isinstance(stage, ChildPugh):
        if stage.points is not None:
            fewest, most = stage.points
            yield phrases.say("points", points=fewest if fewest == most else f"{fewest}-{most}")
        if stage.assumed:
            yield phrases.say("assumed", parts=phrases.listed(phrases.fact(part) for part in stage.assumed))
    elif stage.drivers:
        yield phrases.say("drivers", drivers=phrases.listed(phrases.texts.word(one) for one in stage.drivers))
    if stage.discordant and stage.recorded:
        yield phrases.say("recorded", stage=phrases.texts.word(stage.recorded))
    yield stage.at


def _course(course: CourseShown | None, phrases: Phrases) -> Iterator[str]:
    if course is None:
        yield phrases.say("no-course")
        return
    counted = phrases.say("cycles", count=course.cycles) if course.cycles or not course.local else None
    parts = [counted, _regimen(course, phrases), _local(course, phrases)]
    yield phrases.say("course", start=course.start, parts=phrases.joined(parts))
    yield phrases.say("best", parts=phrases.joined(_best(course, phrases)))
    if course.evaluations:
        last = max(course.evaluations, key=lambda evaluation: evaluation.at)
        responses = {name: phrases.texts.word(getattr(last, name)) for name in ("mrecist", "recist")}
        yield phrases.say("latest", day=last.at, **responses)


def _regimen(course: CourseShown, phrases: Phrases) -> str | None:
    if course.regimen is None or course.regimen == "local":
        return None
    classes = [phrases.texts.word(one.lower()) for one in course.regimen.split("+")]
    return phrases.say("regimen", regimen=" + ".join(classes))


def _local(course: CourseShown, phrases: Phrases) -> str | None:
    named = phrases.listed(phrases.texts.word(one) for one in course.local)
    return phrases.say("local", local=named) if named else None


def _best(course: CourseShown, phrases: Phrases) -> Iterator[str]:
    if course.best_response is None:
        yield phrases.say("no-response")
        return
    yield phrases.texts.word(course.best_response)
    if course.depth:
        yield phrases.say("depth", depth=_percent(course.depth))
    if course.time_to_response is not None:
        yield phrases.say("after", days=course.time_to_response)
    if course.duration_of_response:
        yield phrases.say("lasting", days=course.duration_of_response)


def _percent(share: Decimal) -> str:
    return f"{share:+.0%}".replace("%", " %")
