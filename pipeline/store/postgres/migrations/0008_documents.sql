-- Documents of the company, for retrieval: snapshots, chunks, vectors by space.

-- +goose Up

CREATE TABLE knowledge_snapshots (
    id        text COLLATE "C" PRIMARY KEY,
    origin    text NOT NULL,
    documents integer NOT NULL,
    chunks    integer NOT NULL,
    created   timestamptz
);

CREATE TABLE knowledge_chunks (
    snapshot text COLLATE "C" NOT NULL REFERENCES knowledge_snapshots (id),
    seq      integer NOT NULL,
    source   text NOT NULL,
    version  text NOT NULL,
    title    text NOT NULL,
    body     text NOT NULL,
    line     integer NOT NULL,
    PRIMARY KEY (snapshot, seq)
);

CREATE TABLE knowledge_vectors (
    snapshot text COLLATE "C" NOT NULL REFERENCES knowledge_snapshots (id),
    space    text COLLATE "C" NOT NULL,
    seq      integer NOT NULL,
    vector   vector NOT NULL,
    PRIMARY KEY (snapshot, space, seq)
);
