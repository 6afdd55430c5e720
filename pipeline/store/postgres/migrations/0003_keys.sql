-- The keys of published rows, for keys that are unique over all files of a feed.

-- +goose Up

CREATE TABLE key_scopes (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed  text COLLATE "C" NOT NULL,
    key   text COLLATE "C" NOT NULL,
    since timestamptz, -- of the latest key that went for want of room
    UNIQUE (feed, key)
);

CREATE TABLE seen_keys (
    scope bigint NOT NULL REFERENCES key_scopes (id),
    hash  bytea NOT NULL,
    batch text COLLATE "C" NOT NULL,
    at    timestamptz NOT NULL,
    PRIMARY KEY (scope, hash)
);
CREATE INDEX seen_keys_at ON seen_keys (scope, at);
