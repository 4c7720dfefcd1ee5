"""CDS Hooks cards of one assessment: a few, gravest first, related findings together, `info` in one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from adapter.guideline.model import Assessment, ChildPugh, Finding, Stage
from adapter.output.card_rules import card_rules, family, told_at_order
from adapter.output.card_words import CardWords
from adapter.output.fingerprints import Fingerprints
from adapter.output.identity import code_system, pathway_canonical
from adapter.output.lines import stage_short
from adapter.output.markdown import escaped, one_line, shortened
from adapter.output.orders import Order, concerning, in_scope
from adapter.output.suggestions import A_DAY, Suggester
from adapter.output.wordbook import Texts

LONGEST_SUMMARY = 139
INDICATORS = ("critical", "warning", "info")
UNDECIDED = ("unknown", "indeterminate")
MISSING, SUMMARY, ORDERS, REST, UNCLEAR = "missing-data", "summary", "orders", "more", "not-confirmed"
FINDINGS = "org.hcc-conversion.findings"
FAILED = "org.hcc-conversion.failed-checks"
NOT_OBTAINED = "org.hcc-conversion.not-obtained"

Card = dict[str, Any]


class Circumstances(msgspec.Struct, frozen=True):
    """What a card must say besides the findings.

    `newest`: ISO day of the newest fact; `frozen`: the service's clock stands still; `gaps`: (resource type,
    reason) that a source did not give in full; `grave_gap`: what is missing makes the rest doubtful; `rejected`,
    `unmapped`: resources on record that were not used; `failed`: checks that raised an error. `orders`: the draft
    orders that the call is about, None when it is about the patient; `drafted`: concepts of all draft orders.
    `coding`: (system, code, display) of a concept; `reasons`: the override reasons. `unconfirmed`: Conditions of this
    cancer that are not confirmed; `nameless`: Conditions that do not say what they are.
    """

    canonical_base: str
    fingerprints: Fingerprints
    coding: Callable[[str], tuple[str, str, str]]
    reasons: tuple[dict[str, str], ...] = ()
    newest: str | None = None
    frozen: bool = False
    gaps: tuple[tuple[str, str], ...] = ()
    grave_gap: bool = False
    rejected: int = 0
    unmapped: int = 0
    failed: tuple[str, ...] = ()
    orders: tuple[Order, ...] | None = None
    drafted: frozenset[str] = frozenset()
    unconfirmed: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()


class CardMaker:
    """Builds the cards of one assessment; the same facts give the same uuids."""

    def __init__(self, assessment: Assessment, texts: Texts, circumstances: Circumstances) -> None:
        self.assessment = assessment
        self.texts = texts
        self.circumstances = circumstances
        self.words = CardWords(texts)
        self.orders = tuple(o for o in circumstances.orders or () if in_scope(o))
        self.suggester = Suggester(
            assessment.patient, assessment.as_of[:A_DAY], self.words, circumstances.coding, circumstances.drafted
        )

    def cards(self) -> list[Card]:
        """All cards, gravest first; none for the deceased, and without HCC only one where Conditions are missing."""
        told = self.circumstances
        if self.assessment.phase == "deceased":
            return []
        if told.orders is not None and not self.orders:
            return []
        if self.assessment.phase == "no-hcc":
            unread = any(kind == "Condition" for kind, _ in told.gaps)
            if unread:
                return [self._missing([])]
            return [self._unclear()] if told.unconfirmed or told.nameless else []
        found = [f for f in self.assessment.findings if told.orders is None or concerning(f, self.orders)]
        grave = sorted((f for f in found if f.severity in INDICATORS[:2]), key=self._gravity)
        undecided = [f for f in found if f.outcome in UNDECIDED and f.severity == INDICATORS[2]]
        cards = [self._grave(rule, group) for rule, group in _grouped(grave)]
        if self._told_apart:
            cards.append(self._missing(undecided))
            undecided = []
        info = self._summary(undecided) if told.orders is None else self._about_orders(found, undecided)
        cards += [info] if info is not None else []
        return sorted(cards, key=lambda card: INDICATORS.index(card["indicator"]))

    def _gravity(self, finding: Finding) -> tuple[int, bool]:
        """The gravest first, and among these what was decided by an order itself."""
        named = any(order.reference in finding.evidence for order in self.orders)
        return INDICATORS.index(finding.severity), not named

    def _grave(self, rule: str, findings: Sequence[Finding]) -> Card:
        """A card of findings that belong together, the gravest first."""
        lines: list[str] = []
        for finding in findings:
            lines += [f"**{escaped(self.words.summary(finding))}**"] if len(findings) > 1 else []
            lines += self.words.finding(finding)
        about = [o for o in self.orders if any(concerning(f, [o]) for f in findings)]
        lines += self.words.listed(None, [self.words.order(o) for o in about])
        more = self.words.say("more", count=len(findings) - 1) if len(findings) > 1 else ""
        summary = self.words.summary(findings[0])
        short = shortened(summary, LONGEST_SUMMARY - len(more)) + more
        lines = lines if short == one_line(summary) + more else [escaped(summary), *lines]
        evidence = [line for f in findings for line in self._evidence(f)]
        evidence += self.circumstances.fingerprints.of(o.reference for o in about)
        return self._card((rule, findings[0].code), short, lines, findings[0].severity, evidence, findings, about)

    def _evidence(self, finding: Finding) -> list[str]:
        verdicts = ",".join(f"{c.code}={c.status.value}" for c in finding.criteria)
        said = f"{finding.code}#{finding.cause or ''} {finding.outcome} {finding.severity} {verdicts}"
        return [said, *self.circumstances.fingerprints.of(finding.evidence)]

    def _summary(self, undecided: Sequence[Finding]) -> Card:
        """Phase, stages, course and next steps, and what is missing."""
        now, words = self.assessment.staging, self.words
        stages: dict[str, Stage | ChildPugh] = {"cnlc": now.cnlc, "bclc": now.bclc, "childPugh": now.child_pugh}
        short = {name: stage_short(stage, self.texts) for name, stage in stages.items()}
        summary = words.say("summary", phase=self.texts.phase(self.assessment.phase), **short)
        names = {"cnlc": "CNLC", "bclc": "BCLC", "childPugh": "Child-Pugh"}
        lines = words.listed(None, [words.stage(names[name], stage) for name, stage in stages.items()])
        lines += self._course()
        steps = [f for f in self.assessment.findings if f.kind == "recommendation" or (f.due and f.severity == "info")]
        lines += words.listed("next-steps", [words.step(finding) for finding in steps])
        evidence = [self.assessment.phase, self._left_out]
        for stage in stages.values():
            evidence += [*stage.possible, *self.circumstances.fingerprints.of(stage.evidence)]
        evidence += [line for step in steps for line in self._evidence(step)]
        evidence += _course_evidence(self.assessment)
        gaps = () if self._told_apart else self.circumstances.gaps
        if undecided or gaps:
            summary = words.say("with-missing", summary=summary, count=len(undecided) + len(gaps))
            lines += self._missing_lines(undecided)
            evidence += self._missing_evidence(undecided)
        else:
            lines += self._not_used()
        offered = list({id(f): f for f in (*undecided, *steps)}.values())
        return self._card((SUMMARY, SUMMARY), summary, lines, "info", evidence, (), (), offered, steps, gaps=gaps)

    @property
    def _told_apart(self) -> bool:
        """Whether what is missing has a card of its own, because it is grave."""
        return bool(self.circumstances.failed or self.circumstances.grave_gap)

    def _about_orders(self, found: Sequence[Finding], undecided: Sequence[Finding]) -> Card | None:
        """What is worth a note at these orders, and what could not be checked about them."""
        told, words = self.circumstances, self.words
        noted = [f for f in found if f.severity == "info" and told_at_order(f)]
        unread = [order for order in self.orders if order.unread is not None]
        judged = [order for order in self.orders if order.unread is None]
        gaps = told.gaps if judged and not self._told_apart else ()
        count = len(undecided) + len(unread) + len(gaps)
        if not (noted or count):
            return None
        lines = words.listed("told", [self.words.summary(f) for f in noted])
        lines += words.listed("orders-unread", [words.unread(order) for order in unread])
        evidence = [line for f in noted for line in self._evidence(f)]
        evidence += [f"{order.reference} {order.unread}" for order in unread]
        if undecided or gaps:
            lines += self._missing_lines(undecided)
            evidence += self._missing_evidence(undecided)
        lines += words.listed(None, [words.order(order) for order in judged])
        summary = words.say("order-missing", count=count) if count else words.say("order-notes")
        offered = [*undecided, *noted]
        return self._card((ORDERS, ORDERS), summary, lines, "info", evidence, noted, (), offered, gaps=gaps)

    def _missing(self, undecided: Sequence[Finding]) -> Card:
        """A card of its own for what is missing; a warning where it makes the rest doubtful."""
        told = self.circumstances
        lines = self.words.listed("failed", [self.words.check(name) for name in told.failed])
        lines += self._missing_lines(undecided)
        key = "missing-failed" if told.failed else "missing"
        summary = self.words.say(key, count=len(told.gaps) + len(undecided), failed=len(told.failed))
        evidence = [*told.failed, *self._missing_evidence(undecided)]
        indicator = "warning" if self._told_apart else "info"
        named = (MISSING, MISSING)
        return self._card(
            named, summary, lines, indicator, evidence, (), (), undecided, failed=told.failed, gaps=told.gaps
        )

    def _unclear(self) -> Card:
        """Without a confirmed HCC nothing is assessed; what may be one is named."""
        told, words = self.circumstances, self.words
        lines = words.listed("unconfirmed", told.unconfirmed) + words.listed("nameless", told.nameless)
        evidence = [*told.unconfirmed, *told.nameless, *told.fingerprints.of(told.unconfirmed)]
        return self._card((UNCLEAR, UNCLEAR), words.say("unclear"), lines, "info", evidence)

    def _missing_lines(self, undecided: Sequence[Finding]) -> list[str]:
        told = self.circumstances
        lines = self.words.listed("missing-sources", [self.words.gap(kind, reason) for kind, reason in told.gaps])
        lines += self.words.listed("missing-findings", [self.words.summary(finding) for finding in undecided])
        return lines + self._not_used()

    def _not_used(self) -> list[str]:
        """How many resources could not be used."""
        told = self.circumstances
        if not (told.rejected or told.unmapped):
            return []
        return [escaped(self.words.say("not-used", rejected=told.rejected, unmapped=told.unmapped))]

    def _missing_evidence(self, undecided: Sequence[Finding]) -> list[str]:
        gaps = [kind for kind, _ in self.circumstances.gaps]
        return [*gaps, *(f"{f.code} {f.cause or ''}" for f in undecided), self._left_out]

    @property
    def _left_out(self) -> str:
        """What `_not_used` says, in no language."""
        return f"not used: {self.circumstances.rejected}, {self.circumstances.unmapped}"

    def _card(
        self,
        named: tuple[str, str],
        summary: str,
        lines: list[str],
        indicator: str,
        evidence: Iterable[str],
        findings: Sequence[Finding] = (),
        orders: Sequence[Order] = (),
        offered: Sequence[Finding] | None = None,
        steps: Sequence[Finding] = (),
        failed: Sequence[str] = (),
        gaps: Sequence[tuple[str, str]] = (),
    ) -> Card:
        """A card; `named` is the rule of its uuid and its topic, `offered` the findings that suggestions are for.

        `steps` are proposed as a plan; `failed` are checks that raised an error, `gaps` what was not given in full.
        """
        rule, topic = named
        short = shortened(summary, LONGEST_SUMMARY)
        opening = [] if short == one_line(summary) else [escaped(summary)]
        uuid = self._uuid(rule, evidence)
        told = [{"code": f.code, "outcome": f.outcome, "severity": f.severity} for f in findings]
        missing = list(dict.fromkeys(kind for kind, _ in gaps))
        members = ((FINDINGS, told), (FAILED, list(failed)), (NOT_OBTAINED, missing))
        extension = {name: listed for name, listed in members if listed}
        reasons = [dict(reason) for reason in self.circumstances.reasons]
        return {
            "uuid": uuid,
            "summary": short,
            "detail": "\n\n".join(line for line in [*opening, *lines, *self._freshness()] if line),
            "indicator": indicator,
            "source": self._source(topic),
            **self.suggester.members(uuid, findings if offered is None else offered, orders, steps),
            **({"overrideReasons": reasons} if reasons else {}),
            **({"extension": extension} if extension else {}),
        }

    def _source(self, topic: str) -> dict[str, Any]:
        root = self.circumstances.canonical_base
        return {
            "label": self.words.say("source", edition=self.assessment.edition),
            "url": pathway_canonical(root, self.assessment.edition).partition("|")[0],
            "topic": {"system": code_system(root, "finding"), "code": topic, "display": topic},
        }

    def _uuid(self, rule: str, evidence: Iterable[str]) -> str:
        digest = hashlib.sha256("\n".join(evidence).encode()).hexdigest()
        name = f"{self.circumstances.canonical_base}/card/{self.assessment.patient}/{rule}/{digest}"
        return str(uuid5(NAMESPACE_URL, name))

    def _freshness(self) -> list[str]:
        told, words = self.circumstances, self.words
        as_of = words.say("as-of", as_of=self.assessment.as_of, edition=self.assessment.edition)
        newest = words.say("newest", newest=told.newest) if told.newest else words.say("no-facts")
        parts = [as_of, *([words.say("frozen")] if told.frozen else []), newest, words.say("team")]
        return words.listed(None, parts)

    def _course(self) -> list[str]:
        course = self.assessment.course
        if course is None:
            return []
        best = course.best_response or self.words.say("none")
        return [escaped(self.words.say("course", start=course.start, cycles=course.cycles, best=best))]


def _course_evidence(assessment: Assessment) -> list[str]:
    """What the line on the course rests on, in no language."""
    course = assessment.course
    return [] if course is None else [course.start, str(course.cycles), course.best_response or ""]


def _grouped(grave: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """The findings of one family together, the gravest family first; the families beyond the most as one."""
    families: dict[str, list[Finding]] = {}
    for finding in grave:
        families.setdefault(family(finding), []).append(finding)
    groups = list(families.items())
    most = card_rules().most
    if len(groups) <= most:
        return groups
    return [*groups[: most - 1], (REST, [f for _, found in groups[most - 1 :] for f in found])]
