"""What every assessment keeps, whatever the case: the catalogue and the shape that contract.md names."""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cases.expectations import Assessment

CATALOGUE = Path(__file__).with_name("catalogue.csv")
KINDS = ("assessment", "recommendation", "issue", "gap")
SEVERITIES = ("info", "warning", "critical")
COUNTS = ("used", "rejected", "unmapped", "notCounted", "otherType")
SEVERAL = {"toxicity.ctcae", "progression.pattern", "surgery.adverse-events"}
DECISIONS = {
    "regimen.first-line", "response.add-local-therapy", "progression.pattern", "surgery.readiness",
    "surgery.transplant", "surgery.watch-and-wait", "adjuvant.plan", "mdt.review",
}  # fmt: skip


@functools.cache
def catalogue() -> dict[tuple[str, str], tuple[str, str]]:
    """Kind and severity, as the text of the table, by code and outcome."""
    with CATALOGUE.open(encoding="utf-8", newline="") as table:
        return {(row["code"], row["outcome"]): (row["kind"], row["severity"]) for row in csv.DictReader(table)}


def catalogue_breaks(finding: dict[str, Any]) -> Iterator[str]:
    """Outcome, kind and severity are those of the catalogue; `unknown` belongs to every list as a gap of info."""
    code, outcome = finding["code"], finding["outcome"]
    known = catalogue().get((code, outcome))
    if known is None and outcome == "unknown" and any(code == other for other, _ in catalogue()):
        known = ("gap", "info")
    if known is None:
        yield f"{code} {outcome}: not in the catalogue"
        return
    for member, words, text in (("kind", KINDS, known[0]), ("severity", SEVERITIES, known[1])):
        permitted = [word for word in words if word in text.replace("below", "")]
        if finding[member] not in permitted:
            yield f"{code} {outcome}: {member} {finding[member]}, the catalogue says {text}"


def finding_breaks(finding: dict[str, Any], references: set[str]) -> Iterator[str]:
    """A finding says what, why and from which facts of the record."""
    name = f"{finding['code']} {finding['outcome']}"
    if not finding["statements"] or not finding["summary"]:
        yield f"{name}: names no statement or says nothing"
    if finding["code"] in SEVERAL and not finding.get("cause"):
        yield f"{name}: has no cause"
    if finding["code"] in DECISIONS and finding["kind"] == "recommendation":
        words = f"{finding['summary']} {finding.get('detail')}"
        if "MDT" not in words and "multidisciplinary" not in words:
            yield f"{name}: does not name the multidisciplinary team"
    for criterion in finding["criteria"]:
        if criterion["status"] not in ("met", "not-met", "unknown"):
            yield f"{name}: criterion {criterion['code']} is {criterion['status']}"
    used = [*finding["evidence"], *(one for item in finding["criteria"] for one in item.get("evidence", []))]
    for reference in sorted(set(used) - references):
        yield f"{name}: evidence {reference} is not in the record"


def stage_breaks(assessment: Assessment) -> Iterator[str]:
    """A stage has a value when one is possible; a patient without HCC or dead has none."""
    silent = assessment["phase"] in ("deceased", "no-hcc")
    if silent and assessment["findings"]:
        yield f"phase {assessment['phase']} has findings {[one['code'] for one in assessment['findings']]}"
    for system in ("cnlc", "bclc", "childPugh"):
        stage = assessment["staging"][system]
        if silent and (stage["value"] is not None or stage["possible"]):
            yield f"phase {assessment['phase']} has {system} {stage}"
        if len(stage["possible"]) == 1 and stage["value"] != stage["possible"][0]:
            yield f"{system}: one is possible and the value differs: {stage}"
        if stage["value"] is not None and stage["value"] not in stage["possible"]:
            yield f"{system}: the value is not among the possible: {stage}"


def breaks(assessment: Assessment, bundle: dict[str, Any], instant: str) -> list[str]:
    """Everything in an assessment that breaks the contract."""
    references = {
        f"{entry['resource'].get('resourceType')}/{entry['resource']['id']}"
        if "id" in entry["resource"]
        else f"Bundle.entry[{number}]"
        for number, entry in enumerate(bundle["entry"])
    }
    found = [text for finding in assessment["findings"] for text in catalogue_breaks(finding)]
    found += [text for finding in assessment["findings"] for text in finding_breaks(finding, references)]
    found += stage_breaks(assessment)
    counts = assessment["input"]
    if counts["resources"] != sum(counts[name] for name in COUNTS):
        found.append(f"input does not add up: {counts}")
    if bool(counts["rejected"]) != bool(assessment["rejected"]) and not assessment["rejected"]:
        found.append(f"{counts['rejected']} are rejected and none is listed")
    single = [(one["code"], one.get("cause")) for one in assessment["findings"]]
    found += [f"{pair} is reported twice" for pair in sorted(set(single), key=str) if single.count(pair) > 1]
    if assessment["schema"] != "hcc-conversion/assessment/1" or not _same_day(assessment["asOf"], instant):
        found.append(f"schema {assessment['schema']}, asOf {assessment['asOf']}")
    return found


def _same_day(shown: str, asked: str) -> bool:
    """A day is shown as its end, an instant as itself in the site's zone."""
    if len(asked) <= len("2024-05-01"):
        return shown.startswith(asked)
    return datetime.fromisoformat(shown) == datetime.fromisoformat(asked)
