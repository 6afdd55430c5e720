-- Canaries: what is new, which share of the items sees it, what became of it.

-- +goose Up

CREATE TABLE trials (
    id      TEXT PRIMARY KEY,
    started INTEGER,
    doc_json TEXT NOT NULL
) STRICT;
CREATE INDEX trials_started ON trials (started, id);
