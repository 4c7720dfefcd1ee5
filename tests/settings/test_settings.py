"""Where a setting's value comes from, and what is said when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.errors import SettingError
from adapter.settings import KNOWN, load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder in which all files set the edition."""
    (tmp_path / "hcc-adapter.toml").write_text('edition = "2021"\noptions = ["use-issued", "plan-active"]\n')
    return tmp_path


def test_every_setting_of_the_contract_is_known() -> None:
    names = (
        "fhir_server write_server state edition lang time_zone mappings canonical_base public_url clients cds_deadline "
        "cors_origins options thresholds fhir_token smart_client_id smart_key smart_scope"
    )
    assert set(names.split()) <= set(KNOWN)


def test_without_any_source_the_defaults_of_the_contract_hold(tmp_path: Path) -> None:
    settings = load(environment={}, folder=tmp_path)
    assert (settings.edition, settings.lang, settings.time_zone) == ("2024", "en", "UTC")
    assert settings.canonical_base == "https://hcc-conversion.org/fhir"
    assert settings.cds_deadline == 4
    assert settings.fhir_server is None and settings.clients is None
    assert settings.state.startswith("sqlite:///")
    assert set(settings.sources.values()) == {"default"}


def test_a_flag_wins_over_the_environment_over_dotenv_over_the_file_over_the_default(folder: Path) -> None:
    seen = [load(environment={}, folder=folder).edition]
    (folder / ".env").write_text("HCC_EDITION=strictest\nOTHER=1\n")
    seen.append(load(environment={}, folder=folder).edition)
    environment = {"HCC_EDITION": "2024"}
    seen.append(load(environment=environment, folder=folder).edition)
    seen.append(load({"edition": "2021"}, environment=environment, folder=folder).edition)
    assert seen == ["2021", "strictest", "2024", "2021"]


def test_each_value_says_where_it_came_from(folder: Path) -> None:
    settings = load({"lang": "zh"}, environment={"HCC_TIME_ZONE": "Asia/Shanghai"}, folder=folder)
    sources = {name: settings.sources[name] for name in ("lang", "time_zone", "edition", "cds_deadline")}
    assert sources == {
        "lang": "flag",
        "time_zone": "environment",
        "edition": "hcc-adapter.toml",
        "cds_deadline": "default",
    }


def test_a_list_in_the_file_equals_a_comma_list_in_the_environment(folder: Path) -> None:
    assert load(environment={}, folder=folder).options == {"use-issued", "plan-active"}
    environment = {"HCC_OPTIONS": "assume-absent, use-issued"}
    assert load(environment=environment, folder=folder).options == {"assume-absent", "use-issued"}


def test_an_empty_variable_counts_as_not_set(folder: Path) -> None:
    assert load(environment={"HCC_EDITION": "", "HCC_FHIR_SERVER": " "}, folder=folder).edition == "2021"


def test_hcc_config_names_another_file(folder: Path) -> None:
    (folder / "other.toml").write_text('lang = "zh"\ncds_deadline = 2.5\n')
    settings = load(environment={"HCC_CONFIG": "other.toml"}, folder=folder)
    assert (settings.lang, settings.cds_deadline, settings.edition) == ("zh", 2.5, "2024")


