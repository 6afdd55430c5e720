package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/assay-pipeline/assay/pipeline"
)

//go:embed migrations/*.sql migrations/fingerprints
var embedded embed.FS

// A schema is a line of migrations and the fingerprint that each of its
// versions has once it is applied.
type schema struct {
	files  fs.FS
	prints map[int64]string
	latest int64
}

// current is what this binary knows.
func current() (schema, error) {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return schema{}, err
	}
	return readSchema(sub)
}

// readSchema reads NNNN_name.sql files and the file fingerprints, which has a
// line "version fingerprint" for each of them.
func readSchema(files fs.FS) (schema, error) {
	s := schema{files: files, prints: map[int64]string{}}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return s, err
	}
	for _, name := range names {
		head, _, _ := strings.Cut(name, "_")
		v, err := strconv.ParseInt(head, 10, 64)
		if err != nil {
			return s, fmt.Errorf("migration %s has no number: %w", name, err)
		}
		s.latest = max(s.latest, v)
	}
	b, err := fs.ReadFile(files, "fingerprints")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	for line := range strings.Lines(string(b)) {
		var v int64
		var sum string
		if _, err := fmt.Sscan(line, &v, &sum); err == nil {
			s.prints[v] = sum
		}
	}
	return s, nil
}

// A found is what stands in the database.
type found struct {
	version   int64 // 0 where nothing was migrated yet
	print     string
	writtenBy string
}

// definitions lists everything that makes up the schema $1 but goose's own
// table and the indexes that come and go with embedding spaces.
const definitions = `
	SELECT concat_ws(' ', 'column', table_name, ordinal_position, column_name, udt_name, is_nullable, column_default, collation_name, is_identity)
	FROM information_schema.columns WHERE table_schema = $1 AND table_name <> $2
	UNION ALL
	SELECT concat_ws(' ', 'index', replace(indexdef, ' ' || quote_ident($1) || '.', ' '))
	FROM pg_indexes WHERE schemaname = $1 AND tablename <> $2 AND indexname !~ '^(embeddings_hnsw|points_hnsw|embeddings_points)_[0-9]+$'
	UNION ALL
	SELECT concat_ws(' ', 'constraint', t.relname, c.conname, replace(pg_get_constraintdef(c.oid), ' ' || quote_ident($1) || '.', ' '))
	FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = c.connamespace
	WHERE n.nspname = $1 AND t.relname <> $2 AND c.contype <> 'n'
	UNION ALL
	SELECT concat_ws(' ', 'trigger', t.relname, g.tgname)
	FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_namespace n ON n.oid = t.relnamespace
	WHERE n.nspname = $1 AND NOT g.tgisinternal`

// inspect reads the version and the fingerprint: a SHA-256 over definitions.
func inspect(ctx context.Context, conn *pgx.Conn, name string) (f found, err error) {
	// One snapshot: another program may be migrating right now.
	t, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, t.Rollback(ctx)) }()
	var versioned bool
	if _, err := one(ctx, t, []any{&versioned}, `SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2)`, name, goose.DefaultTablename); err != nil || !versioned {
		return f, err
	}
	if _, err := one(ctx, t, []any{&f.version}, `SELECT coalesce(max(version_id), 0) FROM `+goose.DefaultTablename+` WHERE is_applied`); err != nil || f.version == 0 {
		return f, err
	}
	var defs []string
	if err := each(ctx, t, func(r pgx.Rows) error {
		var def string
		err := r.Scan(&def)
		defs = append(defs, def)
		return err
	}, definitions, name, goose.DefaultTablename); err != nil {
		return f, err
	}
	sort.Strings(defs)
	sum := sha256.Sum256([]byte(strings.Join(defs, "\n")))
	f.print = hex.EncodeToString(sum[:16])
	_, err = one(ctx, t, []any{&f.writtenBy}, `SELECT value FROM settings WHERE name = 'written_by'`)
	return f, err
}

// prepare checks that the schema in the database is the one this program
// knows, and makes it so where Options.Migrate allows.
func (s schema) prepare(ctx context.Context, db *DB, cfg *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // only reads
	f, err := inspect(ctx, conn, db.opt.Schema)
	if err != nil {
		return err
	}
	stale, err := s.verify(db, f)
	if err != nil || !stale {
		return err
	}
	if !db.opt.Migrate {
		return pipeline.Errorf(pipeline.CodeInvalid, "store %s: schema %s has version %d, this program needs %d", db.name, db.opt.Schema, f.version, s.latest).
			WithHint("bring it up first: assay migrate up")
	}
	return s.migrate(ctx, db, cfg)
}

