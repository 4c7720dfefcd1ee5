"""The command that evaluates patients from files."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from adapter import __version__
from adapter.cli.outcome import DONE, SOME_FAILED, checked_as_of, say, unexpected, write
from adapter.fhir.inputs import Share, read_input
from adapter.normalize.records import Record, Records
from adapter.pipeline import Evaluator, evaluator
from adapter.settings import Settings, load
from adapter.settings.allocator import keep_freed_memory
from adapter.values import AsOf, parse_as_of

if TYPE_CHECKING:
    from adapter.cli.replay import Witness

MALFORMED = "malformed"
# New containers between two looks for cyclic garbage; a few patients' worth.
GARBAGE = 200_000


def evaluate_input(
    source: str,
    *,
    complete: bool,
    as_of: str | None,
    edition: str | None,
    form: str,
    lang: str | None,
    evidence: Path | None = None,
) -> int:
    """Prints one assessment a patient; 1 when something was malformed or a patient failed."""
    settings = load({"edition": edition, "lang": lang})
    text = checked_as_of(as_of, settings.time_zone)
    run = Evaluation(configured(settings), settings, parse_as_of(text, settings.time_zone), form)
    _spare_collector()
    with _witnessed(run, text, complete, evidence):
        done = _in_parallel(run, source, complete) if evidence is None and Path(source).is_dir() else frozenset()
        for share in read_input(source, sys.stdin.buffer if sys.stdin is not None else None, done):
            run.share(share, complete)
    if not run.patients:
        say(f"{source}: no patient; nothing to evaluate")
    return run.code


def _spare_collector() -> None:
    """The tables live to the end and a patient's facts hold no cycles: looking for garbage often only costs time."""
    keep_freed_memory()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _in_parallel(run: Evaluation, source: str, complete: bool) -> frozenset[Path]:
    """The Bundle files of a large folder, evaluated by several processes; what they did counts for the run."""
    from adapter.cli.parallel import evaluate_bundles

    done, run.patients, run.code = evaluate_bundles(source, lambda share: run.apart(share, complete))
    return done


@contextmanager
def _witnessed(run: Evaluation, as_of: str, complete: bool, evidence: Path | None) -> Iterator[None]:
    """The replay file, when one is asked for, written while the block runs."""
    if evidence is None:
        yield
        return
    from adapter.cli.replay import Witness, open_evidence, run_of

    with open_evidence(evidence) as into:
        run.witness = Witness(run_of(run.settings, as_of, complete), run.evaluator, run.as_of, into)
        yield
        run.witness.end()


def configured(settings: Settings) -> Evaluator:
    """The evaluator that the settings describe."""
    return evaluator(
        edition=settings.edition,
        options=settings.options,
        time_zone=settings.time_zone,
        thresholds=settings.thresholds,
        mappings=settings.mappings,
        canonical_base=settings.canonical_base,
    )


class Evaluation:
    """One run over an input: prints as it goes, counts patients, remembers whether anything failed."""

    def __init__(self, evaluator: Evaluator, settings: Settings, as_of: AsOf, form: str) -> None:
        self.evaluator = evaluator
        self.settings = settings
        self.as_of = as_of
        self.form = form
        self.texts = evaluator.texts(settings.lang)
        self.run_at = datetime.now(UTC).isoformat(timespec="seconds")
        self.patients = 0
        self.code = DONE
        self.witness: Witness | None = None
        self.put: Callable[[bytes], object] = write
        self.tell: Callable[[str], object] = say

    def apart(self, share: Share, complete: bool) -> tuple[bytes, list[str], int, int]:
        """What a share prints, its lines for stderr, its patients and its exit code, for another process to show."""
        printed: list[bytes] = []
        lines: list[str] = []
        alone = Evaluation(self.evaluator, self.settings, self.as_of, self.form)
        alone.run_at, alone.put, alone.tell = self.run_at, printed.append, lines.append
        alone.share(share, complete)
        return b"".join(printed), lines, alone.patients, alone.code

    def share(self, share: Share, complete: bool) -> None:
        """Every patient of a share; what is nobody's, and what could not be read, goes to stderr."""
        if share.trouble is not None:
            self._failed(share.trouble)
            return
        if self.witness is not None:
            self.witness.share(share)
        try:
            records = self.evaluator.records(share.entries, complete=complete, incomplete=share.incomplete)
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            self._failed(f"{share.name}: failed: {unexpected(error)}; please report this line")
            return
        for record in wanted(records, share):
            self._record(record, share)
        if share.patient is None or not records.patients:
            self._orphans(records)

    def _record(self, record: Record, share: Share) -> None:
        self.patients += 1
        try:
            printed = b"".join(self._printed(record, share))
            if self.witness is not None:
                self.witness.record(record, share)
            malformed = [r for r in record.accounts(self.as_of).rejected if r.reason.startswith(MALFORMED)]
        except Exception as error:  # noqa: BLE001 - one patient's failure must not stop the others
            self._failed(f"{share.name}: {record.reference}: failed: {unexpected(error)}; please report this line")
            return
        self.put(printed)
        for rejected in malformed:
            self._failed(f"{share.name}: {record.reference}: {rejected.reference}: {rejected.reason} ({rejected.path})")

    def _printed(self, record: Record, share: Share) -> Iterator[bytes]:
        if self.form == "json":
            yield orjson.dumps(self.evaluator.shown(record, self.as_of, self.settings.lang, share.incomplete)) + b"\n"
        elif self.form == "fhir":
            yield orjson.dumps(self._bundle(record)) + b"\n"
        else:
            from adapter.cli.screen import Screen

            accounts = record.accounts(self.as_of)
            lines = Screen(self.evaluator.assess(record, self.as_of), self.texts).lines(
                rejected=len(accounts.rejected),
                unmapped=len(accounts.unmapped),
                incomplete=tuple(kind for kind, _ in share.incomplete),
                codes=[one.code for one in accounts.unmapped if one.code],
            )
            yield ("\n".join(lines) + "\n\n").encode()

    def _bundle(self, record: Record) -> dict[str, object]:
        from adapter.output.evaluated import WriteSite
        from adapter.output.write_set import patient_bundle

        site = WriteSite(
            canonical_base=self.settings.canonical_base,
            software=__version__,
            edition=self.settings.edition,
            plan_active="plan-active" in self.settings.options,
        )
        return patient_bundle(self.evaluator.evaluated(record, self.as_of), site, self.texts, self.run_at)

    def _orphans(self, records: Records) -> None:
        for orphan in records.orphans:
            if orphan.counts != "rejected":
                continue
            line = f"{orphan.reference}: {orphan.reason} ({orphan.path}); it can be given to no patient"
            if orphan.reason.startswith(MALFORMED):
                self._failed(line)
            else:
                self.tell(line)

    def _failed(self, line: str) -> None:
        self.tell(line)
        self.code = SOME_FAILED


def wanted(records: Records, share: Share) -> list[Record]:
    """The one patient that a share of a pool is for, else all."""
    mine = [record for record in records.patients if record.reference == share.patient]
    return mine or list(records.patients)
