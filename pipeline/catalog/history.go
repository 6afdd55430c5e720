package catalog

import (
	"context"
	"slices"
	"time"
)

// A ClusterEvent is one change of one cluster, as its history keeps it. A
// formation of the clusters writes at most one for each cluster that changed.
type ClusterEvent struct {
	// Seq is the place in the history, given by the store; later ones are higher.
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Cluster string    `json:"cluster"`
	Kind    EventKind `json:"kind"`
	// From are the clusters whose items came, To those to which its items went:
	// a merged one has From, one that was cut has To, and what was cut off has
	// From. At most Listed of them.
	From []string `json:"from,omitempty"`
	To   []string `json:"to,omitempty"`
	// Items is how many the cluster holds afterwards, 0 once it is gone.
	Items int  `json:"items"`
	Came  Some `json:"came,omitzero"`
	Went  Some `json:"went,omitzero"`
	// Batch brought the change about, or Actor did, by the decision Review where
	// it was one of the queue.
	Batch  string `json:"batch,omitempty"`
	Actor  string `json:"actor,omitempty"`
	Review string `json:"review,omitempty"`
}

// Some are items by name, the first Listed of Count. Those that were erased
// since are counted and not named.
type Some struct {
	Count int      `json:"count"`
	Items []string `json:"items,omitempty"`
}

// Listed bounds the items and clusters that one event names.
const Listed = 24

func someOf(items []string) Some {
	return Some{Count: len(items), Items: items[:min(len(items), Listed)]}
}

// An EventKind is one of the following.
type EventKind string

const (
	ClusterMade   EventKind = "made"   // new, of items that were in no cluster
	ClusterGrown  EventKind = "grown"  // gained items, more than it lost
	ClusterShrunk EventKind = "shrunk" // lost as many items as it gained, or more
	ClusterMerged EventKind = "merged" // took in what was left of another, which is gone
	ClusterSplit  EventKind = "split"  // was cut off from another, or had one cut off
	ClusterGone   EventKind = "gone"   // taken in by another, or left without two items
)

// A HistoryQuery selects events of clusters, the newest first.
type HistoryQuery struct {
	Cluster string
	// Item selects the events of the cluster that it lies in, and of those that
	// it left, up to its leaving. Where an event names fewer items than left
	// (Listed), the others are not known to have been there.
	Item string
	// Before, where not 0, leaves out that event and what came after it: the Seq
	// of the last one of the page before.
	Before int64
	Limit  int // 0 = 1000
}

// A HistoryStore keeps what happened to clusters. Errors: unavailable.
type HistoryStore interface {
	// PutClusterEvents appends events in this order; their Seq is the store's.
	// It writes a row for each and one for each item that it names as gone, none
	// for those that came. Invalid: an event without a cluster.
	PutClusterEvents(ctx context.Context, es ...ClusterEvent) error
	ClusterEvents(ctx context.Context, q HistoryQuery) ([]ClusterEvent, error)
}

// History is what happened to the clusters between two formations, ordered by
// cluster. It leaves Seq, At and the cause to whoever keeps it. Both sets have
// their items in order.
func History(previous, now []Cluster) []ClusterEvent {
	before := make(map[string][]string, len(previous))
	for _, c := range previous {
		before[c.ID] = c.Items
	}
	after := make(map[string]bool, len(now))
	// An item that moved did so between clusters that changed: the others, nearly
	// all of a large catalog, are not looked into.
	kept := make(map[string]bool, len(now))
	for _, c := range now {
		after[c.ID] = true
		if old, lived := before[c.ID]; lived && slices.Equal(old, c.Items) {
			kept[c.ID] = true
		}
	}
	was, is := membership(previous, kept), membership(now, kept)
	var out []ClusterEvent
	for _, c := range now {
		old, lived := before[c.ID]
		if kept[c.ID] {
			continue
		}
		came := without(c.Items, was, c.ID)
		went := without(old, is, c.ID)
		from, to := places(came, was), places(went, is)
		e := ClusterEvent{Cluster: c.ID, From: from, To: to, Items: len(c.Items), Came: someOf(came), Went: someOf(went)}
		switch {
		case !lived && len(from) == 0:
			e.Kind = ClusterMade
		case !lived:
			e.Kind = ClusterSplit
		case slices.ContainsFunc(from, func(id string) bool { return !after[id] }):
			e.Kind = ClusterMerged
		case slices.ContainsFunc(to, func(id string) bool { return before[id] == nil }):
			e.Kind = ClusterSplit
		case len(came) > len(went):
			e.Kind = ClusterGrown
		default:
			e.Kind = ClusterShrunk
		}
		out = append(out, bounded(e))
	}
	for _, c := range previous {
		if !after[c.ID] {
			out = append(out, bounded(ClusterEvent{Cluster: c.ID, Kind: ClusterGone, To: places(c.Items, is), Went: someOf(c.Items)}))
		}
	}
	slices.SortFunc(out, func(a, b ClusterEvent) int {
		if a.Cluster < b.Cluster {
			return -1
		}
		return 1
	})
	return out
}

// membership is the cluster of each item, of the clusters that except leaves.
func membership(cs []Cluster, except map[string]bool) map[string]string {
	m := map[string]string{}
	for _, c := range cs {
		if except[c.ID] {
			continue
		}
		for _, it := range c.Items {
			m[it] = c.ID
		}
	}
	return m
}

// without are the items that in does not place in cluster.
func without(items []string, in map[string]string, cluster string) []string {
	var out []string
	for _, it := range items {
		if in[it] != cluster {
			out = append(out, it)
		}
	}
	return out
}

// places are the clusters in which items lie, in order.
func places(items []string, in map[string]string) []string {
	var out []string
	for _, it := range items {
		if c := in[it]; c != "" {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func bounded(e ClusterEvent) ClusterEvent {
	e.From, e.To = e.From[:min(len(e.From), Listed)], e.To[:min(len(e.To), Listed)]
	return e
}

// Unname takes the names of items out of the event and reports whether it named
// one; the counts stay.
func (e *ClusterEvent) Unname(items []string) bool {
	named := false
	for _, s := range []*Some{&e.Came, &e.Went} {
		n := len(s.Items)
		s.Items = slices.DeleteFunc(s.Items, func(id string) bool { return slices.Contains(items, id) })
		named = named || len(s.Items) < n
	}
	return named
}
