"""How the readiness report is worded, on a screen as on a page."""

from __future__ import annotations

from collections.abc import Mapping

from adapter.output.readiness_needs import COURSE
from adapter.output.readiness_report import ConceptLine, FindingLine, Fresh, InputLine, Report
from adapter.output.readiness_sight import NEVER, READY
from adapter.output.wordbook import Texts

PERCENT = 100


class ReadinessWords:
    """The report's words of one language, and its numbers in words."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts

    def say(self, key: str) -> str:
        """A fixed phrase."""
        return self.texts.word(f"readiness-{key}")

    def topic(self, topic: str) -> str:
        """The title of a topic."""
        return self.say(f"topic-{topic}")

    def finding(self, code: str) -> str:
        """What a finding is called."""
        return self.say(code) if code == COURSE else self.texts.activity(code)

    def input(self, name: str) -> str:
        """What an input is called."""
        key = f"readiness-group-{name}"
        found = self.texts.word(key)
        return self.texts.word(name).replace("_", " ") if found == key else found

    def inputs(self, line: InputLine) -> str:
        """The alternatives of an input of a finding."""
        return f" {self.say('alternatives')} ".join(self.input(name) for name in line.names)

    def state(self, state: str) -> str:
        """A state of an input."""
        return self.say(f"state-{state}")

    def share(self, part: float | None) -> str:
        """A share in percent; of nobody it says so."""
        return self.say("no-patients") if part is None else f"{part * PERCENT:.0f} %"

    def complete(self, line: FindingLine) -> str:
        """Patients in whom nothing lacks, of those of whom the finding is judged."""
        counts = f" ({line.complete}/{line.patients})" if line.patients else ""
        return f"{self.share(line.share)}{counts}"

    def weakest(self, line: FindingLine) -> tuple[str, str]:
        """The weakest input, and its reason with the patients."""
        if line.weakest is None:
            return self.say("none"), ""
        worst = line.weakest
        return self.input(worst.input), f"{self.state(worst.reason)} ({worst.lacking})"

    def unit(self, line: ConceptLine) -> str:
        """The share of facts with a usable unit; empty where there is no unit."""
        return "" if line.unit_share is None else self.share(line.unit_share)

    def fresh(self, line: ConceptLine) -> str:
        """The share of patients with a fresh value, for each limit."""
        if not line.patients:
            return self.say("no-patients")
        within = self.say("within")
        return ", ".join(f"{self.share(one.share)} {within.format(one.days)}" for one in _distinct(line))

    def age(self, line: ConceptLine) -> str:
        """The median age in days."""
        return "" if line.median_age_days is None else f"{line.median_age_days:g}"

    def states(self, states: Mapping[str, int], *, never: bool = True) -> str:
        """Patients who are not ready, by reason."""
        kept = {s: n for s, n in states.items() if n and s != READY and (never or s != NEVER)}
        return ", ".join(f"{self.state(state)}: {number}" for state, number in kept.items())

    def rejected(self, rejected: Mapping[str, int]) -> str:
        """Resources that cannot be used, by reason."""
        return ", ".join(f"{self.texts.note(reason)}: {number}" for reason, number in rejected.items())

    def facts(self, report: Report) -> list[tuple[str, str]]:
        """What is told of the whole, each with its name."""
        counts = {
            "seen": report.seen,
            "counted": report.counted,
            "deceased": report.deceased,
            "without-hcc": report.without_hcc,
            "failed": report.failed,
            "nameless-codes": report.nameless_codes,
            "nameless-resources": report.nameless_resources,
        }
        told = [(self.say("as-of"), report.as_of), (self.say("edition"), report.edition)]
        told += [(self.say(key), str(number)) for key, number in counts.items()]
        if report.incomplete:
            types = ", ".join(f"{kind}: {number}" for kind, number in report.incomplete.items())
            told.append((self.say("incomplete"), types))
        return told

    def warning(self, report: Report) -> str | None:
        """Why the report as a whole says little, None where it does not."""
        if not report.counted:
            return self.say("nobody")
        return self.say("nobody-has-hcc") if report.without_hcc == report.counted else None


def _distinct(line: ConceptLine) -> list[Fresh]:
    return list({one.days: one for one in line.freshness}.values())
