-- Documents of the company, for retrieval: snapshots, chunks, vectors by space.

-- +goose Up

CREATE TABLE knowledge_snapshots (
    id        TEXT PRIMARY KEY,
    origin    TEXT NOT NULL,
    documents INTEGER NOT NULL,
    chunks    INTEGER NOT NULL,
    created   INTEGER
) STRICT;

CREATE TABLE knowledge_chunks (
    snapshot TEXT NOT NULL REFERENCES knowledge_snapshots (id),
    seq      INTEGER NOT NULL,
    source   TEXT NOT NULL,
    version  TEXT NOT NULL,
    title    TEXT NOT NULL,
    body     TEXT NOT NULL,
    line     INTEGER NOT NULL,
    PRIMARY KEY (snapshot, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE knowledge_vectors (
    snapshot TEXT NOT NULL REFERENCES knowledge_snapshots (id),
    space    TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    vector   BLOB NOT NULL,
    PRIMARY KEY (snapshot, space, seq)
) STRICT, WITHOUT ROWID;
