// Package sqlite keeps the state of the pipeline in one SQLite file: ledger,
// leases, queue, outbox, breakers, catalog with its vectors, and the review
// queue. A DB satisfies flow.Store; what each method promises stands with the
// ports and is tested by store/storetest.
//
// # Files and processes
//
// The file is in WAL mode: readers never wait, one writer at a time. Several
// processes may have it open; a write waits up to Options.Wait for another and
// then fails with locked. Each process writes through a single connection and
// reads through a pool.
//
// # What a commit survives
//
// synchronous is NORMAL: a committed transaction is in the operating system's
// hands, so it survives the death of the process (kill -9 included). A power
// loss can take back the latest commits, never a part of one and never the
// file's integrity. That suffices, because the ledger is not the commit point
// of a batch: the manifest in the lake is, and recovery repeats whatever the
// ledger does not know of.
//
// # Schema
//
// Migrations are embedded, applied by goose, and only go forward. Before an
// existing store is migrated it is copied to FILE.vN.backup, N being its
// version; the way back is to put that copy in place of FILE. The database is
// held exclusively meanwhile. A store with a newer schema is refused, and so
// is one whose tables were altered by hand: migrations/fingerprints has a hash
// of the schema for each version.
//
// # Forms
//
// Times are microseconds since 1970 UTC, the zero time is NULL. Vectors are
// float32, little endian, one row per item and embedding space. Documents are
// JSON text. Ids compare by bytes.
package sqlite
