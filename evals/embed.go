package evals

import "embed"

// FS has the suites and golden sets that the project ships with.
//
//go:embed suites golden
var FS embed.FS
