"""A state database that fails while the service runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from adapter.service.site import Site

TABLES = ("hcc_report", "hcc_card_fate", "hcc_card", "hcc_token", "hcc_version")


def broken(site: Site) -> None:
    """Takes the tables away under the running service, as a wrong restore would."""
    with closing(sqlite3.connect(site.settings.state.removeprefix("sqlite:///"))) as connection:
        for table in TABLES:
            connection.execute(f"DROP TABLE {table}")
        connection.commit()