// verify compares what was found with what this binary knows. It reports
// whether migrations are to be applied.
func (s schema) verify(db *DB, f found) (stale bool, err error) {
	if f.version > s.latest {
		need := "a newer assay"
		if f.writtenBy != "" {
			need = "assay " + f.writtenBy
		}
		return false, pipeline.Errorf(pipeline.CodeInvalid, "store %s: schema %s has version %d, newer than %d, the newest that this program knows", db.name, db.opt.Schema, f.version, s.latest).
			WithHint("it needs %s or later", need)
	}
	if want, ok := s.prints[f.version]; ok && want != f.print {
		return false, pipeline.Errorf(pipeline.CodeCorrupt, "store %s: schema %s was altered by hand: version %d has fingerprint %s, found %s", db.name, db.opt.Schema, f.version, want, f.print).
			WithHint("undo the change to tables or indexes, or restore a backup")
	}
	return f.version < s.latest, nil
}

// migrate applies what is missing under an advisory lock, so that two programs
// never migrate at once. Each migration is a transaction of its own.
func (s schema) migrate(ctx context.Context, db *DB, cfg *pgx.ConnConfig) (err error) {
	cfg = cfg.Copy()
	// Whoever migrates waits as long as the other takes.
	cfg.RuntimeParams["lock_timeout"] = "0"
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(1) // the lock belongs to the one connection
	defer func() { err = errors.Join(err, pool.Close()) }()
	h := fnv.New64a()
	h.Write([]byte("assay migrate")) // one for all schemas: the extension is shared
	key := int64(h.Sum64())
	if _, err := pool.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, key); err != nil {
		return err
	}
	defer func() {
		_, uerr := pool.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, key)
		err = errors.Join(err, uerr)
	}()
	for _, need := range []struct{ missing, create string }{
		{`SELECT NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = '` + strings.ReplaceAll(db.opt.Schema, "'", "''") + `')`,
			`CREATE SCHEMA IF NOT EXISTS ` + pgx.Identifier{db.opt.Schema}.Sanitize()},
		{`SELECT NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector')`,
			`CREATE EXTENSION IF NOT EXISTS vector SCHEMA public`},
	} {
		if err := ensure(ctx, pool, need.missing, need.create); err != nil {
			return err
		}
	}
	p, err := goose.NewProvider(goose.DialectPostgres, pool, s.files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migration: %w", err)
	}
	_, err = pool.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ('written_by', $1)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, db.opt.Version)
	return err
}

// ensure creates what is missing. It looks first, because a role that may not
// create it can still use what an administrator made.
func ensure(ctx context.Context, db *sql.DB, missing, create string) error {
	var absent bool
	if err := db.QueryRowContext(ctx, missing).Scan(&absent); err != nil || !absent {
		return err
	}
	_, err := db.ExecContext(ctx, create)
	if sqlState(err) == "0A000" || sqlState(err) == "58P01" {
		return pipeline.Errorf(pipeline.CodeInvalid, "store: the server has no pgvector: %w", err).
			WithHint("install it (package postgresql-17-pgvector, image pgvector/pgvector:pg17)")
	}
	return err
}

// Migrate brings the schema up to date and checks it.
func Migrate(ctx context.Context, dsn string, opt Options) error {
	opt.Migrate = true
	db, err := Open(ctx, dsn, opt)
	if err != nil {
		return err
	}
	return db.Close()
}

// A Schema is what stands in a store, beside what this program knows.
type Schema struct {
	Store string // host:port/database, and the schema in it
	// Version is the schema's, 0 where there is none yet; Latest is the newest
	// one that this program knows.
	Version, Latest int64
	// WrittenBy is the version of the program that migrated last.
	WrittenBy string
	// Pending are the migrations that Migrate would apply.
	Pending []string
	// Problem says why this program refuses the schema as it is; nil where it
	// works with it, or would after Migrate.
	Problem error
}

// Inspect looks at the schema and changes nothing. Errors: as Open.
func Inspect(ctx context.Context, dsn string, opt Options) (Schema, error) {
	db, cfg, err := configure(dsn, opt)
	if err != nil {
		return Schema{}, err
	}
	s, err := current()
	if err != nil {
		return Schema{}, err
	}
	if err := login(ctx, cfg.ConnConfig, opt); err != nil {
		return Schema{}, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return Schema{}, db.wrap(ctx, err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // only reads
	f, err := inspect(ctx, conn, db.opt.Schema)
	if err != nil {
		return Schema{}, db.wrap(ctx, err)
	}
	out := Schema{Store: db.name + " schema " + db.opt.Schema, Version: f.version, Latest: s.latest, WrittenBy: f.writtenBy}
	_, out.Problem = s.verify(db, f)
	out.Pending, err = s.after(f.version)
	return out, err
}

// after are the names of the migrations above version.
func (s schema) after(version int64) ([]string, error) {
	names, err := fs.Glob(s.files, "*.sql") // sorted
	var later []string
	for _, name := range names {
		head, _, _ := strings.Cut(name, "_")
		if v, err := strconv.ParseInt(head, 10, 64); err == nil && v > version {
			later = append(later, strings.TrimSuffix(name, ".sql"))
		}
	}
	return later, err
}
