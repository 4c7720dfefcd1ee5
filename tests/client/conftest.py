"""The services under test, one for each configuration, and the servers around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.client.cds import VIEW, Ehr
from tests.client.fetching import Fetching
from tests.client.fhirserver import FakeFHIR
from tests.client.gallery import Gallery, gallery
from tests.client.keyserver import KeyServer
from tests.client.prefetched import Complete
from tests.client.process import Service, client_table, write_clients
from tests.client.records import violating
from tests.client.tokens import Client
from tests.client.trusting import Trusted

ORIGIN = "https://ehr.example"
PUBLIC = "https://cds.example.org/hcc"
SOON = 1
ROTATION = "test_a_rotated_key_is_found_once"


@contextmanager
def running(home: Path, *flags: str, **settings: str) -> Iterator[Service]:
    service = Service(home, *flags, **settings)
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="package")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(scope="package")
def open_service(homes: Path) -> Iterator[Service]:
    """An open service: its state and its log can be read."""
    with running(homes / "open", "--open") as started:
        yield started


@pytest.fixture(scope="package")
def ehr(open_service: Service) -> Ehr:
    """A caller of the open service."""
    return Ehr(open_service.url)


@pytest.fixture(scope="package")
def zh(homes: Path) -> Iterator[Ehr]:
    """A caller of an open service in Chinese."""
    with running(homes / "zh", "--open", HCC_LANG="zh") as started:
        yield Ehr(started.url)


@pytest.fixture(scope="package")
def english(ehr: Ehr) -> Gallery:
    """All kinds of cards in English."""
    return gallery(ehr)


@pytest.fixture(scope="package")
def chinese(zh: Ehr) -> Gallery:
    """All kinds of cards in Chinese."""
    return gallery(zh)


@pytest.fixture(params=["english", "chinese"])
def shown(request: pytest.FixtureRequest) -> Gallery:
    """All kinds of cards, in each language."""
    found: Gallery = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="package")
def impatient(homes: Path) -> Iterator[Ehr]:
    """A caller of an open service that waits for the FHIR server one second only."""
    with running(homes / "impatient", "--open", HCC_CDS_DEADLINE=str(SOON)) as started:
        yield Ehr(started.url)


@pytest.fixture
def fake() -> Iterator[FakeFHIR]:
    with closing(FakeFHIR()) as server:
        yield server


@pytest.fixture
def evil() -> Iterator[FakeFHIR]:
    """A second host: anything that arrives here was sent to the wrong place."""
    with closing(FakeFHIR()) as server:
        yield server


@pytest.fixture
def complete(ehr: Ehr, fake: FakeFHIR) -> Complete:
    """A patient of whom there is something to say, completely prefetched."""
    record = violating()
    body = ehr.full(VIEW, record, fake)
    cards = ehr.ask(VIEW, record, fake)
    return Complete(ehr, fake, record, body, cards)


@pytest.fixture
def ask(ehr: Ehr, fake: FakeFHIR) -> Fetching:
    """Calls whose facts must be read at the fake server."""
    return Fetching(ehr, fake)


@pytest.fixture
def ask_soon(impatient: Ehr, fake: FakeFHIR) -> Fetching:
    """The same with a short deadline."""
    return Fetching(impatient, fake)


@pytest.fixture(scope="package")
def allowed() -> Iterator[FakeFHIR]:
    """The FHIR server that the trusted callers may name."""
    with closing(FakeFHIR()) as server:
        yield server


@pytest.fixture(scope="package")
def trusted(homes: Path, allowed: FakeFHIR) -> Iterator[Trusted]:
    """A service with trusted callers of several algorithms, one of them with tenants."""
    home = homes / "trusted"
    home.mkdir()
    main, tenant = Client("https://ehr.example/main"), Client("https://ehr.example/tenant")
    rs, es256 = Client("https://ehr.example/rs", "RS384"), Client("https://ehr.example/es256", "ES256")
    servers = [allowed.url]
    clients = write_clients(
        home,
        client_table(main, home, fhir=servers),
        client_table(tenant, home, fhir=servers, tenants=["t1"]),
        client_table(rs, home),
        client_table(es256, home),
    )
    with running(home, HCC_CLIENTS=clients, HCC_CORS_ORIGINS=ORIGIN) as started:
        yield Trusted(started, started.url, allowed, main=main, tenant=tenant, rs=rs, es256=es256)


@pytest.fixture(scope="package")
def workers(homes: Path, allowed: FakeFHIR) -> Iterator[Trusted]:
    """Two workers, one state database, behind a public address."""
    home = homes / "workers"
    home.mkdir()
    main = Client("https://ehr.example/main")
    clients = write_clients(home, client_table(main, home, fhir=[allowed.url]))
    with running(home, "--workers", "2", HCC_CLIENTS=clients, HCC_PUBLIC_URL=PUBLIC) as started:
        yield Trusted(started, PUBLIC, allowed, main=main)


@pytest.fixture(scope="package")
def keys(homes: Path) -> Iterator[KeyServer]:
    """Where callers publish their keys."""
    with closing(KeyServer(homes)) as server:
        yield server


@pytest.fixture(scope="package")
def keyed(homes: Path, allowed: FakeFHIR, keys: KeyServer) -> Iterator[Trusted]:
    """A service whose clients publish their keys; the authority is given by the usual variables of TLS clients."""
    home = homes / "jku"
    home.mkdir()
    clients = {name: Client(f"https://ehr.example/{name}") for name in ("main", "bouncing", "rotating")}
    keys.sets = {"/main.json": clients["main"].jwks(), "/real.json": clients["bouncing"].jwks()}
    keys.sets["/rotating.json"] = clients["rotating"].jwks()
    keys.redirects["/bouncing.json"] = f"{keys.host}/real.json"
    tables = [client_table(one, home, jku=f"{keys.host}/{name}.json") for name, one in clients.items()]
    authority = {"REQUESTS_CA_BUNDLE": str(keys.authority), "SSL_CERT_FILE": str(keys.authority)}
    with running(home, HCC_CLIENTS=write_clients(home, *tables), **authority) as started:
        yield Trusted(started, started.url, allowed, **clients)


@pytest.fixture(scope="package", autouse=True)
def _keys_asked_early(request: pytest.FixtureRequest) -> None:
    """The keys that rotate are asked for first of all: the minute until they may be again passes with other tests."""
    if any(item.name == ROTATION for item in request.session.items):
        keyed: Trusted = request.getfixturevalue("keyed")
        assert keyed.discover(keyed.clients["rotating"].token(keyed.aud())).status_code == 200
