-- What chat models were asked, what they answered, and what that cost. Calls are
-- written all the time and looked for rarely: the time is their only index.

-- +goose Up

CREATE TABLE model_calls (
    id         text COLLATE "C" PRIMARY KEY,
    at         timestamptz,
    model      text COLLATE "C" NOT NULL,
    purpose    text COLLATE "C" NOT NULL,
    item       text COLLATE "C" NOT NULL,
    batch      text COLLATE "C" NOT NULL,
    tokens_in  bigint NOT NULL,
    tokens_out bigint NOT NULL,
    cached     bigint NOT NULL,
    micros     bigint NOT NULL,
    priced     boolean NOT NULL,
    failed     boolean NOT NULL,
    call       json NOT NULL
);

CREATE INDEX model_calls_at ON model_calls (at);

CREATE TABLE model_answers (
    key   text COLLATE "C" PRIMARY KEY,
    item  text COLLATE "C" NOT NULL,
    call  text COLLATE "C" NOT NULL,
    at    timestamptz,
    reply json NOT NULL
);

CREATE TABLE budgets (
    account text COLLATE "C" NOT NULL,
    day     text COLLATE "C" NOT NULL,
    spent   bigint NOT NULL,
    PRIMARY KEY (account, day)
);

CREATE TABLE model_fixed (
    id    text COLLATE "C" PRIMARY KEY,
    fixed json NOT NULL
);
