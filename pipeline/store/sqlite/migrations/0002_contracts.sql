-- The contract registry: published versions, and who reads which fields.

-- +goose Up

CREATE TABLE contracts (
    contract   TEXT NOT NULL,
    version    TEXT NOT NULL,
    source     TEXT NOT NULL,
    file       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    feeds_json TEXT NOT NULL,
    published  INTEGER,
    actor      TEXT NOT NULL,
    deprecated INTEGER,
    PRIMARY KEY (contract, version)
) STRICT;

CREATE TABLE consumers (
    contract    TEXT NOT NULL,
    name        TEXT NOT NULL,
    feed        TEXT NOT NULL,
    contact     TEXT NOT NULL,
    fields_json TEXT NOT NULL,
    PRIMARY KEY (contract, name)
) STRICT;
