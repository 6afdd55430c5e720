-- What training and people add to the catalog.

-- +goose Up

CREATE TABLE models (
    kind         TEXT NOT NULL,
    id           TEXT NOT NULL,
    trained      INTEGER,
    summary_json TEXT NOT NULL,
    body         BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

-- Answers to questions about items. They outlive a parse, not the text.
CREATE TABLE enrichments (
    item       TEXT NOT NULL,
    attribute  TEXT NOT NULL,
    value_json TEXT NOT NULL,
    text       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    at         INTEGER,
    PRIMARY KEY (item, attribute)
) STRICT, WITHOUT ROWID;

-- The catalog report after each batch, for its trend.
CREATE TABLE catalog_reports (
    batch        TEXT PRIMARY KEY,
    at           INTEGER,
    figures_json TEXT NOT NULL
) STRICT;
CREATE INDEX catalog_reports_at ON catalog_reports (at, batch);

-- What changed since somebody looked last.
CREATE INDEX items_updated ON items (updated);