@pytest.mark.parametrize(
    ("environment", "toml", "wanted"),
    [
        ({"HCC_EDTION": "2024"}, "", "HCC_EDITION"),
        ({"HCC_FHIR_URL": "http://x"}, "", "HCC_FHIR_"),
        ({"HCC_edition": "2024"}, "", "HCC_EDITION"),
        ({}, 'cors_origin = "https://a.example"', "cors_origins"),
        ({}, "[server]\nport = 1\n", "nearest is "),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(
    tmp_path: Path, environment: dict[str, str], toml: str, wanted: str
) -> None:
    (tmp_path / "hcc-adapter.toml").write_text(toml)
    with pytest.raises(SettingError, match=wanted):
        load(environment=environment, folder=tmp_path)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("HCC_EDITION", "2023"),
        ("HCC_LANG", "de"),
        ("HCC_TIME_ZONE", "Mars/Olympus"),
        ("HCC_TIME_ZONE", "../etc/passwd"),
        ("HCC_FHIR_SERVER", "localhost:8080/fhir"),
        ("HCC_FHIR_SERVER", "http://"),
        ("HCC_WRITE_SERVER", "nowhere"),
        ("HCC_CANONICAL_BASE", "urn:x"),
        ("HCC_CDS_DEADLINE", "0"),
        ("HCC_CDS_DEADLINE", "soon"),
        ("HCC_BODY_LIMIT", "-1"),
        ("HCC_OPTIONS", "assume-present"),
        ("HCC_MAPPINGS", "no-such-folder"),
        ("HCC_CLIENTS", "no-such-file.toml"),
        ("HCC_CORS_ORIGINS", "*"),
        ("HCC_STATE", "state.db"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_its_name_and_source(
    tmp_path: Path, variable: str, text: str
) -> None:
    with pytest.raises(SettingError) as caught:
        load(environment={variable: text}, folder=tmp_path)
    assert str(caught.value).startswith(f"{variable}=")
    assert "(environment)" in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_no_toml_or_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("edition = ")
    for name in ("broken.toml", "missing.toml"):
        with pytest.raises(SettingError, match=name):
            load(environment={"HCC_CONFIG": name}, folder=tmp_path)


def test_no_secret_is_shown_in_any_form(tmp_path: Path) -> None:
    environment = {"HCC_FHIR_TOKEN": "s3cret", "HCC_STATE": "postgresql://hcc:s3cret@db/state"}
    settings = load(environment=environment, folder=tmp_path)
    assert settings.fhir_token == "s3cret"
    assert settings.shown["state"] == "postgresql://hcc:***@db/state"
    assert "s3cret" not in repr(settings) and "s3cret" not in str(dict(settings.shown))


def test_the_write_target_is_the_read_server_unless_it_is_set(tmp_path: Path) -> None:
    server = {"HCC_FHIR_SERVER": "http://read/fhir/"}
    assert load(environment=server, folder=tmp_path).write_target == "http://read/fhir"
    assert (
        load(environment={**server, "HCC_WRITE_SERVER": "http://write/fhir"}, folder=tmp_path).write_target
        == "http://write/fhir"
    )
    assert load(environment={**server, "HCC_WRITE_SERVER": "none"}, folder=tmp_path).write_target is None


def test_services_that_are_silent_are_a_comma_list(tmp_path: Path) -> None:
    assert load(environment={}, folder=tmp_path).cds_silent == frozenset()
    assert load(environment={"HCC_CDS_SILENT": "a-b, all"}, folder=tmp_path).cds_silent == {"a-b", "all"}
    with pytest.raises(SettingError, match="HCC_CDS_SILENT"):
        load(environment={"HCC_CDS_SILENT": "a/b"}, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://hcc:s3cret@db/state", "postgresql://hcc:***@db/state"),
        ("postgresql://hcc:s3c#ret@x/y@db/state", "postgresql://hcc:***@db/state"),
        ("postgresql://db/state?user=hcc&password=s3cret", "postgresql://db/state?user=hcc&password=***"),
        ("postgresql://db/state?pass%77ord=s3cret&x=1", "postgresql://db/state?pass%77ord=***&x=1"),
        ("mssql+pyodbc:///?odbc_connect=Server%3Dx%3BPWD%3Ds3cret", "mssql+pyodbc:///?odbc_connect=***"),
        ("sqlite:////var/lib/a@b/state.db?mode=ro", "sqlite:////var/lib/a@b/state.db?mode=ro"),
        ("postgresql://db/state?sslkey=s3cret;API_Token=s3cret", "postgresql://db/state?sslkey=***;API_Token=***"),
    ],
)
def test_secrets_in_an_address_are_hidden(tmp_path: Path, text: str, shown: str) -> None:
    assert load(environment={"HCC_STATE": text}, folder=tmp_path).shown["state"] == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://fhir/base?token=s3cret",
        "http://fhir/base?whatever=s3cret",
        "http://fhir/base#s3cret",
        "ftp://u:s3cret@h",
        "http://u:s3cret@fhir/base",
        "u:s3cret@fhir/base",
        "http://u:s3?cret@fhir/x",
        "http://[bad/?s3cret",
    ],
)
def test_a_refused_address_shows_neither_password_nor_query(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingError, match="HCC_FHIR_SERVER=") as refused:
        load(environment={"HCC_FHIR_SERVER": text}, folder=tmp_path)
    assert "s3" not in str(refused.value) and "cret" not in str(refused.value)
