-- Runs of eval suites with the score of every case, and which of them are, and
-- were, baselines.

-- +goose Up

CREATE TABLE eval_runs (
    id    text COLLATE "C" PRIMARY KEY,
    suite text COLLATE "C" NOT NULL,
    kind  text COLLATE "C" NOT NULL,
    at    timestamptz,
    run   json NOT NULL
);
CREATE INDEX eval_runs_at ON eval_runs (suite, at, id);

CREATE TABLE eval_results (
    run     text COLLATE "C" NOT NULL REFERENCES eval_runs (id) ON DELETE CASCADE,
    case_id text COLLATE "C" NOT NULL,
    result  json NOT NULL,
    PRIMARY KEY (run, case_id)
);

-- A baseline is in force until another of its suite is added; none is replaced.
CREATE TABLE eval_baselines (
    suite  text COLLATE "C" NOT NULL,
    run    text COLLATE "C" NOT NULL REFERENCES eval_runs (id),
    at     timestamptz,
    locker text NOT NULL,
    note   text NOT NULL,
    PRIMARY KEY (suite, run)
);
