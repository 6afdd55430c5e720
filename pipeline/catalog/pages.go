package catalog

import "context"

// A MatchQuery selects stored pairs in the order of (A, B).
type MatchQuery struct {
	Item     string  // of those that touch it
	Verdict  Verdict // "" means all
	MinScore float64
	// AfterA and AfterB, where set, are the last pair of the page before.
	AfterA, AfterB string
	Limit          int // 0 = 1000
}

// A ClusterQuery selects clusters in the order of their ids.
type ClusterQuery struct {
	ID    string
	Item  string // the one that holds it
	After string // the last id of the page before
	Limit int    // 0 = 1000
}

// Pages list what was found, a page at a time: what one call reads does not
// grow with the catalog. Errors: unavailable.
type Pages interface {
	MatchPage(ctx context.Context, q MatchQuery) ([]Match, error)
	// ClusterPage returns clusters with all of their items in id order.
	ClusterPage(ctx context.Context, q ClusterQuery) ([]Cluster, error)
}
