package flow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A row that the gate rejected is no deletion: the source still has the item,
// only nobody knows what it says now. So the items that the rejected records of
// a snapshot name stay in the catalog as they were. The raw record is all that
// is certain of a row that did not split, so a record names an item where it
// holds each value of its key as a cell of its own.

// cellsAtOnce bounds the cells of rejected records held in memory; more take
// several passes over the feed's items.
const cellsAtOnce = 1 << 19

// shards are what has to be parsed of a published batch, and what it spares.
func (in *Ingest) shards(ctx context.Context, b Batch, f *contract.Feed, report *gate.Report, m *lake.Manifest, degraded bool) ([]ParseShard, error) {
	shards := shardsOf(b, m, degraded)
	spared, err := in.sparedShards(ctx, b, f, report, len(shards))
	return append(shards, spared...), err
}

// sparedShards are the shards that keep the items in the catalog which the
// rejected rows of a published snapshot name.
func (in *Ingest) sparedShards(ctx context.Context, b Batch, f *contract.Feed, report *gate.Report, from int) ([]ParseShard, error) {
	if f.Load != contract.Snapshot || f.Catalog == nil || report.Rows.Rejected == 0 {
		return nil, nil
	}
	spared := map[string]bool{}
	take := func(r *rejected) error {
		return in.eachItem(ctx, b.Feed, func(id string) {
			if !spared[id] && r.names(strings.TrimPrefix(id, b.Feed+"/"), len(f.Catalog.IDs)) {
				spared[id] = true
			}
		})
	}
	raw, _, err := in.Lake.Open(ctx, lake.RawKey(b.Feed, b.ID, "raw.jsonl"), 0, -1)
	switch {
	case pipeline.ErrorCode(err) == pipeline.CodeNotFound:
		// What they said is gone; none of them may be taken for a deletion.
		if err := in.eachItem(ctx, b.Feed, func(id string) { spared[id] = true }); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	default:
		defer raw.Close()
		if err := readRejected(ctx, raw, take); err != nil {
			return nil, err
		}
	}
	ids := make([]string, 0, len(spared))
	for id := range spared {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var shards []ParseShard
	for part := range slices.Chunk(ids, ShardItems) {
		shards = append(shards, ParseShard{Feed: b.Feed, Batch: b.ID, Shard: from + len(shards), Spared: part})
	}
	return shards, nil
}

// eachItem yields the ids of the feed's live items.
func (in *Ingest) eachItem(ctx context.Context, feed string, yield func(id string)) error {
	q := catalog.Query{Feed: feed, Live: true, Limit: 5000}
	for {
		page, err := in.Store.Entries(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			yield(page[i].Item.ID)
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].Item.ID
	}
}

// rejected holds the cells of some rejected records.
type rejected struct {
	in    map[string][]int32 // cell → the records that hold it, ascending
	n     int32
	cells int
}

// readRejected reads raw.jsonl and hands its records over by portions.
func readRejected(ctx context.Context, raw io.Reader, take func(*rejected) error) error {
	r := bufio.NewReaderSize(raw, 64<<10)
	held := &rejected{in: map[string][]int32{}}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			held.add(line)
		}
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return err
		}
		if held.n > 0 && (last || held.cells >= cellsAtOnce) {
			if err := take(held); err != nil {
				return err
			}
			held = &rejected{in: map[string][]int32{}}
		}
		if last {
			return nil
		}
	}
}

// add takes in a line of raw.jsonl.
func (r *rejected) add(line []byte) {
	var x struct {
		Raw    string `json:"raw"`
		Base64 string `json:"raw_base64"`
	}
	if json.Unmarshal(line, &x) != nil {
		return
	}
	if x.Base64 != "" {
		if b, err := base64.StdEncoding.DecodeString(x.Base64); err == nil {
			x.Raw = string(b)
		}
	}
	for _, c := range cellsOf(x.Raw) {
		if at := r.in[c]; len(at) == 0 || at[len(at)-1] != r.n {
			r.in[c] = append(at, r.n)
			r.cells++
		}
	}
	r.n++
}

// cellsOf are the values of a raw record, however it was written.
func cellsOf(raw string) []string {
	var out []string
	add := func(s string) {
		if s = plainCell(s); s != "" {
			out = append(out, s)
		}
	}
	if text := strings.TrimSpace(raw); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		d := json.NewDecoder(bytes.NewReader([]byte(text)))
		d.UseNumber()
		for {
			t, err := d.Token()
			if err != nil {
				break
			}
			switch v := t.(type) {
			case string:
				add(v)
			case json.Number:
				add(v.String())
			}
		}
		return out
	}
	for _, s := range strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(",;\t|\r\n", r) }) {
		add(s)
	}
	return out
}

// plainCell is a value without what may be written or left out around it:
// quotes, spaces, leading zeros.
func plainCell(s string) string {
	s = strings.Trim(s, " \"'\u00a0")
	if z := strings.TrimLeft(s, "0"); z != "" {
		return z
	}
	return s
}

// names reports whether one record holds every part of a key, the values of n
// columns joined by slashes.
func (r *rejected) names(key string, n int) bool {
	parts := []string{key}
	if n > 1 {
		parts = strings.Split(key, "/")
	}
	var both []int32
	for i, p := range parts {
		at := r.in[plainCell(p)]
		if i == 0 {
			both = at
			continue
		}
		var kept []int32
		for _, x := range both {
			if _, ok := slices.BinarySearch(at, x); ok {
				kept = append(kept, x)
			}
		}
		both = kept
	}
	return len(both) > 0
}
