"""The one road: entries to records, records to assessments, shared by every door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from adapter.guideline.evaluation import Failed, evaluate
from adapter.guideline.model import Assessment
from adapter.guideline.policy import NormalLimits, Policy
from adapter.guideline.thresholds import Thresholds, load_thresholds
from adapter.normalize.records import Record, Records, read_records
from adapter.output.assessment import as_json
from adapter.output.evaluated import EvaluatedPatient
from adapter.output.wordbook import Texts
from adapter.terminology import Terminology, load_terminology
from adapter.timeline.timeline import Timeline
from adapter.values import AsOf, parse_as_of

if TYPE_CHECKING:
    from adapter.resources.entries import Entries

HCC = "hcc"
# How national editions of ICD-10 lengthen a code (C22.000, C22.0x01, C22.000x001).
EXTENSIONS = tuple(f"{lead}{number}" for lead in ("0", "x0", "00x00") for number in range(len("0123456789")))
CANONICAL_BASE = "https://hcc-conversion.org/fhir"


class Evaluator(msgspec.Struct, frozen=True):
    """Tables and policy of one configuration; evaluates any number of records."""

    policy: Policy
    terminology: Terminology
    zone: str

    def records(
        self,
        entries: Entries | Sequence[Entries],
        *,
        complete: bool = False,
        incomplete: Iterable[tuple[str, str]] = (),
        draft_orders: Entries | None = None,
        source_base: str | None = None,
    ) -> Records:
        """The patients of some entries (a Bundle, a search, a prefetch), each with its timeline."""
        return read_records(
            entries,
            terminology=self.terminology,
            zone=self.zone,
            options=self.policy.options,
            complete=complete,
            incomplete=incomplete,
            draft_orders=draft_orders,
            source_base=source_base,
        )

    def assess(self, record: Record, as_of: AsOf, failed: Failed | None = None) -> Assessment:
        """The assessment of one patient; `failed` is told of a part that raises, which is then left out."""
        return self.judge(record.timeline, as_of, failed)

    def judge(self, timeline: Timeline, as_of: AsOf, failed: Failed | None = None) -> Assessment:
        """The assessment of a timeline."""
        return evaluate(timeline, as_of, self.policy, failed)

    def evaluated(
        self, record: Record, as_of: AsOf, versions: Mapping[str, str | None] | None = None
    ) -> EvaluatedPatient:
        """The assessment with what write-back needs; `versions` by reference as a server told them."""
        found = record.timeline.at(as_of).diagnosed(HCC)
        hcc = [p.source for p in found if p.confirmed and not p.refuted and (p.onset or p.recorded)]
        known = record.versions if versions is None else versions
        return EvaluatedPatient(self.assess(record, as_of), known, hcc[0] if hcc else None)

    def hcc_codings(self) -> tuple[tuple[str, str], ...]:
        """(system, code) of every code that says HCC, with the usual extensions of ICD-10 codes.

        A coding without code stands for a site's whole national system: no search finds all extensions otherwise.
        """
        terminology = self.terminology
        systems, concepts = terminology.systems, terminology.members(HCC)
        rows = [row for row in terminology.codes.rows if row.concept in concepts and row.code]
        wide = [row for row in rows if systems.canonical(row.system) in systems.extensible]
        extended = [(row.system, f"{row.code}{tail}") for row in wide for tail in EXTENSIONS]
        whole = [(name, "") for name in systems.national] if wide else []
        return (*((row.system, row.code) for row in rows), *extended, *whole)

    def texts(self, lang: str) -> Texts:
        """The wording of a language."""
        return _texts(lang, self.terminology, self.policy.thresholds)

    def shown(
        self, record: Record, as_of: AsOf, lang: str = "en", incomplete: Iterable[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """The assessment of one patient as the JSON of contract.md 2, with what was not used.

        `incomplete`: (resource type, reason) that the source did not give in full.
        """
        accounts = record.accounts(as_of)
        return as_json(
            self.assess(record, as_of),
            self.texts(lang),
            rejected=msgspec.to_builtins(accounts.rejected),
            unmapped=msgspec.to_builtins(accounts.unmapped),
            counts={
                "resources": accounts.resources,
                "used": accounts.used,
                "rejected": accounts.rejected_count,
                "unmapped": accounts.unmapped_count,
                "notCounted": accounts.not_counted,
                "otherType": accounts.other_type,
            },
            incomplete=[{"type": kind, "reason": reason} for kind, reason in incomplete],
        )

    def as_of(self, text: str) -> AsOf:
        """An ISO date or instant in the configured time zone; raises ValueError."""
        return parse_as_of(text, self.zone)


@lru_cache(maxsize=16)
def evaluator(
    *,
    edition: str = "2024",
    options: frozenset[str] = frozenset(),
    time_zone: str = "UTC",
    thresholds: Path | None = None,
    mappings: Path | None = None,
    canonical_base: str = CANONICAL_BASE,
) -> Evaluator:
    """The evaluator of a configuration; raises TableError when a table does not hold."""
    terminology = _terminology(mappings, canonical_base)
    policy = Policy(
        edition=edition,
        thresholds=load_thresholds(edition, thresholds),
        options=options,
        normal_limits=_normal_limits(terminology),
    )
    return Evaluator(policy, terminology, time_zone)


@lru_cache(maxsize=4)
def _terminology(mappings: Path | None, canonical_base: str) -> Terminology:
    return load_terminology(mappings, canonical_base)


@lru_cache(maxsize=8)
def _texts(lang: str, terminology: Terminology, thresholds: Thresholds) -> Texts:
    names = {concept: terminology.concept_name(concept, lang) for concept in terminology.concepts}
    return Texts(lang, names, thresholds)


def _normal_limits(terminology: Terminology) -> Mapping[tuple[str, str], NormalLimits]:
    return {
        key: NormalLimits(limit.low, limit.high, limit.assumed) for key, limit in terminology.normal_limits().items()
    }


def evaluate_bundle(
    data: bytes,
    *,
    as_of: str,
    edition: str = "2024",
    complete: bool = False,
    options: frozenset[str] = frozenset(),
    time_zone: str = "UTC",
    lang: str = "en",
) -> list[dict[str, Any]]:
    """Assessments of every patient of one FHIR document (Bundle, resource or NDJSON), as contract.md's JSON.

    Raises InputError when the document as a whole cannot be read, ValueError for a wrong as-of.
    """
    from adapter.fhir.documents import read_document

    configured = evaluator(edition=edition, options=options, time_zone=time_zone)
    document = read_document(data, "the input")
    records = configured.records(document.entries, complete=complete, incomplete=document.incomplete)
    moment = configured.as_of(as_of)
    return [configured.shown(record, moment, lang, document.incomplete) for record in records.patients]
