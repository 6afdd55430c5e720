package flow

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Match finds the duplicates of a batch's items in the whole catalog.
type Match struct {
	Store     Store
	Contracts Contracts
	Matcher   *catalog.Matcher
	// Adviser, where set, is asked about the pairs for review; what it thinks
	// stands among the reasons that the person who decides is shown.
	Adviser *catalog.Adviser
	// Breaker, where set, knows whether the verdicts are to be trusted: while its
	// breaker is not closed no new pair is called a duplicate without a person.
	Breaker *StageBreaker
	// Space of the vectors to compare.
	Space string
	Owner string
	Now   func() time.Time
	Log   *slog.Logger

	model Model
}

// Message handles one match message. Handling it again changes nothing.
func (m *Match) Message(ctx context.Context, msg Message) error {
	var b MatchBatch
	if err := json.Unmarshal(msg.Body, &b); err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "match message %s does not read: %w", msg.ID, err)
	}
	return m.Batch(ctx, b)
}

// Batch matches the items of one batch, retires what a snapshot no longer
// holds, and keeps the clusters. One at a time: clusters concern the whole
// catalog.
func (m *Match) Batch(ctx context.Context, b MatchBatch) error {
	release, err := holdLease(ctx, m.Store, m.Log, m.Now, "catalog", m.Owner)
	if err != nil {
		return err
	}
	defer release()
	all, err := m.live(ctx)
	if err != nil {
		return err
	}
	retired, err := m.retired(b, all)
	if err != nil {
		return err
	}
	gone := make(map[string]bool, len(retired))
	for _, id := range retired {
		gone[id] = true
	}
	changed := slices.Clone(retired)
	for _, e := range all {
		if e.Batch == b.Batch && !gone[e.Item.ID] {
			changed = append(changed, e.Item.ID)
		}
	}
	back, err := m.heldBack(ctx)
	if err != nil {
		return err
	}
	changed = append(changed, slices.DeleteFunc(back, func(id string) bool { return gone[id] || slices.Contains(changed, id) })...)
	return m.judge(ctx, b, all, changed, retired)
}

// Again judges items again whose records changed otherwise than by a batch: a
// question about them was answered, or a record corrected, by who.
func (m *Match) Again(ctx context.Context, ids []string, who string) error {
	release, err := holdLease(ctx, m.Store, m.Log, m.Now, "catalog", m.Owner)
	if err != nil {
		return err
	}
	defer release()
	all, err := m.live(ctx)
	if err != nil {
		return err
	}
	// What is told of them, and asked about them, names the feed they came by.
	feedOf := make(map[string]string, len(all))
	for i := range all {
		feedOf[all[i].Item.ID] = all[i].Item.Meta.Feed
	}
	byFeed := map[string][]string{}
	for _, id := range ids {
		byFeed[feedOf[id]] = append(byFeed[feedOf[id]], id)
	}
	for _, feed := range slices.Sorted(maps.Keys(byFeed)) {
		if err := m.judge(ctx, MatchBatch{Feed: feed, actor: who}, all, byFeed[feed], nil); err != nil {
			return err
		}
	}
	return nil
}

// judge matches what changed among all. all still holds what is being retired.
func (m *Match) judge(ctx context.Context, b MatchBatch, all []catalog.Entry, changed, retired []string) error {
	if len(changed) == 0 {
		return nil
	}
	state, moved, err := m.Breaker.Moved(ctx)
	if err != nil {
		return err
	}
	if moved && state.Fallback == breaker.Halt {
		return halted(state)
	}
	var learned *learn.Model // none while verdicts are not to be trusted: the rules judge
	if !moved {
		if learned, err = m.model.Latest(ctx, m.Store); err != nil {
			return err
		}
	}
	// What a batch brings may change the verdict on pairs of earlier batches:
	// those are judged again, so that the order of arrival does not matter.
	touched := catalog.Affected(all, changed)
	if len(retired) > 0 {
		gone := make(map[string]bool, len(retired))
		for _, id := range retired {
			gone[id] = true
		}
		all = slices.DeleteFunc(all, func(e catalog.Entry) bool { return gone[e.Item.ID] })
	}
	pairs, err := m.Matcher.With(learned).Pairs(ctx, all, touched)
	if err != nil {
		return err
	}
	if m.Adviser != nil {
		if _, err := m.Adviser.Advise(ctx, all, pairs); err != nil {
			return err
		}
	}
	return m.store(ctx, b, all, touched, retired, pairs, moved)
}

