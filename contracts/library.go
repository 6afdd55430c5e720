// Package library holds the data that the pipeline ships with: contracts of
// feeds, the knowledge of the catalog, the schemas of events. It embeds them,
// so that one binary runs with nothing beside it.
package library

import "embed"

// FS has the folders feeds (ODCS contracts), catalog (category schemas,
// dictionaries, standards), events and reports (JSON Schemas), and api (the
// OpenAPI document), as far as they exist.
//
//go:embed all:feeds all:catalog events prices reports api
var FS embed.FS
