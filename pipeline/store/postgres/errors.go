package postgres

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assay-pipeline/assay/pipeline"
)

// sqlState is the SQLSTATE of err, empty where it has none.
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// retryable reports that a transaction met others and may succeed if it is run
// again: a serialization failure, a deadlock, or a key that another
// transaction inserted after this one had looked.
func retryable(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01", "23505":
		return true
	}
	return false
}

// wrap turns an error of the driver into one that says what to do. Errors with
// a code of their own pass unchanged.
func (db *DB) wrap(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var own *pipeline.Error
	if errors.As(err, &own) {
		return err
	}
	fail := func(code pipeline.Code, hint string) error {
		return pipeline.Errorf(code, "store %s: %w", db.name, err).WithHint("%s", hint)
	}
	if cerr := ctx.Err(); cerr != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if errors.Is(cerr, context.Canceled) || cerr == nil && errors.Is(err, context.Canceled) {
			return fail(pipeline.CodeCanceled, "the caller gave up")
		}
		return fail(pipeline.CodeUnavailable, "no answer in time; try again")
	}
	const away = "the server cannot be reached; doing it again is harmless even if the last commit arrived"
	switch state := sqlState(err); {
	case state == "":
		var connect *pgconn.ConnectError
		var network net.Error
		if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err) {
			return fail(pipeline.CodeUnavailable, away)
		}
		return err // a fault of the caller or of this package
	case state[:2] == "28" || state == "42501":
		return fail(pipeline.CodeDenied, "check user, password and grants")
	case state == "3D000":
		return fail(pipeline.CodeInvalid, "create the database first")
	case state == "53100":
		return fail(pipeline.CodeUnavailable, "the server's disk is full; nothing was written")
	case state == "25006":
		return fail(pipeline.CodeUnavailable, "the server only reads: a standby, or in the middle of a failover")
	case state[:2] == "08" || state[:2] == "53" || state[:2] == "57" || state[:2] == "58":
		return fail(pipeline.CodeUnavailable, away)
	case state == "55P03":
		return fail(pipeline.CodeLocked, "another transaction holds the rows; try again")
	case state[:2] == "22":
		return fail(pipeline.CodeInvalid, "Postgres does not take this value")
	case state[:2] == "XX":
		return fail(pipeline.CodeCorrupt, "see the server's log")
	case state == "42P01" || state == "42703":
		return fail(pipeline.CodeCorrupt, "the schema was changed while the program ran; assay migrate status says how, or restore a backup")
	}
	return fail(pipeline.CodeInternal, "this is a fault of the program")
}
