"""What a case expects of an assessment, and every difference from what came out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

Assessment = dict[str, Any]
Case = dict[str, Any]
SETTING = {
    "name", "why", "as-of", "asOf", "edition", "complete", "options", "time-zone", "with", "facts", "bundle",
    "incomplete",
}  # fmt: skip
SEVERAL = {"toxicity.ctcae", "progression.pattern", "surgery.adverse-events"}


def listed(value: Any) -> list[Any]:
    """A permitted value or a list of them, as a list."""
    return value if isinstance(value, list) else [value]


def findings_of(assessment: Assessment, code: str) -> list[dict[str, Any]]:
    """The findings with a code."""
    return [finding for finding in assessment["findings"] if finding["code"] == code]


def agrees(expected: Any, found: Any) -> bool:
    """Whether the found value holds the expected one; of a mapping only the named members are compared."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(agrees(value, found.get(name)) for name, value in expected.items())
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(agrees(one, other) for one, other in zip(expected, found, strict=True))
        )
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return math.isclose(expected, found, abs_tol=0.005)
    return bool(expected == found)


def check_expect(expected: dict[str, Any], assessment: Assessment) -> Iterator[str]:
    """Each code is reported with a permitted outcome."""
    for code, permitted in expected.items():
        found = [finding["outcome"] for finding in findings_of(assessment, code)]
        right = [outcome in listed(permitted) for outcome in found]
        if not (any(right) if code in SEVERAL else found and all(right)):
            yield f"{code}: expected {permitted}, found {found or 'no finding'}"


def check_member(member: str) -> Callable[[dict[str, Any], Assessment], Iterator[str]]:
    """A check of one member of the findings of each code."""

    def check(expected: dict[str, Any], assessment: Assessment) -> Iterator[str]:
        for code, wanted in expected.items():
            found = [finding.get(member) for finding in findings_of(assessment, code)]
            right = [value in listed(wanted) for value in found]
            if not (any(right) if code in SEVERAL else found and all(right)):
                yield f"{member} of {code}: expected {wanted}, found {found or 'no finding'}"

    return check


def check_absent(expected: list[str], assessment: Assessment) -> Iterator[str]:
    """None of the codes is reported."""
    for code in expected:
        for finding in findings_of(assessment, code):
            yield f"{code}: expected no finding, found {finding['outcome']}"


def check_forbid(expected: dict[str, list[str]], assessment: Assessment) -> Iterator[str]:
    """No code is reported with a forbidden outcome."""
    for code, outcomes in expected.items():
        for finding in findings_of(assessment, code):
            if finding["outcome"] in listed(outcomes):
                yield f"{code}: {finding['outcome']} is forbidden"


def check_criteria(expected: dict[str, dict[str, Any]], assessment: Assessment) -> Iterator[str]:
    """Each named criterion has its status; null = not listed."""
    for code, statuses in expected.items():
        findings = findings_of(assessment, code)
        found = {one["code"]: one["status"] for finding in findings for one in finding["criteria"]}
        if not findings:
            yield f"criteria of {code}: expected {statuses}, found no finding"
            continue
        for name, status in statuses.items():
            if found.get(name) not in listed(status):
                yield f"criterion {name} of {code}: expected {status}, found {found.get(name, 'not listed')}"


def check_notes(expected: dict[str, list[str]], assessment: Assessment) -> Iterator[str]:
    """Each note code begins a note of the finding or of one of its criteria."""
    for code, wanted in expected.items():
        notes: list[str] = []
        for finding in findings_of(assessment, code):
            notes += finding.get("notes") or []
            for criterion in finding["criteria"]:
                notes += criterion.get("notes") or []
        for note in listed(wanted):
            if not any(text.startswith(note) for text in notes):
                yield f"notes of {code}: expected {note}, found {notes}"


def check_unnoted(expected: dict[str, list[str]], assessment: Assessment) -> Iterator[str]:
    """No note of the finding or of its criteria begins with one of the note codes."""
    for code, unwanted in expected.items():
        for finding in findings_of(assessment, code):
            parts = [finding, *finding["criteria"]]
            notes = [note for part in parts for note in part.get("notes") or []]
            yield from (
                f"notes of {code}: {note} is not expected" for note in notes if note.startswith(tuple(unwanted))
            )


def check_causes(expected: dict[str, dict[str, Any]], assessment: Assessment) -> Iterator[str]:
    """Each cause has its outcome; null = this cause is not reported."""
    for code, causes in expected.items():
        found = {finding.get("cause"): finding["outcome"] for finding in findings_of(assessment, code)}
        for cause, outcome in causes.items():
            if found.get(cause) not in listed(outcome):
                yield f"{code} of {cause}: expected {outcome}, found {found.get(cause, 'no finding')} among {found}"


