-- Live answers as the observer sees them, what they are compared with, and runs
-- of the canary queries.

-- +goose Up

CREATE TABLE observed (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    item     TEXT NOT NULL,
    version  TEXT NOT NULL,
    at       INTEGER,
    reviewed TEXT NOT NULL,
    doc_json TEXT NOT NULL
) STRICT;
CREATE INDEX observed_version ON observed (version, seq);
CREATE INDEX observed_item ON observed (item);
CREATE INDEX observed_at ON observed (at);
CREATE INDEX observed_reviewed ON observed (reviewed, seq) WHERE reviewed <> '';

CREATE TABLE live_baselines (
    version    TEXT NOT NULL,
    generation INTEGER NOT NULL,
    locked     INTEGER,
    doc_json   TEXT NOT NULL,
    PRIMARY KEY (version, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE canary_runs (
    id       TEXT PRIMARY KEY,
    query_set TEXT NOT NULL,
    at       INTEGER,
    doc_json TEXT NOT NULL
) STRICT;
CREATE INDEX canary_runs_at ON canary_runs (query_set, at, id);
