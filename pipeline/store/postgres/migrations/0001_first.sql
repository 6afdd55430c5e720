-- Documents are json, not jsonb: they are kept as written, digits and escapes
-- included. Ids, and what is ordered, compare by bytes (COLLATE "C").

-- +goose Up

CREATE TABLE settings (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- The ledger: one row per version of a landed file.
CREATE TABLE batches (
    id               text COLLATE "C" PRIMARY KEY,
    feed             text COLLATE "C" NOT NULL,
    key              text NOT NULL,
    tag              text NOT NULL,
    content          text NOT NULL,
    size             bigint NOT NULL,
    event_time       timestamptz,
    seq              bigint NOT NULL,
    stage            text NOT NULL,
    contract_id      text NOT NULL,
    contract_version text NOT NULL,
    contract_hash    text NOT NULL,
    verdict          text NOT NULL,
    decision         text NOT NULL,
    reason           text NOT NULL,
    rows_read        bigint NOT NULL,
    rows_accepted    bigint NOT NULL,
    rows_rejected    bigint NOT NULL,
    files            text[],
    manifest         text NOT NULL,
    report           text NOT NULL,
    breaker          text NOT NULL,
    shards           integer NOT NULL,
    created          timestamptz,
    updated          timestamptz
);
CREATE INDEX batches_created ON batches (created, id);
CREATE INDEX batches_feed ON batches (feed, created, id);
CREATE INDEX batches_key ON batches (key);
CREATE INDEX batches_content ON batches (content);
-- What is under way or held is a small part of the ledger and asked for often.
CREATE INDEX batches_stage ON batches (stage, created, id) WHERE stage NOT IN ('done', 'duplicate');
-- A place in the order of decision is taken once.
CREATE UNIQUE INDEX batches_seq ON batches (feed, seq) WHERE seq > 0;

CREATE TABLE shards (
    batch     text NOT NULL,
    knowledge text NOT NULL,
    shard     bigint NOT NULL,
    at        timestamptz,
    PRIMARY KEY (batch, knowledge, shard)
);

CREATE TABLE leases (
    name  text PRIMARY KEY,
    owner text NOT NULL,
    until timestamptz NOT NULL
);

-- The queue. state: 0 waiting or leased, 1 dead, 2 acknowledged (the id is
-- kept, the body is not).
CREATE TABLE messages (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id      text NOT NULL UNIQUE,
    topic   text NOT NULL,
    body    json,
    state   smallint NOT NULL DEFAULT 0,
    visible timestamptz NOT NULL DEFAULT '-infinity',
    tries   integer NOT NULL DEFAULT 0,
    reason  text NOT NULL DEFAULT ''
);
CREATE INDEX messages_waiting ON messages (topic, seq) WHERE state = 0;
CREATE INDEX messages_dead ON messages (topic, seq) WHERE state = 1;

-- The outbox. Sent entries keep their id, not their body.
CREATE TABLE outgoing (
    seq  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('event', 'message')),
    id   text NOT NULL,
    body json,
    sent boolean NOT NULL DEFAULT false,
    UNIQUE (kind, id)
);
CREATE INDEX outgoing_unsent ON outgoing (seq) WHERE NOT sent;

CREATE TABLE breakers (
    scope   text COLLATE "C" NOT NULL,
    signal  text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state   json NOT NULL,
    PRIMARY KEY (scope, signal)
);

CREATE TABLE breaker_samples (
    n      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope  text NOT NULL,
    signal text NOT NULL,
    batch  text NOT NULL,
    sample json NOT NULL,
    UNIQUE (scope, signal, batch)
);

CREATE TABLE breaker_transitions (
    n          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope      text NOT NULL,
    signal     text NOT NULL,
    transition json NOT NULL
);
CREATE INDEX breaker_transitions_key ON breaker_transitions (scope, signal, n);

-- The catalog. source is bytea: the text as received may hold a NUL, which
-- text cannot. meta and record are JSON kept as text, which COPY takes faster;
-- record leaves out the source text.
CREATE TABLE items (
    id       text COLLATE "C" PRIMARY KEY,
    feed     text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL,
    batch    text COLLATE "C" NOT NULL,
    seq      bigint NOT NULL,
    source   bytea NOT NULL,
    meta     text NOT NULL,
    record   text NOT NULL,
    degraded boolean NOT NULL,
    retired  boolean NOT NULL,
    updated  timestamptz
);
CREATE INDEX items_feed ON items (feed, id);
CREATE INDEX items_category ON items (category, id);
CREATE INDEX items_batch ON items (batch, id);

CREATE TABLE spaces (
    n    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    dims integer NOT NULL
);

-- One column for the vectors of every space; the nearest-neighbour index of a
-- space (embeddings_hnsw_N) is made when the space has been filled. There are
-- no foreign keys: their triggers would cost more than the row.
CREATE TABLE embeddings (
    item   text COLLATE "C" NOT NULL,
    space  integer NOT NULL,
    vector vector NOT NULL,
    PRIMARY KEY (item, space)
);
-- Vectors stay in their rows, where a scan finds them.
ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE EXTERNAL;
ALTER TABLE embeddings SET (toast_tuple_target = 8160);

CREATE TABLE matches (
    a       text COLLATE "C" NOT NULL,
    b       text COLLATE "C" NOT NULL,
    verdict text NOT NULL,
    score   double precision NOT NULL,
    reasons json NOT NULL,
    veto    text NOT NULL,
    PRIMARY KEY (a, b),
    CHECK (a < b)
);
CREATE INDEX matches_b ON matches (b, a);

-- An item lies in at most one cluster.
CREATE TABLE cluster_items (
    item    text COLLATE "C" PRIMARY KEY,
    cluster text COLLATE "C" NOT NULL
);
CREATE INDEX cluster_items_cluster ON cluster_items (cluster, item);

CREATE TABLE reviews (
    id       text COLLATE "C" PRIMARY KEY,
    kind     text NOT NULL,
    subject  text NOT NULL,
    feed     text NOT NULL,
    category text NOT NULL,
    reason   text NOT NULL,
    priority double precision NOT NULL,
    data     json,
    created  timestamptz,
    state    text NOT NULL,
    holder   text NOT NULL,
    until    timestamptz,
    decision text NOT NULL,
    decider  text NOT NULL,
    note     text NOT NULL,
    decided  timestamptz,
    history  json,
    version  bigint NOT NULL
);
CREATE INDEX reviews_asked ON reviews (priority DESC, created NULLS FIRST, id) WHERE state <> 'decided';
CREATE INDEX reviews_subject ON reviews (subject);