def check_due(expected: dict[str, dict[str, str]], assessment: Assessment) -> Iterator[str]:
    """The dates of each finding."""
    for code, dates in expected.items():
        for found in [finding.get("due") or {} for finding in findings_of(assessment, code)] or [{}]:
            for name, date in dates.items():
                if found.get(name) != date:
                    yield f"due.{name} of {code}: expected {date}, found {found.get(name)}"


def check_phase(expected: str, assessment: Assessment) -> Iterator[str]:
    """The phase."""
    if assessment["phase"] not in listed(expected):
        yield f"phase: expected {expected}, found {assessment['phase']}"


def stage_differences(where: str, expected: dict[str, Any], stages: dict[str, Any]) -> Iterator[str]:
    """The value of each system, or its named members."""
    for system, wanted in expected.items():
        stage = dict(stages.get(system) or {})
        if isinstance(wanted, dict) and "possible" in wanted:
            wanted = {**wanted, "possible": sorted(wanted["possible"])}
            stage["possible"] = sorted(stage.get("possible") or [])
        found = stage if isinstance(wanted, dict) else stage.get("value", "no value")
        if not agrees(wanted, found):
            yield f"{where}.{system}: expected {wanted}, found {stage}"


def check_staging(expected: dict[str, Any], assessment: Assessment) -> Iterator[str]:
    """The present stages."""
    yield from stage_differences("staging", expected, assessment["staging"])


def check_baseline(expected: dict[str, Any], assessment: Assessment) -> Iterator[str]:
    """The stages at conversion start."""
    yield from stage_differences("staging.baseline", expected, assessment["staging"].get("baseline") or {})


def check_possible(expected: dict[str, list[str]], assessment: Assessment) -> Iterator[str]:
    """The set of stages that are still possible."""
    for system, wanted in expected.items():
        found = (assessment["staging"].get(system) or {}).get("possible") or []
        if set(found) != set(wanted):
            yield f"possible {system}: expected {wanted}, found {found}"


def check_course(expected: dict[str, Any] | None, assessment: Assessment) -> Iterator[str]:
    """The named members of the course; null = no course."""
    found = assessment.get("course")
    if expected is None:
        if found is not None:
            yield f"course: expected none, found {found}"
        return
    for name, wanted in expected.items():
        if not agrees(wanted, (found or {}).get(name)):
            yield f"course.{name}: expected {wanted}, found {(found or {}).get(name)}"


def check_rejected(expected: dict[str, Any], assessment: Assessment) -> Iterator[str]:
    """The reason of each rejected resource begins as one of the named; null = it is not rejected."""
    reasons = {item["reference"].rpartition("/")[2]: item["reason"] for item in assessment["rejected"]}
    for name, wanted in expected.items():
        found = reasons.get(name)
        if wanted is None and found is not None:
            yield f"rejected {name}: expected not at all, found {found}"
        elif wanted is not None and not str(found).startswith(tuple(listed(wanted))):
            yield f"rejected {name}: expected {wanted}, found {found or 'not rejected'} among {reasons}"


def check_unmapped(expected: dict[str, str | None], assessment: Assessment) -> Iterator[str]:
    """The reason of each unmapped code; null = it is not listed."""
    reasons = {item.get("code"): item["reason"] for item in assessment["unmapped"]}
    for code, wanted in expected.items():
        if reasons.get(code) != wanted:
            yield f"unmapped {code}: expected {wanted}, found {reasons.get(code, 'not listed')} among {reasons}"


def check_input(expected: dict[str, int], assessment: Assessment) -> Iterator[str]:
    """The named counts."""
    for name, wanted in expected.items():
        found = assessment["input"].get(name)
        if found != wanted:
            yield f"input.{name}: expected {wanted}, found {found} in {assessment['input']}"


CHECKS: dict[str, Callable[[Any, Assessment], Iterator[str]]] = {
    "expect": check_expect,
    "severity": check_member("severity"),
    "kind": check_member("kind"),
    "preliminary": check_member("preliminary"),
    "absent": check_absent,
    "forbid": check_forbid,
    "criteria": check_criteria,
    "notes": check_notes,
    "unnoted": check_unnoted,
    "causes": check_causes,
    "due": check_due,
    "phase": check_phase,
    "staging": check_staging,
    "baseline": check_baseline,
    "possible": check_possible,
    "course": check_course,
    "rejected": check_rejected,
    "unmapped": check_unmapped,
    "input": check_input,
}


def differences(case: Case, assessment: Assessment) -> list[str]:
    """Every difference between a case and an assessment."""
    return [
        difference
        for name, expected in case.items()
        if name in CHECKS
        for difference in CHECKS[name](expected, assessment)
    ]
