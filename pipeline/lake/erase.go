package lake

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

func erasedKey(feed string) string { return path.Join(Curated, feed, "_erased.json") }

// Erase removes data files of feed that the current manifest does not name, for
// good: older manifests name them in vain from then on, which is noted beside
// them, so that Verify tells it from a loss. Error: invalid for a file that
// readers of the feed see.
func (l *Lake) Erase(ctx context.Context, feed string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	m, err := l.Current(ctx, feed)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return err
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, Data+"/"+feed+"/") || checkKey(key) != nil {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s is no data file of feed %s", key, feed)
		}
		if m != nil && slices.ContainsFunc(m.Files, func(f File) bool { return f.Key == key }) {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s is what readers of feed %s see", key, feed).WithHint("publish a manifest without it first")
		}
	}
	erased, err := l.erased(ctx, feed)
	if err != nil {
		return err
	}
	for _, k := range keys {
		erased[k] = true
	}
	names := make([]string, 0, len(erased))
	for k := range erased {
		names = append(names, k)
	}
	slices.Sort(names)
	b, err := json.MarshalIndent(names, "", " ")
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "erased files of feed %s: %w", feed, err)
	}
	if err := l.put(ctx, erasedKey(feed), append(b, '\n'), Condition{}); err != nil {
		return err
	}
	for _, key := range keys {
		if err := l.d.Delete(ctx, key); err != nil {
			return l.wrap("delete", key, err)
		}
	}
	return nil
}

// erased are the data files of feed that were removed on demand.
func (l *Lake) erased(ctx context.Context, feed string) (map[string]bool, error) {
	out := map[string]bool{}
	b, err := l.ReadObject(ctx, erasedKey(feed))
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s does not read: %w", l.Location(erasedKey(feed)), err).WithHint("remove it; lake verify then names what is absent")
	}
	for _, n := range names {
		out[n] = true
	}
	return out, nil
}
