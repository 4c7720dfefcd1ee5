"""The text form of an assessment: one story on one screen, in two languages, without keys of the program."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from adapter.output.phrases import story_table
from adapter.output.wordbook import texts_of
from tests.cases.facts import bundle_of, facts_of, read_cases, withheld
from tests.cli.conftest import AS_OF, Command, lines

LANGUAGES = ("en", "zh")
SECTIONS = ("situation", "wrong", "plan", "missing")
MARKS = ("!! ", "!  ", "-  ")
DAYS = ("2024-05-01", "2024-04-13", "2024-05-10", "2024-05-20")
SOME = 4
ROOT = Path(__file__).parent.parent.parent
CATALOGUE = [line.split(",")[:2] for line in (ROOT / "tests/cases/catalogue.csv").read_text("utf-8").splitlines()[1:]]
# Words of these shapes that the texts, or the names of adverse events in the cases, have of their own.
OWN_WORDS = {"up-to-seven", "down-staged"}
FOREIGN = {"Child", "Pugh", "seven", "umol", "rash", "diarrhoea", "hypothyroidism", "immune", "mediated", "hepatitis"}

BASE: list[dict[str, Any]] = [
    {"patient": {}},
    {"condition": {"code": "hcc", "onset": "2024-03-01"}},
    {"imaging": {"on": "2024-04-20", "lesions": {"L1": {"mm": 80, "viable": 80, "aphe": "present"}}, "number": 1,
                 "vp": "vp3", "vv": "vv0", "metastasis": "none"}},
    {"liver": {"on": "2024-04-20"}},
]  # fmt: skip
COURSE: list[dict[str, Any]] = [
    *BASE,
    {"dose": {"drug": "camrelizumab", "on": ["2024-03-10", "2024-03-31", "2024-04-21"]}},
    {"statement": {"drug": "apatinib", "from": "2024-03-10"}},
]

Story = list[str]


def stories(content: bytes, language: str) -> list[Story]:
    """The stories of an output: each begins with the first heading and ends before an empty line."""
    told: list[Story] = []
    for line in lines(content):
        if line == str(story_table()[language]["situation"]):
            told.append([])
        told[-1].append(line)
    return [story[: len(story) - 1] if not story[-1] else story for story in told]


def sections(story: Story, language: str) -> dict[str, list[str]]:
    """The lines under each heading, and under `end` what comes after the last empty line."""
    headings = {str(story_table()[language][name]): name for name in SECTIONS}
    found: dict[str, list[str]] = {}
    name = ""
    for line in [line for line in story if line]:
        name = headings.get(line, "end" if found and not line.startswith((" ", *MARKS)) else name)
        found.setdefault(name, [])
        if line not in headings:
            found[name].append(line)
    return found


def told(command: Command, facts: list[dict[str, Any]], *arguments: str, **environment: str) -> Story:
    """The story of one patient of facts."""
    bundle = json.dumps(bundle_of(facts)).encode()
    ended = command("evaluate", "-", "--as-of", AS_OF, "--format", "text", *arguments, stdin=bundle, **environment)
    assert ended.returncode == 0, ended.stderr
    (story,) = stories(ended.stdout, "zh" if "zh" in arguments else "en")
    return story


def text(story: list[str]) -> str:
    """The lines without their wrapping."""
    return " ".join(" ".join(story).split())


@pytest.fixture(scope="module")
def case_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Specification cases of several days as Bundle files, a folder for each day."""
    folders = {day: tmp_path_factory.mktemp(f"cases-{day}") for day in DAYS}
    setting = ("edition", "complete", "options", "time-zone")
    for path in sorted((ROOT / "tests/cases").glob("*.yaml")):
        topic = read_cases(path)
        for number, case in enumerate(topic["cases"]):
            folder = folders.get(str(case["as-of"]))
            if folder is None or any(case.get(name) for name in setting) or number % SOME:
                continue
            bundle = bundle_of(facts_of(topic, case))
            given = withheld(bundle, case["incomplete"]) if "incomplete" in case else bundle
            (folder / f"{path.stem}-{number}.json").write_text(json.dumps(given))
    return folders


@pytest.fixture(scope="module", params=LANGUAGES)
def every_story(request: pytest.FixtureRequest, case_folders: dict[str, Path], patients: Path) -> tuple[str, Any]:
    """A language, and all stories of the synthetic patients and of the cases in it, by the command itself."""
    from tests.cli.conftest import command as command_fixture

    run = command_fixture.__wrapped__(next(iter(case_folders.values())))  # type: ignore[attr-defined]
    found: list[Story] = []
    for folder, day in [(patients, AS_OF), *((folder, day) for day, folder in case_folders.items())]:
        ended = run("evaluate", str(folder), "--as-of", day, "--format", "text", "--lang", request.param)
        found += stories(ended.stdout, request.param)
    return request.param, found


