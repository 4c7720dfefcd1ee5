"""Where the time of one call goes: each stage's own milliseconds, without what it calls of the other stages.

A stage is a function by the name under which its caller finds it; `STAGES` is the whole list, to be kept up with the
code. What no stage takes counts for the stage around it.
"""

from __future__ import annotations

import gc
import importlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from adapter.service.advice import Question
from adapter.service.request import hook_call
from adapter.service.sent import parse_call
from adapter.service.site import Site
from adapter.settings import load
from tests.bench.hooks.bodies import DAY

ROUNDS = 5
PLAIN = "orjson.loads of the body (yardstick)"
STAGES = (
    ("reading resources", "adapter.service.prefetch", "read_closed"),
    ("one patient only", "adapter.service.advice", "check_one_patient"),
    ("records", "adapter.pipeline", "read_records"),
    ("evaluation", "adapter.pipeline", "evaluate"),
    ("accounts and fingerprints", "adapter.normalize.records", "Record.accounts"),
    ("accounts and fingerprints", "adapter.service.advice", "Fingerprints"),
    ("accounts and fingerprints", "adapter.service.advice", "newest_day"),
    ("cards", "adapter.service.advice", "CardMaker"),
    ("cards", "adapter.output.cards", "CardMaker.cards"),
)
Spent = dict[str, float]


class Clock:
    """Own time by stage, in seconds, of whatever runs under it."""

    def __init__(self) -> None:
        self.spent: Spent = defaultdict(float)
        self._open: list[float] = []

    def timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time put down."""

        def measured(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            self._open.append(0.0)
            try:
                return work(*arguments, **named)
            finally:
                whole = time.perf_counter() - begun
                self.spent[stage] += whole - self._open.pop()
                if self._open:
                    self._open[-1] += whole

        return measured


def stages(bodies: list[bytes]) -> Spent:
    """Milliseconds by stage of one call, mean of the bodies, each body's fastest round."""
    site = Site(load({}), "http://localhost", open=True, frozen=DAY)
    clock = Clock()
    best: list[Spent] = []
    with _watched(clock):
        for body in bodies:
            _call(body, site, clock)
        gc.collect()
        gc.freeze()
        for body in bodies:
            best.append(min((_round(body, site, clock) for _ in range(ROUNDS)), key=lambda one: sum(one.values())))
    names = list(dict.fromkeys(name for one in best for name in one))
    return {name: sum(one.get(name, 0.0) for one in best) / len(best) * 1e3 for name in names}


def _round(body: bytes, site: Site, clock: Clock) -> Spent:
    clock.spent = defaultdict(float)
    clock.timed(PLAIN, orjson.loads)(body)
    _call(body, site, clock)
    return clock.spent


def _call(body: bytes, site: Site, clock: Clock) -> None:
    """One call as the service answers it, without the web server and the state database."""
    call = clock.timed("body and call", lambda: hook_call(parse_call(body), "patient-view"))()
    deadline = time.monotonic() + site.settings.cds_deadline
    question = clock.timed("prefetch around it", Question)(call, site, None, deadline)
    cards = clock.timed("the rest of Question.cards", question.cards)()
    clock.timed("JSON", orjson.dumps)({"cards": cards})


@contextmanager
def _watched(clock: Clock) -> Iterator[None]:
    """The functions of STAGES under the clock, put back at the end; what is not there any more is named."""
    kept = []
    for stage, module, path in STAGES:
        owner: Any = importlib.import_module(module)
        *outer, name = path.split(".")
        for step in outer:
            owner = getattr(owner, step, None)
        if not hasattr(owner, name):
            print(f"  NOT MEASURED by itself: {module} has no {path}; adapt STAGES in {__name__}")
            continue
        kept.append((owner, name, getattr(owner, name)))
        setattr(owner, name, clock.timed(stage, getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, work in reversed(kept):
            setattr(owner, name, work)
