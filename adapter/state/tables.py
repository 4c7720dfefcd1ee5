"""The tables of the state database and the steps from one version of them to the next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import sqlalchemy as sa

METADATA = sa.MetaData()
SHORT, LONG = sa.String(255), sa.Text

VERSION = sa.Table("hcc_version", METADATA, sa.Column("version", sa.Integer, primary_key=True))
LEDGER = sa.Table(
    "hcc_ledger",
    METADATA,
    sa.Column("server", SHORT, primary_key=True),
    sa.Column("key", SHORT, primary_key=True),
    sa.Column("patient", SHORT, nullable=False),
    sa.Column("kind", SHORT, nullable=False),
    sa.Column("id", SHORT, nullable=False),
    sa.Column("version", SHORT),
    sa.Column("hash", SHORT, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Index("hcc_ledger_patient", "server", "patient"),
)
WATERMARKS = sa.Table(
    "hcc_watermark",
    METADATA,
    sa.Column("server", SHORT, primary_key=True),
    sa.Column("name", SHORT, primary_key=True),
    sa.Column("value", SHORT, nullable=False),
)
LOCKS = sa.Table(
    "hcc_lock",
    METADATA,
    sa.Column("name", SHORT, primary_key=True),
    sa.Column("owner", SHORT, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
)
TOKENS = sa.Table(
    "hcc_token",
    METADATA,
    sa.Column("issuer", SHORT, primary_key=True),
    sa.Column("jti", SHORT, primary_key=True),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Index("hcc_token_expires", "expires"),
)
FEEDBACK = sa.Table(
    "hcc_feedback",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("service", SHORT, nullable=False),
    sa.Column("card", SHORT, nullable=False),
    sa.Column("outcome", SHORT, nullable=False),
    sa.Column("outcome_at", SHORT, nullable=False),
    sa.Column("client", SHORT),
    sa.Column("finding", SHORT),
    sa.Column("reasons", LONG),
    sa.UniqueConstraint("service", "card", "outcome", "outcome_at", name="hcc_feedback_once"),
)
UNMAPPED = sa.Table(
    "hcc_unmapped",
    METADATA,
    sa.Column("source", SHORT, primary_key=True),
    sa.Column("system", SHORT, primary_key=True),
    sa.Column("code", SHORT, primary_key=True),
    sa.Column("reason", SHORT, primary_key=True),
    sa.Column("display", LONG),
    sa.Column("count", sa.Integer, nullable=False),
)
STRANGERS = sa.Table(
    "hcc_stranger",
    METADATA,
    sa.Column("source", SHORT, primary_key=True),
    sa.Column("key", SHORT, primary_key=True),
    sa.Column("system", LONG),
    sa.Column("code", LONG),
    sa.Column("display", LONG),
    sa.Column("reason", SHORT, nullable=False),
    sa.Column("concepts", LONG, nullable=False),
    sa.Column("example", LONG, nullable=False),
    sa.Column("first_seen", SHORT, nullable=False),
    sa.Column("last_seen", SHORT, nullable=False),
)
MET = sa.Table(
    "hcc_stranger_met",
    METADATA,
    sa.Column("source", SHORT, primary_key=True),
    sa.Column("patient", SHORT, primary_key=True),
    sa.Column("part", SHORT, primary_key=True),
    sa.Column("key", SHORT, primary_key=True),
    sa.Column("unit", SHORT, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Index("hcc_stranger_met_key", "source", "key"),
)
CARDS = sa.Table(
    "hcc_card",
    METADATA,
    sa.Column("card", SHORT, primary_key=True),
    sa.Column("service", SHORT, primary_key=True),
    sa.Column("client", SHORT, primary_key=True),
    sa.Column("day", SHORT, primary_key=True),
    sa.Column("silent", sa.Integer, primary_key=True),
    sa.Column("topic", SHORT, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Index("hcc_card_day", "day"),
)
REPORTS = sa.Table(
    "hcc_report",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("service", SHORT, nullable=False),
    sa.Column("card", SHORT, nullable=False),
    sa.Column("client", SHORT, nullable=False),
    sa.Column("outcome", SHORT, nullable=False),
    sa.Column("outcome_at", SHORT, nullable=False),
    sa.Column("reasons", LONG),
    sa.Column("digest", SHORT, nullable=False, unique=True),
)
FATES = sa.Table(
    "hcc_card_fate",
    METADATA,
    sa.Column("card", SHORT, primary_key=True),
    sa.Column("client", SHORT, primary_key=True),
    sa.Column("outcome", SHORT, nullable=False),
    sa.Column("outcome_at", SHORT, nullable=False),
)
# Of version 1 two are not written any more: UNMAPPED could not tell a repeated run from a new resource, FEEDBACK took
# two reports of one instant for one (what it holds is carried over).
STEPS: tuple[tuple[sa.Table, ...], ...] = (
    (LEDGER, WATERMARKS, LOCKS, TOKENS, FEEDBACK, UNMAPPED),
    (STRANGERS, MET),
    (CARDS, REPORTS, FATES),
)
"""What each version adds. A step that shipped is never edited: a change is a new step."""


def migrate(engine: sa.Engine) -> int:
    """Bring the database to the newest version, also when several processes start at once; returns the version."""
    VERSION.create(engine, checkfirst=True)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("LOCK TABLE hcc_version IN ACCESS EXCLUSIVE MODE"))
        found = connection.scalar(sa.select(sa.func.max(VERSION.c.version))) or 0
        for number, step in enumerate(STEPS[found:], start=found + 1):
            for table in step:
                table.create(connection, checkfirst=True)
            if REPORTS in step:
                _carry_feedback(connection)
            connection.execute(sa.insert(VERSION).values(version=number))
    return max(found, len(STEPS))


def report_digest(row: Mapping[str, str | None]) -> str:
    """What tells one report on a card from another: everything that it says."""
    told = [row[name] for name in ("service", "card", "client", "outcome", "outcome_at", "reasons")]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _carry_feedback(connection: sa.Connection) -> None:
    """The reports of version 1, in their order, and the newest of each card."""
    fates: dict[tuple[str, str], dict[str, str]] = {}
    for old in connection.execute(sa.select(FEEDBACK).order_by(FEEDBACK.c.number)).mappings().all():
        named = ("service", "card", "client", "outcome", "outcome_at", "reasons")
        row = {**{name: old[name] for name in named}, "client": old["client"] or ""}
        connection.execute(sa.insert(REPORTS).values(**row, digest=report_digest(row)))
        fate, key = (
            {name: row[name] for name in ("card", "client", "outcome", "outcome_at")},
            (row["card"], row["client"]),
        )
        if key not in fates or fates[key]["outcome_at"] <= fate["outcome_at"]:
            fates[key] = fate
    if fates:
        connection.execute(sa.insert(FATES), list(fates.values()))
