-- What the sweep remembers, what is told to people, who watches what, and who
-- was erased.

-- +goose Up

CREATE TABLE sweeps (
    feed     TEXT PRIMARY KEY,
    doc_json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notices (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    lane     TEXT NOT NULL,
    feed     TEXT NOT NULL,
    state    TEXT NOT NULL,
    next     INTEGER NOT NULL DEFAULT 0,
    created  INTEGER,
    doc_json TEXT NOT NULL
) STRICT;
CREATE INDEX notices_waiting ON notices (lane, seq) WHERE state = 'waiting';
CREATE INDEX notices_feed ON notices (feed, seq);

CREATE TABLE watches (
    id       TEXT PRIMARY KEY,
    created  INTEGER,
    doc_json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tombstones (
    id       TEXT PRIMARY KEY,
    feed     TEXT NOT NULL,
    at       INTEGER,
    doc_json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
