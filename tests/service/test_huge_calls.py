"""A huge record keeps its own caller waiting and nobody else."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

from starlette.testclient import TestClient

from adapter.service.hooks import HUGE
from adapter.service.places import COMPUTING, COURTESY_SECONDS, Lane
from tests.service.conftest import PATIENT_VIEW, Json, hook_request

A_WHILE, LONG = 0.5, 60


def test_an_ordinary_call_does_not_wait_for_huge_ones(client: TestClient, charts: dict[str, list[Json]]) -> None:
    request = hook_request(charts["syn-05-bevacizumab-too-late"])
    small = json.dumps(request)
    large = json.dumps({**request, "extension": {"org.example.padding": "x" * HUGE}})

    def call(body: str) -> int:
        return client.post(PATIENT_VIEW, content=body, headers={"Content-Type": "application/json"}).status_code

    assert client.portal is not None
    places = client.app.state.huge.places  # type: ignore[attr-defined]  # Starlette types an application as a function
    holders = [object() for _ in range(COMPUTING)]
    for holder in holders:  # as many huge calls as have a place
        client.portal.call(places.acquire_on_behalf_of, holder)
    with ThreadPoolExecutor(1) as caller:
        another = caller.submit(call, large)
        assert not wait([another], A_WHILE).done
        assert call(small) == 200
        assert not another.done()
        for holder in holders:
            client.portal.call(places.release_on_behalf_of, holder)
        assert another.result(LONG) == 200


def test_one_computes_at_a_time_and_nobody_waits_long_for_it() -> None:
    lane, order, seconds = Lane(), [], []
    inside, leave = threading.Event(), threading.Event()

    def first(stays: bool) -> None:
        with lane.turn():
            inside.set()
            if stays:
                leave.wait(LONG)
            order.append("first")

    def second() -> None:
        inside.wait(LONG)
        started = time.monotonic()
        with lane.turn():
            seconds.append(time.monotonic() - started)
            order.append("second")
            leave.set()

    for stays in (False, True):
        inside.clear()
        leave.clear()
        both = [threading.Thread(target=first, args=(stays,)), threading.Thread(target=second)]
        for one in both:
            one.start()
        for one in both:
            one.join(LONG)
    assert order == ["first", "second", "second", "first"]
    assert seconds[1] >= COURTESY_SECONDS and seconds[0] < LONG