// store writes pairs, clusters, reviews, figures and events in one transaction.
func (m *Match) store(ctx context.Context, b MatchBatch, all []catalog.Entry, touched, retired []string, pairs []catalog.Match, moved bool) error {
	at := stamp(m.Now)
	return m.Store.Atomic(ctx, func(tx Tx) error {
		removed, err := m.retire(ctx, tx, b, retired, at)
		if err != nil {
			return err
		}
		decided, err := pairDecisions(ctx, tx, touched)
		if err != nil {
			return err
		}
		pairs := slices.Clone(pairs)
		if moved {
			if err := holdBack(ctx, tx, touched, pairs); err != nil {
				return err
			}
		}
		pairs = m.Matcher.Decide(all, pairs, decided)
		if err := tx.ReplaceMatches(ctx, touched, pairs); err != nil {
			return err
		}
		clusters, changes, err := m.cluster(ctx, tx, all, catalog.ClusterEvent{At: at, Batch: b.Batch, Actor: b.actor})
		if err != nil {
			return err
		}
		asked, err := m.ask(ctx, tx, b, all, touched, pairs, at)
		if err != nil {
			return err
		}
		if b.Batch != "" {
			if err := m.snapshot(ctx, tx, b, all, clusters, at); err != nil {
				return err
			}
		}
		out, err := matchEvents(b, pairs, changes, at)
		if err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, slices.Concat(removed, out, asked)...)
	})
}

// retire takes items out of the catalog; what it returns tells those who watch
// them.
func (m *Match) retire(ctx context.Context, tx Tx, b MatchBatch, ids []string, at time.Time) ([]Outgoing, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out, err := removedItems(ctx, tx, ids, b.Batch, at)
	if err != nil {
		return nil, err
	}
	return out, tx.RetireItems(ctx, ids, at)
}

// cluster forms the clusters anew from the stored matches, and keeps what
// happened to them: cause has the moment, and the batch or the person.
func (m *Match) cluster(ctx context.Context, tx Tx, all []catalog.Entry, cause catalog.ClusterEvent) ([]catalog.Cluster, []catalog.Change, error) {
	matches, err := tx.Matches(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	previous, err := tx.Clusters(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	clusters, changes, err := m.Matcher.Clusters(ctx, all, matches, previous)
	if err != nil {
		return nil, nil, err
	}
	remove, put := clusterDelta(previous, clusters)
	if err := tx.PutClusters(ctx, remove, put); err != nil {
		return nil, nil, err
	}
	events := catalog.History(previous, clusters)
	for i := range events {
		e := &events[i]
		e.At, e.Batch, e.Actor, e.Review = cause.At, cause.Batch, cause.Actor, cause.Review
	}
	return clusters, changes, tx.PutClusterEvents(ctx, events...)
}

// snapshot keeps the figures of the catalog after a batch, for their trend.
func (m *Match) snapshot(ctx context.Context, tx Tx, b MatchBatch, all []catalog.Entry, clusters []catalog.Cluster, at time.Time) error {
	figures, err := json.Marshal(m.Matcher.Report(all, clusters))
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "catalog report of batch %s: %w", b.Batch, err)
	}
	return tx.PutSnapshot(ctx, catalog.Snapshot{Batch: b.Batch, At: at, Figures: figures})
}

// live loads every live entry with its vector.
func (m *Match) live(ctx context.Context) ([]catalog.Entry, error) {
	return LiveEntries(ctx, m.Store, catalog.Query{Vectors: m.Space})
}

// LiveEntries pages through all live entries that q selects.
func LiveEntries(ctx context.Context, s catalog.Store, q catalog.Query) ([]catalog.Entry, error) {
	q.Live = true
	q.Limit = 5000
	var all []catalog.Entry
	for {
		page, err := s.Entries(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < q.Limit {
			return all, nil
		}
		q.After = page[len(page)-1].Item.ID
	}
}

// retired is what a snapshot feed's batch no longer holds: all of its rows
// have been parsed by now, so an older entry of the feed was not among them.
func (m *Match) retired(b MatchBatch, all []catalog.Entry) ([]string, error) {
	f, err := m.Contracts.Feed(b.Feed)
	if err != nil {
		return nil, err
	}
	if f.Load != contract.Snapshot {
		return nil, nil
	}
	var ids []string
	for _, e := range all {
		if e.Item.Meta.Feed == b.Feed && e.Seq < b.Seq {
			ids = append(ids, e.Item.ID)
		}
	}
	return ids, nil
}

// clusterDelta is what has to change in the store to get from one set of
// clusters to another: ids whose members changed, and their new members.
func clusterDelta(from, to []catalog.Cluster) (remove []string, put []catalog.Cluster) {
	old := make(map[string][]string, len(from))
	for _, c := range from {
		old[c.ID] = c.Items
	}
	for _, c := range to {
		items, ok := old[c.ID]
		delete(old, c.ID)
		if ok && slices.Equal(items, c.Items) {
			continue
		}
		if ok {
			remove = append(remove, c.ID)
		}
		put = append(put, c)
	}
	for id := range old {
		remove = append(remove, id)
	}
	slices.Sort(remove)
	return remove, put
}
