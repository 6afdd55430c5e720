-- Canaries: what is new, which share of the items sees it, what became of it.

-- +goose Up

CREATE TABLE trials (
    id      text COLLATE "C" PRIMARY KEY,
    started timestamptz,
    doc     json NOT NULL
);
CREATE INDEX trials_started ON trials (started, id);
