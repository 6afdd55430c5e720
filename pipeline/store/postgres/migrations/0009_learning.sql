-- What training and people add to the catalog.

-- +goose Up

CREATE TABLE models (
    kind    text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    trained timestamptz,
    summary json NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Answers to questions about items. They outlive a parse, not the text.
CREATE TABLE enrichments (
    item      text COLLATE "C" NOT NULL,
    attribute text COLLATE "C" NOT NULL,
    value     json NOT NULL,
    text      text NOT NULL,
    actor     text NOT NULL,
    at        timestamptz,
    PRIMARY KEY (item, attribute)
);

-- The catalog report after each batch, for its trend.
CREATE TABLE catalog_reports (
    batch   text COLLATE "C" PRIMARY KEY,
    at      timestamptz,
    figures json NOT NULL
);
CREATE INDEX catalog_reports_at ON catalog_reports (at, batch);

-- What changed since somebody looked last.
CREATE INDEX items_updated ON items (updated);
