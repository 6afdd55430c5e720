-- What happened to clusters. A row for each change of a cluster, and one for each
-- item that left one, so that its history is found.

-- +goose Up

CREATE TABLE cluster_events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster  TEXT NOT NULL,
    at       INTEGER,
    doc_json TEXT NOT NULL
) STRICT;
CREATE INDEX cluster_events_cluster ON cluster_events (cluster, seq);
CREATE INDEX cluster_events_at ON cluster_events (at);

CREATE TABLE cluster_left (
    item    TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    cluster TEXT NOT NULL,
    PRIMARY KEY (item, seq)
) STRICT, WITHOUT ROWID;
