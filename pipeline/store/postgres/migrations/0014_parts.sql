-- Part numbers and designations by which items are found exactly, in the form
-- in which they are compared (catalog.PartKeys). NULL: not worked out yet, for
-- items from before this column; whoever first looks by part number does it.

-- +goose Up

ALTER TABLE items ADD COLUMN parts text[];
CREATE INDEX items_parts ON items USING gin (parts) WHERE NOT retired;
CREATE INDEX items_unread ON items (id) WHERE parts IS NULL;
