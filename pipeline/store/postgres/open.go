package postgres

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxvec "github.com/pgvector/pgvector-go/pgx"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Options of a store. The zero value is usable.
type Options struct {
	// Schema holds all tables. Default: the search_path of the DSN, else
	// "assay".
	Schema string
	// Wait is how long a transaction is tried again, and how long a statement
	// waits for a lock. Default 15 s.
	Wait time.Duration
	// Password, where set, is asked for the password of each new connection.
	Password func(ctx context.Context) (string, error)
	// Version of the program, kept in the store when it migrates, so that an
	// older program can name the one that is needed.
	Version string
	// Migrate lets Open bring an older or empty schema up to date.
	Migrate bool
}

// A DB is the store in one schema of a Postgres database. It is safe for
// concurrent use.
type DB struct {
	ports
	name string // host:port/database, for messages
	opt  Options
	pool *pgxpool.Pool
	// partsFilled: every item has its part numbers worked out.
	partsFilled atomic.Bool
}

var (
	_ flow.Store  = (*DB)(nil)
	_ flow.Nearby = (*DB)(nil)
)

// Open connects to the database that dsn names (a URL or key=value pairs, with
// pgx's parameters such as pool_max_conns). Errors: invalid (dsn, or a schema
// that this program does not know), denied, unavailable, corrupt (a schema
// altered by hand).
func Open(ctx context.Context, dsn string, opt Options) (*DB, error) {
	db, cfg, err := configure(dsn, opt)
	if err != nil {
		return nil, err
	}
	if err := login(ctx, cfg.ConnConfig, opt); err != nil {
		return nil, err
	}
	s, err := current()
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, db, cfg.ConnConfig); err != nil {
		return nil, db.wrap(ctx, err)
	}
	cfg.AfterConnect = pgxvec.RegisterTypes
	if opt.Password != nil {
		cfg.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) (err error) {
			c.Password, err = opt.Password(ctx)
			return err
		}
	}
	if db.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, db.wrap(ctx, err)
	}
	db.ports = ports{reading: db.plain, single: db.plain, writing: db.serializable, bulk: db.repeatable}
	return db, nil
}

// configure reads the DSN and adds what every connection of this store has.
func configure(dsn string, opt Options) (*DB, *pgxpool.Config, error) {
	if opt.Wait <= 0 {
		opt.Wait = 15 * time.Second
	}
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The error names the fault without the password.
		return nil, nil, pipeline.Errorf(pipeline.CodeInvalid, "store: %w", err).
			WithHint("give a URL such as postgres://user:password@host:5432/database")
	}
	c := cfg.ConnConfig
	p := c.RuntimeParams
	if opt.Schema == "" {
		opt.Schema = cmp.Or(p["search_path"], "assay")
		if strings.ContainsAny(opt.Schema, `, "`) {
			return nil, nil, pipeline.Errorf(pipeline.CodeInvalid, "store: search_path %q is not the plain name of one schema", opt.Schema).
				WithHint("name the schema that holds the store's tables, such as search_path=assay")
		}
	}
	p["search_path"] = pgx.Identifier{opt.Schema}.Sanitize() + ", public"
	p["timezone"] = "UTC"
	p["lock_timeout"] = strconv.FormatInt(opt.Wait.Milliseconds(), 10)
	// A function that is frozen in the middle of a transaction must not keep
	// its locks.
	p["idle_in_transaction_session_timeout"] = "60000"
	if p["application_name"] == "" {
		p["application_name"] = "assay"
	}
	return &DB{opt: opt, name: fmt.Sprintf("%s:%d/%s", c.Host, c.Port, c.Database)}, cfg, nil
}

// login asks for the password of the connections outside the pool.
func login(ctx context.Context, c *pgx.ConnConfig, opt Options) (err error) {
	if opt.Password != nil {
		c.Password, err = opt.Password(ctx)
	}
	return err
}

// Close ends all connections.
func (db *DB) Close() error {
	db.pool.Close()
	return nil
}
