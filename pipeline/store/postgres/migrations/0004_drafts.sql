-- Drafts of the next version of a contract: one for each contract.

-- +goose Up

CREATE TABLE contract_drafts (
    contract text COLLATE "C" NOT NULL PRIMARY KEY,
    version  text COLLATE "C" NOT NULL,
    source   bytea NOT NULL,
    file     text NOT NULL,
    hash     text NOT NULL,
    feeds    text[],
    proposed timestamptz
);
