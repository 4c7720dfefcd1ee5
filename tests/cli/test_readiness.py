"""`mappings readiness` tells an engineer which findings will work on a site's records, and why others will not."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import pytest

from adapter.cli.app import run
from adapter.guideline.inputs import inputs
from tests.cli.conftest import AS_OF, Command, lines

Json = dict[str, Any]
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
HCC, AFP, SORAFENIB = "109841003", "1834-1", "sorafenib"
ALONE = "markers.afp-before-surgery"  # reads AFP and nothing else, fresh
REPORTED = ("unknown", "indeterminate", "NE")


def patient(identity: str = "p1", **more: Any) -> Json:
    return {"resourceType": "Patient", "id": identity, "birthDate": "1960-03-04", "gender": "male", **more}


def hcc(identity: str = "p1") -> Json:
    return {
        "resourceType": "Condition",
        "id": f"hcc-{identity}",
        "subject": {"reference": f"Patient/{identity}"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": {"coding": [{"system": SNOMED, "code": HCC}]},
        "onsetDateTime": "2023-11-01",
    }


def afp(identity: str = "a1", day: str | None = "2024-04-28", unit: str = "ng/mL", **code: Any) -> Json:
    """An AFP of p1; `code` replaces its coding."""
    found = {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [code or {"system": LOINC, "code": AFP}]},
        "valueQuantity": {"value": 423.75, "unit": unit},
    }
    return {**found, "effectiveDateTime": day} if day else found


def local_afp(identity: str = "a2", day: str = "2024-04-29") -> Json:
    return afp(identity, day, system="http://hospital.example/lab", code="L77", display="Alpha-fetoprotein")


def bundle(*resources: Json) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


class Read(Protocol):
    """The report as JSON over one Bundle of some resources."""

    def __call__(self, *resources: Json) -> Json: ...


@pytest.fixture
def read(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Read:
    """The command in this process, which is quicker, with no settings but its own."""
    for name in [name for name in os.environ if name.startswith("HCC_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def report(*resources: Json) -> Json:
        (tmp_path / "bundle.json").write_bytes(bundle(*resources))
        assert run(["mappings", "readiness", "bundle.json", "--format", "json", "--as-of", AS_OF]) == 0
        found: Json = json.loads(capfdbinary.readouterr().out)
        return found

    return report


def finding(report: Json, code: str) -> Json:
    found: Json = next(line for line in report["findings"] if line["code"] == code)
    return found


def concept(report: Json, name: str) -> Json:
    found: Json = next(line for line in report["concepts"] if line["concept"] == name)
    return found


def state(report: Json, name: str) -> str:
    """The state of an input in the only patient."""
    (found,) = [state for state, count in concept(report, name)["states"].items() if count]
    return str(found)


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ([afp()], "ready"),
        ([], "never"),
        ([afp(day="2024-02-01")], "stale"),
        ([afp(unit="furlong")], "unit"),
        ([afp(day=None)], "no-time"),
        ([{**afp(), "modifierExtension": [{"url": "http://x.example/not", "valueBoolean": True}]}], "unusable"),
        ([local_afp()], "code-unknown"),
        ([{**local_afp(), "valueQuantity": {"value": 9, "unit": "µg/L", "code": "ug/L"}}], "code-unknown"),
        ([{**local_afp(), "valueQuantity": {"value": 9, "unit": "mmol/L"}}], "never"),
        ([afp(), afp("a9", "2024-04-30", "furlong")], "unit"),
        ([afp(), afp("a9", "2024-04-01", "furlong")], "ready"),
        ([afp(day="2024-02-01"), local_afp()], "code-unknown"),
        ([afp(day="2024-02-01"), local_afp(day="2024-01-01")], "stale"),
        ([afp(), local_afp()], "ready"),
        ([{**afp(), "status": "entered-in-error"}], "never"),
        ([afp(day="2024-06-01")], "never"),
    ],
)
def test_an_input_is_ready_or_says_why_it_is_not(read: Read, observations: list[Json], expected: str) -> None:
    report = read(patient(), hcc(), *observations)
    assert state(report, "afp") == expected
    line = finding(report, ALONE)
    assert (line["patients"], line["complete"], line["share"]) == ((1, 1, 1.0) if expected == "ready" else (1, 0, 0.0))
    if expected == "ready":
        assert line["weakest"] is None
    else:
        assert line["weakest"] == {"input": "afp", "lacking": 1, "share": 1.0, "reason": expected}


def test_a_concept_counts_facts_units_ages_and_rejections(read: Read) -> None:
    days = ("2024-04-01", "2024-03-20")
    facts = [afp(f"a{number}", day) for number, day in enumerate(days)]
    line = concept(read(patient(), hcc(), *facts, afp("b1", "2024-01-01", "furlong"), local_afp("b2")), "afp")
    assert (line["patients"], line["share"], line["facts"], line["unknownCodes"]) == (1, 1.0, 2, 1)
    assert line["unitShare"] == pytest.approx(2 / 3, abs=1e-4)
    assert line["rejected"] == {"unit": 1}
    assert line["medianAgeDays"] == 30
    fresh = {one["limit"]: (one["days"], one["patients"]) for one in line["freshness"]}
    assert fresh == {"ground_rules/tumour-markers": (28, 0), "surveillance/on-time": (61, 1)}


def test_the_age_of_two_patients_is_the_mean_of_both(read: Read) -> None:
    other = {**afp("a2", "2024-04-21"), "subject": {"reference": "Patient/p2"}}
    report = read(patient(), hcc(), afp("a1", "2024-04-28"), patient("p2"), hcc("p2"), other)
    assert concept(report, "afp")["medianAgeDays"] == 6.5


def test_an_occasional_input_lacks_only_where_something_was_recorded_and_lost(read: Read) -> None:
    tablet = {
        "resourceType": "MedicationStatement",
        "id": "m1",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "effectivePeriod": {"start": "2024-03-01"},
        "medicationCodeableConcept": {"text": SORAFENIB},
    }
    unknown = {**tablet, "medicationCodeableConcept": {"coding": [{"code": "D7", "display": "Sorafenib tosilate tbl"}]}}
    without = finding(read(patient(), hcc()), "interval.tki")
    assert (without["patients"], without["share"], without["weakest"]) == (0, None, None)
    good = finding(read(patient(), hcc(), tablet), "interval.tki")
    assert (good["patients"], good["complete"], good["weakest"]) == (1, 1, None)
    lost = finding(read(patient(), hcc(), unknown), "interval.tki")
    assert (lost["patients"], lost["complete"]) == (1, 0)
    assert lost["weakest"] == {"input": "tki", "lacking": 1, "share": 1.0, "reason": "code-unknown"}


@pytest.mark.parametrize("day", ["2024-02-20", "2024-04-01"])
def test_a_dose_by_text_alone_is_lost_even_beside_a_dose_that_was_read(read: Read, day: str) -> None:
    def dose(identity: str, text: str, day: str) -> Json:
        return {
            "resourceType": "MedicationAdministration",
            "id": identity,
            "status": "completed",
            "subject": {"reference": "Patient/p1"},
            "effectiveDateTime": day,
            "medicationCodeableConcept": {"text": text},
        }

    known, lost = dose("m1", "Bevacizumab", "2024-03-01"), dose("m2", "Bevacizumab 15 mg/kg", day)
    assert finding(read(patient(), hcc(), known), "interval.bevacizumab")["complete"] == 1
    for doses in ([lost], [known, lost]):
        line = finding(read(patient(), hcc(), *doses), "interval.bevacizumab")
        assert (line["patients"], line["complete"], line["weakest"]["reason"]) == (1, 0, "code-unknown")
    other = dose("m3", "Aspirin 100 mg", day)
    assert finding(read(patient(), hcc(), known, other), "interval.bevacizumab")["complete"] == 1


def test_what_nothing_explains_is_counted_apart(read: Read) -> None:
    strange = afp("s1", system="http://hospital.example/lab", code="Q-0")
    report = read(patient(), hcc(), strange)
    assert report["namelessCodes"] == 1
    assert state(report, "afp") == "never"


def test_the_dead_are_not_counted_and_a_site_without_known_hcc_codes_is_told_so(command: Command, read: Read) -> None:
    report = read(patient(deceasedBoolean=True), hcc(), patient("p2"), hcc("p2"))
    assert (report["seen"], report["counted"], report["deceased"], report["withoutHcc"]) == (2, 1, 1, 0)
    nobody = bundle(patient(), afp())
    shown = command("mappings", "readiness", "-", "--as-of", AS_OF, stdin=nobody)
    assert "No counted patient has HCC on record" in shown.stdout.decode()
    report = read(patient(), afp())
    assert (report["withoutHcc"], state(report, "hcc"), state(report, "afp")) == (1, "never", "ready")
    assert finding(report, "course")["notReported"] == 1


@pytest.mark.parametrize("form", ["table", "json", "html"])
def test_an_input_without_patients_says_so(command: Command, form: str) -> None:
    ended = command("mappings", "readiness", "-", "--format", form, "--as-of", AS_OF, stdin=bundle())
    assert ended.returncode == 0
    assert lines(ended.stderr) == ["hcc-adapter: -: no patient; nothing to count"]
    if form == "json":
        report = json.loads(ended.stdout)
        assert report["counted"] == 0
        assert {line["share"] for line in (*report["findings"], *report["concepts"])} == {None}
    else:
        assert "No patient was counted." in ended.stdout.decode()


def test_the_outcomes_are_those_of_evaluate_and_every_patient_is_in_one_state(command: Command, patients: Path) -> None:
    told = command("mappings", "readiness", str(patients), "--format", "json", "--as-of", AS_OF)
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    evaluated = [json.loads(line) for line in command("evaluate", str(patients), "--as-of", AS_OF).stdout.splitlines()]
    assert report["counted"] == len(evaluated) >= 10
    reported: Counter[str] = Counter()
    undecided: Counter[str] = Counter()
    for one in evaluated:
        reported.update({f["code"] for f in one["findings"]})
        undecided.update({f["code"] for f in one["findings"] if f["outcome"] in REPORTED})
    assert undecided.total() > 0
    for line in report["findings"][1:]:
        assert line["undecided"] == undecided[line["code"]]
        assert line["decided"] + line["undecided"] == reported[line["code"]]
        assert line["decided"] + line["undecided"] + line["notReported"] == report["counted"]
    assert all(sum(line["states"].values()) == report["counted"] for line in report["concepts"])
    assert [line["code"] for line in report["findings"]] == ["course", *inputs()]


def test_every_way_to_give_the_same_patients_gives_the_same_report(
    command: Command, patients: Path, server: str, tmp_path: Path
) -> None:
    assert command("sandbox", "load", "--fhir-server", server, "--as-of", AS_OF).returncode == 0
    resources = [e["resource"] for f in sorted(patients.iterdir()) for e in json.loads(f.read_text())["entry"]]
    whole = "\n".join(json.dumps(resource) for resource in resources).encode()
    (tmp_path / "all.ndjson").write_bytes(whole)
    ways = [([str(patients)], b""), (["all.ndjson"], b""), (["-"], whole), (["--fhir-server", server], b"")]
    found = []
    for arguments, given in ways:
        ended = command("mappings", "readiness", *arguments, "--format", "json", "--as-of", AS_OF, stdin=given)
        assert ended.returncode == 0, ended.stderr
        found.append(json.loads(ended.stdout))
    assert all(report["concepts"] == found[0]["concepts"] for report in found)
    assert found[0]["findings"] == found[1]["findings"] == found[2]["findings"]
    assert found[3]["counted"] == found[0]["counted"]  # a server gives the Conditions in full, so more is decided


@pytest.mark.parametrize("form", ["table", "json", "html"])
def test_nothing_of_a_patient_stands_in_the_report(command: Command, form: str, tmp_path: Path) -> None:
    named = patient("zebra-4711", name=[{"family": "Quagga", "given": ["Okapi"]}])
    mine = {"subject": {"reference": "Patient/zebra-4711"}}
    given = [named, {**hcc(), **mine}, {**afp("eland-9"), **mine}, {**afp("kudu-8", unit="furlong"), **mine}]
    given += [{**local_afp("nyala-7"), **mine}]
    (tmp_path / "Quagga.json").write_bytes(bundle(*given))
    ended = command("mappings", "readiness", "Quagga.json", "--format", form, "--as-of", AS_OF)
    assert ended.returncode == 0
    shown = (ended.stdout + ended.stderr).decode().lower()
    secrets = ("quagga", "okapi", "zebra", "4711", "eland", "kudu", "nyala", "423.75", "furlong", "l77", "1960")
    assert [secret for secret in secrets if secret in shown] == []


@pytest.mark.parametrize(("language", "title"), [("en", "Readiness of the"), ("zh", "病历数据对指南的就绪情况")])
def test_a_piped_table_is_plain_and_in_the_language_asked_for(command: Command, language: str, title: str) -> None:
    given = bundle(patient(), hcc(), afp())
    ended = command("mappings", "readiness", "-", "--as-of", AS_OF, "--lang", language, stdin=given)
    assert ended.returncode == 0, ended.stderr
    shown = ended.stdout.decode()
    assert shown.startswith(title)
    assert "\x1b" not in shown
    assert "readiness-" not in shown
    assert all(code in shown for code in (*inputs(), "pivka_ii_units", "hepatic_encephalopathy_grade"))


def on_terminal(tmp_path: Path, columns: int, *arguments: str) -> str:
    """What the command shows on a terminal so many columns wide."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HCC_") and k not in ("COLUMNS", "NO_COLOR")}
    started = subprocess.Popen(
        [sys.executable, "-m", "adapter", *arguments],
        cwd=tmp_path, env={**clean, "TERM": "xterm-256color"}, stdin=subprocess.DEVNULL, stdout=its,
    )  # fmt: skip
    os.close(its)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal's end, once the command has gone
        while part := os.read(mine, 1 << 16):
            shown += part
    os.close(mine)
    assert started.wait(60) == 0
    return shown.decode()


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_shows_every_code_in_full_however_wide_it_is(tmp_path: Path, columns: int) -> None:
    (tmp_path / "bundle.json").write_bytes(bundle(patient(), hcc(), afp()))
    shown = on_terminal(tmp_path, columns, "mappings", "readiness", "bundle.json", "--as-of", AS_OF)
    assert "\x1b[1m" in shown
    rows = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in shown.splitlines()]
    assert max(len(row.rstrip()) for row in rows) <= columns
    assert [code for code in (*inputs(), "pivka_ii_units") if not any(code in row for row in rows)] == []


