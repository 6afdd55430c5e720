-- The registry of contracts: every published version, and who reads what.

-- +goose Up

CREATE TABLE contracts (
    contract   text COLLATE "C" NOT NULL,
    version    text COLLATE "C" NOT NULL,
    source     bytea NOT NULL,
    file       text NOT NULL,
    hash       text NOT NULL,
    feeds      text[],
    published  timestamptz,
    actor      text NOT NULL,
    deprecated timestamptz,
    PRIMARY KEY (contract, version)
);

CREATE TABLE consumers (
    contract text COLLATE "C" NOT NULL,
    name     text COLLATE "C" NOT NULL,
    feed     text NOT NULL,
    contact  text NOT NULL,
    fields   text[],
    PRIMARY KEY (contract, name)
);
