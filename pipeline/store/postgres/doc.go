// Package postgres keeps the state of the pipeline in Postgres with pgvector:
// the same ports as store/sqlite and the same conformance suite, for a
// deployment where many functions work at once.
//
// # Transactions
//
// Atomic, and every method that reads before it writes, is a serializable
// transaction that is run again when Postgres finds that it cannot be put in
// order with the others (40001, 40P01, or a unique key that another took
// first), for up to Options.Wait. Bulk writes of entries outside Atomic are
// repeatable read, which finds every conflict that they can have. Leases, the
// queue's receipts and other single statements are plain. Receivers of the
// queue skip what another is just taking.
//
// Entries of the outbox are numbered when they are written. Transactions that
// overlap may commit in another order than their numbers say; those of one
// feed do not overlap, so its events keep their order.
//
// # Schema
//
// Everything lives in one Postgres schema (Options.Schema). Migrations are
// embedded, applied by goose, forward-only, and first expand, then contract in
// a later release. Open refuses a schema that this program does not know: an
// older one is brought up by Migrate, or by Open itself with
// Options.Migrate; a newer one needs a newer program. migrations/fingerprints
// has a hash of the catalog's definitions for each version, which finds a
// schema that was altered by hand. An advisory lock keeps two migrations apart.
//
// # Vectors
//
// All embedding spaces share one table; float32 values are kept as they are.
// After a space has been filled by COPY, IndexSpace builds its HNSW index over
// half-precision copies of the different vectors (its points: items of one text
// share one), without stopping writers; Nearest scans that index iteratively,
// orders what it found by the full vectors, and goes from points to items. A new embedding
// model is a new space: filled and indexed beside the old one, then used
// instead, then DropSpace removes the old.
package postgres