def test_every_story_fits_the_screen_and_has_its_four_sections_in_order(every_story: tuple[str, list[Story]]) -> None:
    language, found = every_story
    headings = [str(story_table()[language][name]) for name in SECTIONS]
    untold = [texts_of(language)["words"][phase] for phase in ("deceased", "no-hcc")]
    assert len(found) > 200
    for story in found:
        assert len(story) <= 40, story
        assert max(map(columns, story)) <= 100, story
        present = [line for line in story if line in headings]
        if any(word in story[2] for word in untold):
            assert present == headings[:1]
        else:
            assert present == headings
        assert story[-1] == story_table()[language]["team"]


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def test_no_key_of_the_program_reaches_the_screen(every_story: tuple[str, list[Story]]) -> None:
    language, found = every_story
    keys = {code for code, _ in CATALOGUE} | {outcome for _, outcome in CATALOGUE if "-" in outcome}
    sections_of_keys = ("criteria", "notes", "fragments", "words")
    keys |= {key for name in sections_of_keys for key in texts_of("en")[name] if "-" in key or "_" in key}
    shapes = re.compile(r"[A-Za-z][\w+]*(?:[-._][\w+]+)+")
    for story in found:
        leaked = set(shapes.findall(text(story[2:]))) & (keys - OWN_WORDS - said(language))
        assert not leaked, (leaked, story)


def said(language: str) -> set[str]:
    """Hyphenated words that the sentences themselves use."""
    texts = texts_of(language)
    spoken = [str(one) for name in ("criteria", "notes", "words", "fragments") for one in texts[name].values()]
    spoken += [str(entry) for outcomes in texts["findings"].values() for entry in outcomes.values()]
    spoken += [str(name) for name in texts["activities"].values()]
    return set(re.findall(r"[A-Za-z]+(?:-[A-Za-z0-9]+)+", " ".join(spoken)))


def test_a_chinese_story_has_no_english_words(every_story: tuple[str, list[Story]]) -> None:
    language, found = every_story
    if language == "en":
        assert not any("\u4e00" <= letter <= "\u9fff" for story in found for line in story for letter in line)
        return
    kinds = {"Observation", "MedicationAdministration", "ServiceRequest", "Procedure", "ImagingStudy"}
    kinds |= {"DocumentReference", "Condition", "MedicationStatement"}
    for story in found:
        words = set(re.findall(r"[A-Za-z]*[a-z]{4,}", text(story[2:])))
        assert not words - FOREIGN - kinds, (words, story)


def test_the_situation_tells_phase_stages_course_and_responses(command: Command, patients: Path) -> None:
    chart = patients / "syn-05-bevacizumab-too-late.json"
    ended = command("evaluate", str(chart), "--as-of", AS_OF, "--format", "text")
    (found,) = stories(ended.stdout, "en")
    situation = sections(found, "en")["situation"]
    assert situation[0].strip() == f"Patient/syn-05-bevacizumab-too-late, as of {AS_OF}, edition 2024"
    assert situation[1].strip() == "Phase: awaiting surgery"
    assert [line.split(":")[0].strip() for line in situation[2:5]] == ["CNLC", "BCLC", "Child-Pugh"]
    assert "Ia (2024-04-20); at the start IIIa" in situation[2]
    assert "because of macrovascular invasion" in situation[3]
    assert "A (5 points; 2024-04-27)" in situation[4]
    assert "7 cycles; regimen immune checkpoint inhibitor + antiangiogenic drug" in situation[5]
    assert re.search(r"Best response: PR; sum -\d+ %; after \d+ days; lasting \d+ days", situation[6])
    assert "Latest response (2024-04-20): mRECIST PR, RECIST 1.1 PR" in situation[7]


def test_an_undecided_stage_says_what_is_possible(command: Command) -> None:
    situation = text(sections(told(command, BASE), "en")["situation"])
    assert "CNLC: IIIa or IV possible" in situation
    assert "No conversion course on record." in situation


def test_an_issue_comes_with_what_decided_it_and_its_statements(command: Command, patients: Path) -> None:
    chart = str(patients / "syn-05-bevacizumab-too-late.json")
    (found,) = stories(command("evaluate", chart, "--as-of", AS_OF, "--format", "text").stdout, "en")
    wrong = sections(found, "en")["wrong"]
    assert wrong[0].startswith("!! Bevacizumab (or ramucirumab) 22 days before the planned hepatectomy")
    assert "[C24-16, C21-12]" in wrong[1]
    assert "28 days before hepatectomy: not met (22 days; limit >= 28 days; 2024-04-14)" in text(wrong)


