"""The target of the bytes fuzzer: any bytes through the functions of `hcc-adapter evaluate -`.

Run by test_bytes.py in a process of its own: `python -m tests.fuzz.bytes_target CORPUS -max_total_time=20 -seed=1`.
Only the adapter's own refusal of an input may come out; anything else is libFuzzer's crash.
"""

from __future__ import annotations

import sys
from io import BytesIO

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

INSTRUMENTED = ["adapter.fhir", "adapter.resources", "adapter.normalize", "adapter.values", "adapter.timeline"]

with atheris.instrument_imports(include=INSTRUMENTED):
    from adapter.errors import InputError
    from tests.fuzz.running import evaluation, outcome

RUN = evaluation()


def one_input(content: bytes) -> None:
    """Raises what is not the adapter's own refusal of an input."""
    try:
        found = outcome(RUN, "-", BytesIO(content))
    except InputError as error:
        if "\n" in str(error):
            raise AssertionError(f"a message of several lines: {error!r}") from None
        return
    told = [line for line in found.lines if "please report" in line]
    if told:
        raise AssertionError(told[0])
    for assessment in found.assessments:
        counts = assessment["input"]
        if counts["resources"] != sum(count for name, count in counts.items() if name != "resources"):
            raise AssertionError(f"counts do not add up: {counts}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
