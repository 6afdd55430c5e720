-- A name in the landing zone is used again and again, and a held batch is judged
-- again: which content of its name a batch is, how often it was judged again, and
-- who released it, if a person did.

-- +goose Up

ALTER TABLE batches ADD COLUMN landing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN released_by TEXT NOT NULL DEFAULT '';
ALTER TABLE batches ADD COLUMN release_reason TEXT NOT NULL DEFAULT '';
