package lake

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Feeds returns the feeds that have something in the curated or data zone, in
// order of their names.
func (l *Lake) Feeds(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	for _, zone := range []string{Curated, Data} {
		for after, more := "", true; more; {
			more = false
			for o, err := range l.d.List(ctx, zone+"/", after) {
				if err != nil {
					return nil, l.wrap("list", zone, err)
				}
				// The first key of a folder is enough: go on behind it.
				more, after = true, o.Key
				name, _, ok := strings.Cut(strings.TrimPrefix(o.Key, zone+"/"), "/")
				if ok {
					after = zone + "/" + name + "/\U0010FFFF"
				}
				if ok && CheckName("feed", name) == nil {
					seen[name] = true
				}
				break
			}
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// GC removes what nothing refers to and what is older than grace: data files
// and entries of the chain that no manifest reaches from the current one, and
// the debris of interrupted writes. It returns what it removed, or with dry
// what it would remove. A batch that is being staged is as good as garbage, so
// grace must exceed the time from staging to publish; zero takes everything and
// is for a lake on which nothing runs. Where a manifest of a feed cannot be read, nothing of
// that feed is removed and the error is returned.
func (l *Lake) GC(ctx context.Context, grace time.Duration, dry bool) ([]Object, error) {
	before := l.now().Add(-grace)
	if grace == 0 {
		// Whatever the clocks of this process and of the storage say.
		before = time.Unix(1<<40, 0)
	}
	var gone []Object
	feeds, err := l.Feeds(ctx)
	if err != nil {
		return nil, err
	}
	for _, feed := range feeds {
		old, err := l.unreferenced(ctx, feed, before)
		if err != nil {
			return gone, err
		}
		for _, o := range old {
			if !dry {
				if err := l.d.Delete(ctx, o.Key); err != nil {
					return gone, l.wrap("delete", o.Key, err)
				}
			}
			gone = append(gone, o)
		}
	}
	if s, ok := l.d.(Sweeper); ok {
		debris, err := s.Sweep(ctx, before, dry)
		gone = append(gone, debris...)
		if err != nil {
			return gone, l.wrap("sweep", "", err)
		}
	}
	return gone, nil
}

// unreferenced lists the data files and chain entries of feed that are older
// than before and that no manifest reaches. The files are listed first: what
// is published later was staged later or is reached by the chain as read.
func (l *Lake) unreferenced(ctx context.Context, feed string, before time.Time) ([]Object, error) {
	var old []Object
	for _, prefix := range []string{Data + "/" + feed + "/", chainPrefix(feed)} {
		for o, err := range l.d.List(ctx, prefix, "") {
			if err != nil {
				return nil, l.wrap("list", prefix, err)
			}
			if !o.Modified.After(before) {
				old = append(old, o)
			}
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	used, batches := map[string]bool{}, map[string]bool{}
	for m, err := range l.Manifests(ctx, feed) {
		if err != nil {
			return nil, err
		}
		used[chainKey(feed, m.Seq, m.ID)] = true
		for _, b := range m.Batches {
			batches[b] = true
		}
		for _, f := range m.Files {
			used[f.Key] = true
		}
	}
	kept := old[:0]
	for _, o := range old {
		if of := batchOfObject(o.Key); !used[o.Key] && (of == "" || !batches[of]) {
			kept = append(kept, o)
		}
	}
	return kept, nil
}
