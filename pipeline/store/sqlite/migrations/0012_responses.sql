-- What the API answered to writes that named an idempotency key. A row without a
-- status is a claim: the write is under way.

-- +goose Up

CREATE TABLE responses (
    subject     TEXT NOT NULL,
    key         TEXT NOT NULL,
    print       TEXT NOT NULL,
    owner       TEXT NOT NULL,
    until       INTEGER,
    status      INTEGER NOT NULL,
    header_json TEXT NOT NULL,
    body        TEXT NOT NULL,
    at          INTEGER,
    PRIMARY KEY (subject, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX responses_at ON responses (at);
