-- What chat models were asked, what they answered, and what that cost. Calls are
-- written all the time and looked for rarely: the time is their only index.

-- +goose Up

CREATE TABLE model_calls (
    id        TEXT NOT NULL PRIMARY KEY,
    at        INTEGER,
    model     TEXT NOT NULL,
    purpose   TEXT NOT NULL,
    item      TEXT NOT NULL,
    batch     TEXT NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    cached    INTEGER NOT NULL,
    micros    INTEGER NOT NULL,
    priced    INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    call_json TEXT NOT NULL
) STRICT;

CREATE INDEX model_calls_at ON model_calls (at);

CREATE TABLE model_answers (
    key        TEXT NOT NULL PRIMARY KEY,
    item       TEXT NOT NULL,
    call       TEXT NOT NULL,
    at         INTEGER,
    reply_json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE budgets (
    account TEXT NOT NULL,
    day     TEXT NOT NULL,
    spent   INTEGER NOT NULL,
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_fixed (
    id         TEXT NOT NULL PRIMARY KEY,
    fixed_json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