def test_the_gravest_comes_first(every_story: tuple[str, list[Story]]) -> None:
    language, found = every_story
    seen = set()
    for story in found:
        wrong = sections(story, language).get("wrong", [])
        marks = [MARKS.index(line[:3]) for line in wrong if line.startswith(MARKS)]
        assert marks == sorted(marks), wrong
        seen |= set(marks)
    assert seen == {0, 1}


def test_the_plan_names_operation_last_days_and_windows_soonest_first(command: Command, patients: Path) -> None:
    chart = str(patients / "syn-05-bevacizumab-too-late.json")
    (found,) = stories(command("evaluate", chart, "--as-of", AS_OF, "--format", "text").stdout, "en")
    plan = sections(found, "en")["plan"]
    starts = [line[3:] for line in plan if line.startswith(MARKS)]
    assert starts[0].startswith("2024-04-08 (passed): last permitted day before the operation: bevacizumab")
    assert starts[1] == "2024-05-06: planned operation (hepatectomy)"
    assert starts[2].startswith("from 2024-05-12, better from 2024-05-26: hepatectomy at the earliest, counted")
    assert starts[3].startswith("2024-06-01 to 2024-06-15: Response evaluation by imaging [C24-6, C24-fig1b]")
    assert starts[4] == "by 2024-07-02: Monitor hepatitis B [C21-9]"
    assert starts[5].startswith("no date: Criteria for sequential surgery are met: down-staged.")


def test_dated_steps_are_in_order_and_come_before_those_without_a_date(every_story: tuple[str, list[Story]]) -> None:
    language, found = every_story
    undated = story_table()[language]["undated"]
    compared = 0
    for story in found:
        plan = sections(story, language).get("plan", [])
        heads = [line[3:] for line in plan if line.startswith(MARKS)]
        kinds = [head.startswith(undated) for head in heads]
        assert kinds == sorted(kinds)
        overdue = str(story_table()[language]["overdue"]).partition("{")[0]
        days = [re.search(r"\d{4}-\d{2}-\d{2}", head) for head in heads if not head.startswith((undated, overdue))]
        shown = [day[0] for day in days if day]
        assert shown == sorted(shown), plan
        compared += len(shown) > 1
    assert compared > 10


def test_what_is_overdue_says_since_when(command: Command) -> None:
    facts: list[dict[str, Any]] = [{"patient": {}}, {"condition": {"code": "hcc", "onset": "2023-11-01"}}]
    facts += [{"dose": {"drug": "camrelizumab", "on": ["2024-01-08", "2024-01-29", "2024-02-19", "2024-03-11"]}}]
    plan = text(sections(told(command, facts), "en")["plan"])
    assert "overdue since 2024-03-04: Response evaluation by imaging" in plan


def test_the_fact_that_settles_most_comes_first_and_says_what_for(command: Command) -> None:
    missing = sections(told(command, BASE), "en")["missing"]
    heads = [line[3:] for line in missing if line.startswith(MARKS)]
    assert heads[0].startswith("ECOG (not on record): for CNLC, BCLC, ")
    alone = next(index for index, head in enumerate(heads) if head.startswith("estimated survival (not on record)"))
    assert alone > 0 and "for Eligibility for conversion therapy" in text(missing)
    known = [*BASE, {"observation": {"code": "ecog_ps", "on": "2024-04-20", "value": 1}}]
    assert "ECOG" not in text(sections(told(command, known), "en")["missing"])


def test_a_stale_fact_says_its_age(command: Command) -> None:
    facts = [*BASE, {"observation": {"code": "ecog_ps", "on": "2024-03-01", "value": 1}}]
    assert "ECOG (too old to decide; 61 days): for CNLC, BCLC" in text(sections(told(command, facts), "en")["missing"])


def test_what_does_not_fit_is_counted_and_the_gravest_and_the_operation_stay(command: Command) -> None:
    events = [{"adverse_event": {"name": f"event {n}", "on": "2024-04-20", "grade": 2 + n % 3}} for n in range(15)]
    planned = {"order": {"code": "hepatectomy", "on": "2024-05-04", "authored": "2024-04-20"}}
    facts = [*COURSE, *events, planned]
    ended = command("evaluate", "-", "--as-of", AS_OF, stdin=json.dumps(bundle_of(facts)).encode())
    alarms = [f for f in json.loads(ended.stdout)["findings"] if f["kind"] == "issue" or f["severity"] == "critical"]
    story = told(command, facts)
    assert len(story) == 40
    wrong = sections(story, "en")["wrong"]
    heads = [line for line in wrong if line.startswith(MARKS)]
    (more,) = [line for line in wrong if line.endswith("more: see the JSON form")]
    assert len(heads) + int(more.split()[1]) == len(alarms) > 15
    assert all(line.startswith("!! ") for line in heads)
    assert "2024-05-04: planned operation (hepatectomy)" in text(sections(story, "en")["plan"])


