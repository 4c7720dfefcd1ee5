"""The pages of `guideline list` and `guideline show`: what the sources say and what stands for it here."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from rich.cells import cell_len

from adapter.guideline.statements import (
    PARTS,
    Covered,
    Statement,
    coverage,
    registry,
    threshold_names,
    topics,
)
from adapter.guideline.table import catalogue_rows
from adapter.guideline.thresholds import Thresholds
from adapter.output.threshold_rows import threshold_rows
from adapter.output.wordbook import Texts

WIDTH = 100
_COMMA = {"en": ", ", "zh": "，"}
_PLACEHOLDER = re.compile(r"\{[^}]*\}")
_WORD = re.compile(r"[\x21-\x7e]+|.", re.DOTALL)
_CLOSING = frozenset("，。；：、？！）")


def listing(texts: Texts) -> str:
    """Every statement with its beginning, then every finding code with its outcomes and statements."""
    known = registry()
    lines = [texts.word("page-statements")]
    widest = max(map(len, known.statements))
    lines += [f"  {key:<{widest}}  {_begin(texts, texts.statement(key), ' ' * widest * 2)}" for key in known.statements]
    lines += ["", texts.word("page-codes")]
    for code in known.rules:
        outcomes = ", ".join(outcomes_of(code)) or texts.word(code)
        lines += [f"  {code}: {outcomes}", f"    {', '.join(known.about(code))}"]
    return "\n".join(lines)


def shown(code: str, texts: Texts, editions: Mapping[str, Thresholds]) -> str | None:
    """The page of a statement key or a finding code in any letter case, None for another word; `editions` by name."""
    known = registry()
    code = {name.casefold(): name for name in names()}.get(code.casefold(), code)
    if code in known.statements:
        return "\n".join(_statement_page(code, known.statements[code], texts, editions))
    if code in known.rules:
        return "\n".join(_code_page(code, texts, editions))
    return None


def names() -> list[str]:
    """All that `shown` has a page for."""
    return [*registry().statements, *registry().rules]


def outcomes_of(code: str) -> list[str]:
    """The outcomes of a finding code as the catalogue lists them."""
    return [outcome for known, outcome in catalogue_rows() if known == code]


def _statement_page(key: str, one: Statement, texts: Texts, editions: Mapping[str, Thresholds]) -> Iterator[str]:
    yield key
    yield from _wrapped(texts, texts.statement(key))
    yield ""
    yield from _origin(one, texts)
    if one.not_computable is not None:
        yield from ("", texts.word("page-not-computable"))
        yield from _wrapped(texts, texts.fragment(f"not-computable-{one.not_computable}"))
    if one.findings:
        yield from ("", texts.word("page-findings"))
        for code, criteria in one.findings.items():
            yield f"  {code}" + (f"  ({texts.word('page-part')})" if code in PARTS else "")
            yield from _outcomes(code, texts)
            yield from _criteria(criteria, texts)
    yield from threshold_rows(threshold_names(key), texts, editions)
    yield from _cases([row for row in coverage() if row.statement == key], texts)


def _code_page(code: str, texts: Texts, editions: Mapping[str, Thresholds]) -> Iterator[str]:
    known = registry()
    topic = known.rules[code].topic
    yield code + (f"  ({texts.word('page-part')})" if code in PARTS else "")
    if code not in PARTS:
        yield from ("", texts.word("page-outcomes"))
        yield from _outcomes(code, texts)
    criteria = known.criteria(code)
    if criteria:
        yield ""
        yield from _criteria(criteria, texts, indent="")
    yield from ("", texts.word("page-about"))
    for key, one in known.about(code).items():
        yield f"  {key}: {_place(one, texts)}; {_grade(one, texts)}"
        yield from _wrapped(texts, texts.statement(key), "    ")
    first = known.rules[code].values
    own = [f"{topic}/{name}" for name in topics()[topic]["values"] if name.startswith(first)]
    yield from threshold_rows(own, texts, editions)
    yield from _cases([row for row in coverage() if row.code == code][:1], texts)


def _origin(one: Statement, texts: Texts) -> Iterator[str]:
    source = registry().sources[one.source]
    known = [str(source.year or ""), source.registration or "", f"doi {source.doi}" if source.doi else ""]
    labels = [texts.word(name) for name in ("page-source", "page-place", "page-grade")]
    widest = max(cell_len(label) for label in labels)
    grade = _grade(one, texts)
    if one.evidence and source.grading:
        grade += f"; {texts.word('grading-' + source.grading)}"
    title = source.title_zh if texts.language == "zh" and source.title_zh else source.title
    values = [", ".join(part for part in (title, *known) if part), _place(one, texts), grade]
    for label, value in zip(labels, values, strict=True):
        yield f"{label}{' ' * (widest - cell_len(label))}  {value}"


def _place(one: Statement, texts: Texts) -> str:
    return _COMMA[texts.language].join(texts.word(f"place-{kind}").format(number) for kind, number in one.place.parts())


def _grade(one: Statement, texts: Texts) -> str:
    parts = [texts.word(part) for part in (one.evidence, one.strength, one.basis) if part]
    if one.agreement is not None:
        parts.append(f"{texts.word('page-agreement')} {one.agreement} %")
    return _COMMA[texts.language].join(parts) or texts.word("page-ungraded")


def _outcomes(code: str, texts: Texts) -> Iterator[str]:
    rows = catalogue_rows()
    for outcome in outcomes_of(code):
        kind, severity = (texts.weight(value) for value in rows[code, outcome])
        yield f"    {outcome}: {kind}; {severity}"
        summary = _PLACEHOLDER.sub("…", texts.template(code, outcome) or "")
        yield from _wrapped(texts, summary, "      ")


def _criteria(names: Iterable[str], texts: Texts, indent: str = "    ") -> Iterator[str]:
    listed = list(names)
    if listed:
        yield f"{indent}{texts.word('page-criteria')}"
        yield from (f"{indent}  {name}: {texts.criterion_name(name)}" for name in listed)


def _cases(rows: list[Covered], texts: Texts) -> Iterator[str]:
    if not rows:
        return
    yield from ("", texts.word("page-cases"))
    for row in rows:
        count = texts.word("page-case-count").format(row.cases) if row.cases else texts.word("page-case-none")
        yield f"  {row.code} ({row.module}.py, {row.topic}.yaml): {count}"
        yield from (f"    - {name}" for name in row.first)


def _begin(texts: Texts, text: str, room: str) -> str:
    lines = _wrapped(texts, text, room)
    return lines[0].strip() + ("…" if len(lines) > 1 else "")


def _wrapped(texts: Texts, text: str, indent: str = "  ") -> list[str]:
    """Lines of at most `WIDTH` columns; Chinese breaks anywhere but inside a Latin word and before a closing mark."""
    width = WIDTH - len(indent)
    if texts.language == "en":
        return [indent + line for line in textwrap.wrap(text, width)]
    lines = [""]
    for word in _WORD.findall(text):
        if cell_len(lines[-1] + word) > width and word not in _CLOSING:
            lines.append("")
        lines[-1] += word if lines[-1] else word.lstrip()
    return [indent + line.rstrip() for line in lines if line]
