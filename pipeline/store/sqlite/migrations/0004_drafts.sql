-- Drafts of the next version of a contract: one for each contract.

-- +goose Up

CREATE TABLE contract_drafts (
    contract   TEXT NOT NULL PRIMARY KEY,
    version    TEXT NOT NULL,
    source     TEXT NOT NULL,
    file       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    feeds_json TEXT NOT NULL,
    proposed   INTEGER
) STRICT;
