-- Live answers as the observer sees them, what they are compared with, and runs
-- of the canary queries.

-- +goose Up

CREATE TABLE observed (
    seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       text COLLATE "C" NOT NULL UNIQUE,
    item     text COLLATE "C" NOT NULL,
    version  text COLLATE "C" NOT NULL,
    at       timestamptz,
    reviewed text COLLATE "C" NOT NULL,
    doc      json NOT NULL
);
CREATE INDEX observed_version ON observed (version, seq);
CREATE INDEX observed_item ON observed (item);
CREATE INDEX observed_at ON observed (at);
CREATE INDEX observed_reviewed ON observed (reviewed, seq) WHERE reviewed <> '';

CREATE TABLE live_baselines (
    version    text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    locked     timestamptz,
    doc        json NOT NULL,
    PRIMARY KEY (version, generation)
);

CREATE TABLE canary_runs (
    id        text COLLATE "C" PRIMARY KEY,
    query_set text COLLATE "C" NOT NULL,
    at        timestamptz,
    doc       json NOT NULL
);
CREATE INDEX canary_runs_at ON canary_runs (query_set, at, id);
