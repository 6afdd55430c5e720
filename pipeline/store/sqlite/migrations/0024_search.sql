-- The search index: under each key (catalog.IndexKeys) the numbers of the live
-- items that have it, in blocks (package postings). Items of catalogs from before
-- it wait to be taken in.

-- +goose Up

CREATE TABLE search_postings (
    key   TEXT NOT NULL,
    block INTEGER NOT NULL,
    bits  BLOB NOT NULL,
    PRIMARY KEY (key, block)
) STRICT, WITHOUT ROWID;

-- The number of an item in the index, and under which keys it stands there, a
-- line each.
CREATE TABLE search_items (
    n    INTEGER PRIMARY KEY,
    item TEXT NOT NULL UNIQUE,
    keys TEXT NOT NULL
) STRICT;

CREATE TABLE search_waiting (
    seq  INTEGER PRIMARY KEY,
    item TEXT NOT NULL
) STRICT;
CREATE INDEX search_waiting_item ON search_waiting (item);

INSERT INTO search_waiting (item) SELECT id FROM items WHERE retired = 0 ORDER BY id;

-- The breakers that are not closed: an overview asks for them at each look, and
-- reading every state would be most of its time.
CREATE INDEX breakers_moved ON breakers (signal, scope) WHERE state_json ->> '$.position' IN ('open', 'half-open');