def test_what_was_not_used_is_one_line_before_the_last(command: Command) -> None:
    assert told(command, BASE)[-2] == "Not used: 0 rejected, 0 with unknown codes"
    facts = [*BASE, {"lab": {"code": "afp", "on": "2024-04-20", "value": 12, "unit": "none"}}]
    facts += [{"observation": {"code": {"system": "urn:x", "code": "strange"}, "on": "2024-04-20", "value": 1}}]
    assert told(command, facts)[-2] == "Not used: 1 rejected, 1 with unknown codes"
    bundle = json.dumps(withheld(bundle_of(BASE), "Observation")).encode()
    ended = command("evaluate", "-", "--as-of", AS_OF, "--format", "text", stdin=bundle)
    assert "not read in full: Observation" in stories(ended.stdout, "en")[0][-2]


def test_the_deceased_have_a_situation_and_nothing_else(command: Command) -> None:
    story = told(command, [{"patient": {"deceased": True}}, *BASE[1:]])
    assert set(sections(story, "en")) == {"situation", "end"}
    assert "Phase: deceased" in text(story)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_in_a_record_can_steer_the_terminal(command: Command, language: str) -> None:
    name = "\u001b[2J\u009b31m\u202era\u0000sh\r\n\u2028\u200b" + "x" * 300
    facts = [*COURSE, {"adverse_event": {"name": name, "on": "2024-04-20", "grade": 3}}]
    steering = "\u001b[2J\u001b]0;title\u0007\u009b31mp1\u202e\u0085"
    bundle = json.dumps(bundle_of(facts)).replace('"p1"', json.dumps(steering))
    bundle = bundle.replace('"Patient/p1"', json.dumps(f"Patient/{steering}"))
    ended = command("evaluate", "-", "--as-of", AS_OF, "--format", "text", "--lang", language, stdin=bundle.encode())
    output = ended.stdout.decode()
    assert not [c for c in output if c != "\n" and (unicodedata.category(c)[0] == "C" or c in "\u2028\u2029")]
    assert "Patient/ p1" in output and "title" not in output
    assert "xxx" in output and max(map(columns, output.split("\n"))) <= 100


def test_the_tables_of_the_story_say_the_same_in_both_languages_and_name_what_there_is() -> None:
    table = story_table()
    english, chinese = table["en"], table["zh"]
    assert set(english) == set(chinese) and set(english["facts"]) == set(chinese["facts"])
    needed = set(table["needs"]["findings"].values()) | set(table["needs"]["criteria"].values())
    assert needed <= set(english["facts"])
    codes = {code for code, _ in CATALOGUE}
    named = [*table["needs"]["findings"], *table["needs"]["absent"], *table["deciding"], *table["standing"]]
    assert set(named) <= codes
    assert set(table["reasons"]) <= set(texts_of("en")["notes"])
    fields = re.compile(r"\{(\w+)\}")
    for key, phrase in english.items():
        if isinstance(phrase, str):
            assert set(fields.findall(phrase)) == set(fields.findall(chinese[key])), key


def test_a_site_threshold_in_force_is_said(command: Command, tmp_path: Path) -> None:
    (tmp_path / "i.yaml").write_text(
        'topic: intervals\nsource: board\nreviewed: "2026-03-01"\nvalues: {bevacizumab-minimum: 14}\n', "utf-8"
    )
    facts = [*COURSE, {"dose": {"drug": "bevacizumab", "on": "2024-04-10"}}]
    bundle = json.dumps(bundle_of(facts_of({}, {"facts": facts}))).encode()
    for form, said in (("text", b"intervals/bevacizumab-minimum = 14 d"), ("json", b"bevacizumab-minimum = 14 d")):
        done = command("evaluate", "-", "--as-of", AS_OF, "--format", form, stdin=bundle, HCC_THRESHOLDS=str(tmp_path))
        assert said in done.stdout
    plain = command("evaluate", "-", "--as-of", AS_OF, "--format", "text", stdin=bundle)
    assert b"bevacizumab-minimum" not in plain.stdout


def test_where_nothing_says_hcc_the_unknown_codes_are_named(command: Command) -> None:
    coded = {"system": "http://snomed.info/sct", "code": "25370001", "display": "Hepatocellular carcinoma"}
    facts = [{"patient": {}}, {"condition": {"code": coded, "onset": "2024-03-01"}}]
    bundle = json.dumps(bundle_of(facts_of({}, {"facts": facts}))).encode()
    done = command("evaluate", "-", "--as-of", AS_OF, "--format", "text", stdin=bundle)
    assert b"25370001" in done.stdout
