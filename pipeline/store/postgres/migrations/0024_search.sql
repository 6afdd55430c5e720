-- The search index: under each key (catalog.IndexKeys) the numbers of the live
-- items that have it, in blocks (package postings). What transactions change
-- waits, and one process at a time takes it in: two of them would change the same
-- blocks. So do the items of catalogs from before it.

-- +goose Up

CREATE TABLE search_postings (
    key   text COLLATE "C" NOT NULL,
    block integer NOT NULL,
    bits  bytea NOT NULL,
    PRIMARY KEY (key, block)
);
ALTER TABLE search_postings ALTER COLUMN bits SET STORAGE PLAIN;

-- The number of an item in the index, and under which keys it stands there, a
-- line each.
CREATE TABLE search_items (
    n    integer PRIMARY KEY,
    item text COLLATE "C" NOT NULL UNIQUE,
    keys text NOT NULL
);

CREATE TABLE search_waiting (
    seq  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item text COLLATE "C" NOT NULL
);
CREATE INDEX search_waiting_item ON search_waiting (item);

-- A trigger, so that what a program of the release before still writes waits too.
-- +goose StatementBegin
CREATE FUNCTION search_wait() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO search_waiting (item) SELECT id FROM changed;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER items_search_put AFTER INSERT ON items REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION search_wait();
CREATE TRIGGER items_search_change AFTER UPDATE ON items REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION search_wait();

INSERT INTO search_waiting (item) SELECT id FROM items WHERE NOT retired ORDER BY id;

-- The breakers that are not closed: an overview asks for them at each look, and
-- reading every state would be most of its time.
CREATE INDEX breakers_moved ON breakers (signal, scope) WHERE state ->> 'position' IN ('open', 'half-open');
