-- Runs of eval suites with the score of every case, and which of them are, and
-- were, baselines.

-- +goose Up

CREATE TABLE eval_runs (
    id       TEXT PRIMARY KEY,
    suite    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    at       INTEGER,
    run_json TEXT NOT NULL
) STRICT;
CREATE INDEX eval_runs_at ON eval_runs (suite, at, id);

CREATE TABLE eval_results (
    run         TEXT NOT NULL REFERENCES eval_runs (id) ON DELETE CASCADE,
    case_id     TEXT NOT NULL,
    result_json TEXT NOT NULL,
    PRIMARY KEY (run, case_id)
) STRICT, WITHOUT ROWID;

-- A baseline is in force until another of its suite is added; none is replaced.
CREATE TABLE eval_baselines (
    suite  TEXT NOT NULL,
    run    TEXT NOT NULL REFERENCES eval_runs (id),
    at     INTEGER,
    locker TEXT NOT NULL,
    note   TEXT NOT NULL,
    PRIMARY KEY (suite, run)
) STRICT, WITHOUT ROWID;
