// Package sqlrule runs the sql rules of data contracts in SQLite.
//
// The rows of a batch go into a scratch database of their own, a file in a
// temporary folder that is removed with it; what SQLite holds in memory does
// not depend on the size of the batch. The table has the name of the schema
// object and its columns the names of the properties; where the contract gives
// physical names, queries may use those too. Numbers are doubles, booleans 0
// and 1, dates and times ISO 8601 text in UTC, objects and arrays JSON text.
//
// A rule may only read: it is one query, run as a subquery of ours on a
// connection that refuses to write and to attach other files, with a limit on
// its time, its instructions and the length of a value. A query that goes on
// too long is stopped.
package sqlrule
