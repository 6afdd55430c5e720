-- What the sweep remembers, what is told to people, who watches what, and who
-- was erased.

-- +goose Up

CREATE TABLE sweeps (
    feed text COLLATE "C" PRIMARY KEY,
    doc  text NOT NULL
);

CREATE TABLE notices (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id      text COLLATE "C" NOT NULL UNIQUE,
    lane    text COLLATE "C" NOT NULL,
    feed    text COLLATE "C" NOT NULL,
    state   text NOT NULL,
    next    timestamptz,
    created timestamptz,
    doc     text NOT NULL
);
CREATE INDEX notices_waiting ON notices (lane, seq) WHERE state = 'waiting';
CREATE INDEX notices_feed ON notices (feed, seq);

CREATE TABLE watches (
    id      text COLLATE "C" PRIMARY KEY,
    created timestamptz,
    doc     text NOT NULL
);

CREATE TABLE tombstones (
    id   text COLLATE "C" PRIMARY KEY,
    feed text COLLATE "C" NOT NULL,
    at   timestamptz,
    doc  text NOT NULL
);