def test_the_report_goes_to_a_file_and_stdout_stays_empty(command: Command, tmp_path: Path) -> None:
    arguments = ("mappings", "readiness", "-", "--as-of", AS_OF, "--format", "json", "--out", "report.json")
    ended = command(*arguments, stdin=bundle(patient(), hcc()))
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert json.loads((tmp_path / "report.json").read_bytes())["counted"] == 1


@pytest.mark.parametrize(
    ("arguments", "given", "code"),
    [
        ((), b"", 2),
        (("-",), b"", 2),
        (("-",), b"{no json", 2),
        (("nowhere.json",), b"", 2),
        (("-", "--as-of", "yesterday"), bundle(patient()), 2),
        (("-", "--out", "no/such/folder.html"), bundle(patient()), 2),
        (("-", "--fhir-server", "http://127.0.0.1:9/fhir"), b"", 2),
        (("--fhir-server", "http://127.0.0.1:9/fhir"), b"", 3),
        (("-",), bundle(patient(), {**afp(), "code": 7}), 1),
    ],
)
def test_what_goes_wrong_is_told_in_one_line_with_the_exit_code_of_the_contract(
    command: Command, arguments: tuple[str, ...], given: bytes, code: int
) -> None:
    ended = command("mappings", "readiness", *arguments, stdin=given)
    assert ended.returncode == code, ended.stderr
    assert len(lines(ended.stderr)) == 1
    assert "Traceback" not in ended.stderr.decode()
    assert bool(ended.stdout) == (code == 1)
