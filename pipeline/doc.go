// Package pipeline holds the nouns of Assay: what two or more rooms share and
// what carries an invariant (Item, Record, Attribute, Span, Value, Event, Rows,
// Error). It imports the standard library alone. This page tells the story for
// those who change the code.
//
// # One file, from landing to catalog
//
// A file lands in lake/landing/FEED/. [flow.Ingest] takes the feed's lease,
// names the batch by the content of the file, and writes the intent into the
// ledger. The gate reads the file once, in bounded memory, by the feed's data
// contract: accepted rows become Parquet under lake/data, rejected rows go to
// lake/quarantine with every reason, and the report, with the profile and the
// quality metrics, is stored beside them. Nobody can see any of it yet.
//
// The report says what is true (the verdict) and what would happen by the
// contract alone (the decision). The breaker of the feed folds the batch's
// metrics into its window and may say otherwise: while it is open, batches are
// held and consumers keep the last good data.
//
// A batch that may be published becomes part of the feed by one conditional
// write: the swap of curated/FEED/_manifest.json. That is the commit point; a
// reader sees the manifest before it or the one after it. Then one transaction
// writes what follows: the ledger's line, the breaker's sample and state, and
// the outbox with the events and one message per shard of at most 200 items.
// A process that dies in between leaves the intent; the next one looks into the
// chain of manifests, and either does the transaction again or starts over.
// Ids derive from content, so both are harmless.
//
//	intent in the ledger → files staged → manifest swapped → one transaction
//	        1                                 2 (commit)           3
//
// A held batch is judged again by [flow.Ingest]'s Release (assay replay, or a
// message when the breaker closes): by the contract of now, in the order of the
// data. The same step makes it a batch of the feed; one that is no better stays
// held, and the breaker is not told of it twice.
//
// [flow.Parse] takes a shard: it reads the rows from the immutable file, has
// each item read by the extractor inside the guard (parse.Parser: nothing that
// the text does not carry gets into a record unflagged), embeds the texts, and
// stores the entries, once per shard and knowledge hash. The last shard of a
// batch asks for its match. [flow.Match] judges the candidates of the batch's
// items in the whole catalog, keeps the clusters, and asks people about what
// cannot be told.
//
// [flow.Relay] empties the outbox: events to the publisher, messages to the
// queue, at least once and in order.
//
// # The ladder
//
// A package imports only rungs below its own, never a sibling;
// ladder_test.go keeps it. In words: contract, codec, lake, breaker, quantity,
// embed, review and stats know nothing of each other. knowledge, gate and guard
// combine them; parse and catalog stand on those. flow is the use cases and
// declares the ports that it needs (Store, Publisher); it knows no adapter.
// store/sqlite, lake/dirlake and notify are adapters. app is the composition
// root, and cmd/assay and functions are thin.
//
// # Errors, time, randomness
//
// An error that crosses rooms is an *Error with a Code; one table each turns
// codes into exit codes, HTTP statuses and retries. Backends return raw errors,
// the concrete type above them wraps once, flow logs once. The clock and every
// random source are fields: the same input gives the same bytes.
//
// [flow.Ingest]: https://pkg.go.dev/github.com/assay-pipeline/assay/pipeline/flow#Ingest
// [flow.Parse]: https://pkg.go.dev/github.com/assay-pipeline/assay/pipeline/flow#Parse
// [flow.Match]: https://pkg.go.dev/github.com/assay-pipeline/assay/pipeline/flow#Match
// [flow.Relay]: https://pkg.go.dev/github.com/assay-pipeline/assay/pipeline/flow#Relay
package pipeline
