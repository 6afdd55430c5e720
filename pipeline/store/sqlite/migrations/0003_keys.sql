-- The keys of published rows, for keys that are unique over all files of a feed.

-- +goose Up

CREATE TABLE key_scopes (
    id    INTEGER PRIMARY KEY,
    feed  TEXT NOT NULL,
    key   TEXT NOT NULL,
    since INTEGER, -- of the latest key that went for want of room
    UNIQUE (feed, key)
) STRICT;

CREATE TABLE seen_keys (
    scope INTEGER NOT NULL REFERENCES key_scopes (id),
    hash  BLOB NOT NULL,
    batch TEXT NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (scope, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_keys_at ON seen_keys (scope, at);
