-- Times are microseconds since 1970 UTC; NULL is "no time".
-- Documents (columns named *_json, body, data) are JSON text.

-- +goose Up

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger: one row per version of a landed file.
CREATE TABLE batches (
    id               TEXT PRIMARY KEY,
    feed             TEXT NOT NULL,
    key              TEXT NOT NULL,
    tag              TEXT NOT NULL,
    content          TEXT NOT NULL,
    size             INTEGER NOT NULL,
    event_time       INTEGER,
    seq              INTEGER NOT NULL,
    stage            TEXT NOT NULL,
    contract_id      TEXT NOT NULL,
    contract_version TEXT NOT NULL,
    contract_hash    TEXT NOT NULL,
    verdict          TEXT NOT NULL,
    decision         TEXT NOT NULL,
    reason           TEXT NOT NULL,
    rows_read        INTEGER NOT NULL,
    rows_accepted    INTEGER NOT NULL,
    rows_rejected    INTEGER NOT NULL,
    files_json       TEXT,
    manifest         TEXT NOT NULL,
    report           TEXT NOT NULL,
    breaker          TEXT NOT NULL,
    shards           INTEGER NOT NULL,
    created          INTEGER,
    updated          INTEGER
) STRICT;
CREATE INDEX batches_created ON batches (created, id);
CREATE INDEX batches_feed ON batches (feed, created, id);
CREATE INDEX batches_key ON batches (key);
CREATE INDEX batches_content ON batches (content);
-- What is under way or held is a small part of the ledger and asked for often.
CREATE INDEX batches_stage ON batches (stage, created, id) WHERE stage NOT IN ('done', 'duplicate');
-- A place in the order of decision is taken once.
CREATE UNIQUE INDEX batches_seq ON batches (feed, seq) WHERE seq > 0;

CREATE TABLE shards (
    batch     TEXT NOT NULL,
    knowledge TEXT NOT NULL,
    shard     INTEGER NOT NULL,
    at        INTEGER,
    PRIMARY KEY (batch, knowledge, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    name  TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The queue. state: 0 waiting or leased, 1 dead, 2 acknowledged (the id is
-- kept, the body is not).
CREATE TABLE messages (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    topic   TEXT NOT NULL,
    body    TEXT,
    state   INTEGER NOT NULL DEFAULT 0,
    visible INTEGER NOT NULL DEFAULT 0,
    tries   INTEGER NOT NULL DEFAULT 0,
    reason  TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX messages_waiting ON messages (topic, seq) WHERE state = 0;
CREATE INDEX messages_dead ON messages (topic, seq) WHERE state = 1;

-- The outbox. Sent entries keep their id, not their body.
CREATE TABLE outgoing (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('event', 'message')),
    id   TEXT NOT NULL,
    body TEXT,
    sent INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, id)
) STRICT;
CREATE INDEX outgoing_unsent ON outgoing (seq) WHERE sent = 0;

CREATE TABLE breakers (
    scope      TEXT NOT NULL,
    signal     TEXT NOT NULL,
    version    INTEGER NOT NULL,
    state_json TEXT NOT NULL,
    PRIMARY KEY (scope, signal)
) STRICT, WITHOUT ROWID;

CREATE TABLE breaker_samples (
    n           INTEGER PRIMARY KEY AUTOINCREMENT,
    scope       TEXT NOT NULL,
    signal      TEXT NOT NULL,
    batch       TEXT NOT NULL,
    sample_json TEXT NOT NULL,
    UNIQUE (scope, signal, batch)
) STRICT;

CREATE TABLE breaker_transitions (
    n               INTEGER PRIMARY KEY AUTOINCREMENT,
    scope           TEXT NOT NULL,
    signal          TEXT NOT NULL,
    transition_json TEXT NOT NULL
) STRICT;
CREATE INDEX breaker_transitions_key ON breaker_transitions (scope, signal, n);

-- The catalog. record_json leaves out the source text, which stands in source.
CREATE TABLE items (
    id          TEXT PRIMARY KEY,
    feed        TEXT NOT NULL,
    category    TEXT NOT NULL,
    batch       TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    source      TEXT NOT NULL,
    meta_json   TEXT NOT NULL,
    record_json TEXT NOT NULL,
    degraded    INTEGER NOT NULL,
    retired     INTEGER NOT NULL,
    updated     INTEGER
) STRICT;
CREATE INDEX items_feed ON items (feed, id);
CREATE INDEX items_category ON items (category, id);
CREATE INDEX items_batch ON items (batch, id);

CREATE TABLE spaces (
    n    INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    dims INTEGER NOT NULL
) STRICT;

-- Vectors are float32, little endian.
CREATE TABLE embeddings (
    item   TEXT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    space  INTEGER NOT NULL REFERENCES spaces (n),
    vector BLOB NOT NULL,
    PRIMARY KEY (item, space)
) STRICT;

CREATE TABLE matches (
    a            TEXT NOT NULL,
    b            TEXT NOT NULL,
    verdict      TEXT NOT NULL,
    score        REAL NOT NULL,
    reasons_json TEXT NOT NULL,
    veto         TEXT NOT NULL,
    PRIMARY KEY (a, b),
    CHECK (a < b)
) STRICT, WITHOUT ROWID;
CREATE INDEX matches_b ON matches (b, a);

-- An item lies in at most one cluster.
CREATE TABLE cluster_items (
    item    TEXT PRIMARY KEY,
    cluster TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cluster_items_cluster ON cluster_items (cluster, item);

CREATE TABLE reviews (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    feed         TEXT NOT NULL,
    category     TEXT NOT NULL,
    reason       TEXT NOT NULL,
    priority     REAL NOT NULL,
    data         TEXT,
    created      INTEGER,
    state        TEXT NOT NULL,
    holder       TEXT NOT NULL,
    until        INTEGER,
    decision     TEXT NOT NULL,
    decider      TEXT NOT NULL,
    note         TEXT NOT NULL,
    decided      INTEGER,
    history_json TEXT,
    version      INTEGER NOT NULL
) STRICT;
CREATE INDEX reviews_asked ON reviews (priority DESC, created, id) WHERE state <> 'decided';
CREATE INDEX reviews_subject ON reviews (subject);
