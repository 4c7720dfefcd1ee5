"""What a CDS Hooks call with a full prefetch costs, beside peers that judge nothing, in one run.

    python tests/bench/bench_hooks.py [SECONDS] [--peers] [--peers-folder FOLDER] [--profile]

Our service runs with one worker and `--open`, and is called over 1, 8 and 32 connections with 300 resources (about 600
kB) and with 50; SECONDS is the time of each figure, longer for a slow service. `--peers` adds a HealthChain service and
a FastAPI service with the full models of fhir.resources, both with a static card, and the ratios, which hold on any
machine; HealthChain is installed with pip into an environment of its own, kept where FOLDER is given. `--profile` shows
where one call's time goes, and measures no service.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from tests.bench.hooks.bodies import calls
from tests.bench.hooks.load import Load, generator, load
from tests.bench.hooks.services import HEALTHCHAIN, Service, healthchain_python, ours, peer
from tests.bench.hooks.stages import PLAIN, stages

RESOURCES = (300, 50)
CONNECTIONS = (1, 8, 32)
WARM_SECONDS = 2
FEW = 100
PER_CONNECTION = 10
LONGEST = 30


def asked() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="What a CDS Hooks call costs.")
    parser.add_argument("seconds", type=int, nargs="?", default=5, help="time of each figure, at least 1")
    parser.add_argument("--peers", action="store_true", help="measure the peers too, in the same run")
    parser.add_argument("--peers-folder", type=Path, help="environment of HealthChain, made where it is not there")
    parser.add_argument("--profile", action="store_true", help="milliseconds of one call by stage, in process")
    found = parser.parse_args()
    found.seconds = max(found.seconds, 1)
    return found


def machine() -> str:
    """What the figures were measured on, and whether it had other work."""
    return f"{os.cpu_count()} cores, busy with {os.getloadavg()[0]:.1f} processes before the run"


def peers(stack: ExitStack, folder: Path) -> list[Service]:
    """The peers that could be started; the one that cannot be had is said to be missing."""
    found = []
    try:
        python = healthchain_python(folder)
        name = f"HealthChain {HEALTHCHAIN}, static card"
        found.append(stack.enter_context(peer(name, python, "healthchain_service", "/cds/cds-services/static-card")))
    except RuntimeError as error:
        print(f"HealthChain is NOT MEASURED, and there is no ratio to it: {error}")
    name = "FastAPI, full models, static card"
    full = peer(name, sys.executable, "full_models_service", "/cds-services/static-card")
    return [*found, stack.enter_context(full)]


def check(service: Service, bodies: list[bytes]) -> None:
    """Every body gets cards from a service; ends the run otherwise, since its figures would say nothing."""
    parts = urlsplit(service.url)
    line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    for body in bodies:
        line.request("POST", parts.path, body, {"Content-Type": "application/json"})
        answer = line.getresponse()
        content = answer.read()
        if answer.status != http.client.OK or not orjson.loads(content).get("cards"):
            raise SystemExit(f"{service.name} answered {answer.status} without cards: {content[:300]!r}")
    line.close()


def enough(service: Service, folder: Path, connections: int, seconds: int) -> Load:
    """The load, again and longer where few calls were answered: those under way at the end are not counted."""
    found = load(service.url, folder, connections, seconds)
    wanted = max(FEW, PER_CONNECTION * connections)
    if found.calls >= wanted:
        return found
    return load(service.url, folder, connections, min(seconds * (wanted // found.calls + 1), LONGEST))


def shown(name: str, found: Load) -> str:
    """One line of the table."""
    doubt = f"  ({found.calls} calls: too few for a p99)" if found.calls < FEW else ""
    return f"  {name:<36}{found.rate:>8.1f} calls/s{found.middle:>9.2f} ms p50{found.late:>9.2f} ms p99{doubt}"


def measure(services: list[Service], bodies: list[bytes], seconds: int) -> None:
    """The table for some bodies: each service in turn under each number of connections, then the ratios."""
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        for number, body in enumerate(bodies):
            (folder / f"{number:02}.json").write_bytes(body)
        for service in services:
            check(service, bodies)
            load(service.url, folder, 1, WARM_SECONDS)
        for connections in CONNECTIONS:
            print(f"{connections} connection{'s' if connections > 1 else ''}")
            own = None
            for service in services:
                found = enough(service, folder, connections, seconds)
                print(shown(service.name, found))
                own = own or found
                if found is not own:
                    print(f"    ours / {service.name}: {own.rate / found.rate:.1f}")


def profile(bodies: list[bytes]) -> None:
    """One call by stage."""
    spent = stages(bodies)
    plain = spent.pop(PLAIN)
    print(f"  {PLAIN:<40}{plain:>8.3f} ms")
    for name, took in spent.items():
        print(f"  {name:<40}{took:>8.3f} ms")
    whole = sum(spent.values())
    print(f"  {'together':<40}{whole:>8.3f} ms, {whole / plain:.1f} times the yardstick")


def main() -> None:
    """Measure and print."""
    wanted = asked()
    sizes = {resources: calls(resources) for resources in RESOURCES}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        services = []
        if not wanted.profile:
            print(f"load by {generator()}, {wanted.seconds} s each; one worker; {machine()}")
            services.append(stack.enter_context(ours(folder)))
            services += peers(stack, wanted.peers_folder or folder / "healthchain") if wanted.peers else []
        for resources, bodies in sizes.items():
            size = sum(map(len, bodies)) / len(bodies) / 1000
            print(f"\n{len(bodies)} patients, {resources} resources prefetched, {size:.0f} kB a call", flush=True)
            if wanted.profile:
                profile(bodies)
            else:
                measure(services, bodies, wanted.seconds)


if __name__ == "__main__":
    main()
