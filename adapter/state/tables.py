"""The tables of the state database and the steps from one version of them to the next."""

from __future__ import annotations

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
# UNMAPPED belongs to version 1 and is not written any more: it could not tell a repeated run from a new resource.
STEPS: tuple[tuple[sa.Table, ...], ...] = (
    (LEDGER, WATERMARKS, LOCKS, TOKENS, FEEDBACK, UNMAPPED),
    (STRANGERS, MET),
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
            connection.execute(sa.insert(VERSION).values(version=number))
    return max(found, len(STEPS))
