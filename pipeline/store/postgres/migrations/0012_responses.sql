-- What the API answered to writes that named an idempotency key. A row without a
-- status is a claim: the write is under way.

-- +goose Up

CREATE TABLE responses (
    subject text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    print   text COLLATE "C" NOT NULL,
    owner   text COLLATE "C" NOT NULL,
    until   timestamptz,
    status  integer NOT NULL,
    header  json NOT NULL,
    body    text NOT NULL,
    at      timestamptz,
    PRIMARY KEY (subject, key)
);

CREATE INDEX responses_at ON responses (at);
