-- What chat models were asked, what they answered, and what that cost.

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
CREATE INDEX model_calls_item ON model_calls (item) WHERE item <> '';
CREATE INDEX model_calls_batch ON model_calls (batch) WHERE batch <> '';

CREATE TABLE model_answers (
    key   text COLLATE "C" PRIMARY KEY,
    item  text COLLATE "C" NOT NULL,
    call  text COLLATE "C" NOT NULL,
    at    timestamptz,
    reply json NOT NULL
);

CREATE INDEX model_answers_item ON model_answers (item) WHERE item <> '';
CREATE INDEX model_answers_at ON model_answers (at);

CREATE TABLE budgets (
    account text COLLATE "C" NOT NULL,
    day     text COLLATE "C" NOT NULL,
    spent   bigint NOT NULL,
    PRIMARY KEY (account, day)
);
