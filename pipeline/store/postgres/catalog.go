package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

var itemColumns = []string{"id", "feed", "category", "batch", "seq", "source", "meta", "record", "degraded", "retired", "updated", "parts"}

const itemList = `id, feed, category, batch, seq, source, meta, record, degraded, retired, updated`

// PutEntries inserts or replaces entries with their vectors. What is new goes
// in by COPY.
func (p *ports) PutEntries(ctx context.Context, entries []catalog.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return p.bulk(ctx, func(s session) error {
		a, err := arrange(ctx, s, entries)
		if err != nil {
			return err
		}
		if err := putItems(ctx, s, a); err != nil {
			return err
		}
		return putVectors(ctx, s, a)
	})
}

// An arrangement is what is left of the entries of one call: each id once, none
// that arrived late.
type arrangement struct {
	fresh, known []catalog.Entry
	stale        []string // known items whose text changes
}

func arrange(ctx context.Context, s session, entries []catalog.Entry) (a arrangement, err error) {
	at := make(map[string]int, len(entries)) // id → place in keep
	keep := make([]catalog.Entry, 0, len(entries))
	for _, e := range entries {
		if err := goodID("item id", e.Item.ID); err != nil {
			return a, err
		}
		if i, twice := at[e.Item.ID]; !twice {
			at[e.Item.ID] = len(keep)
			keep = append(keep, e)
		} else if e.Seq >= keep[i].Seq {
			keep[i] = e
		}
	}
	ids := make([]string, len(keep))
	for i, e := range keep {
		ids[i] = e.Item.ID
	}
	const (
		isFresh = iota
		isKnown
		isLate
	)
	state := make([]int, len(keep))
	if err := each(ctx, s, func(r pgx.Rows) error {
		var id string
		var source []byte
		var seq int64
		if err := r.Scan(&id, &source, &seq); err != nil {
			return err
		}
		i := at[id]
		switch e := keep[i]; {
		case e.Seq < seq:
			state[i] = isLate
		case e.Item.Source != string(source):
			a.stale = append(a.stale, id)
			state[i] = isKnown
		default:
			state[i] = isKnown
		}
		return nil
	}, `SELECT id, source, seq FROM items WHERE id = ANY($1)`, ids); err != nil {
		return a, err
	}
	for i, e := range keep {
		switch state[i] {
		case isFresh:
			a.fresh = append(a.fresh, e)
		case isKnown:
			a.known = append(a.known, e)
		}
	}
	return a, nil
}

// partsOf are the keys that e is found by exactly; none is another thing than
// not worked out, which is NULL.
func partsOf(e *catalog.Entry) []string {
	if keys := catalog.PartKeys(e); keys != nil {
		return keys
	}
	return []string{}
}

// itemRow is the row of an entry, in the order of itemColumns.
func itemRow(e catalog.Entry) ([]any, error) {
	if e.Record.Source == e.Item.Source {
		e.Record.Source = "" // stands in its own column
	}
	meta, err := encode(e.Item.Meta)
	if err != nil {
		return nil, err
	}
	record, err := encode(e.Record)
	if err != nil {
		return nil, err
	}
	return []any{e.Item.ID, e.Item.Meta.Feed, e.Record.Category, e.Batch, e.Seq, []byte(e.Item.Source), meta, record,
		e.Item.Degraded, e.Retired, stamp(e.Updated), partsOf(&e)}, nil
}

func putItems(ctx context.Context, s session, a arrangement) error {
	if len(a.fresh) > 0 {
		if _, err := s.CopyFrom(ctx, pgx.Identifier{"items"}, itemColumns,
			pgx.CopyFromSlice(len(a.fresh), func(i int) ([]any, error) { return itemRow(a.fresh[i]) })); err != nil {
			return err
		}
	}
	if len(a.known) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	for _, e := range a.known {
		row, err := itemRow(e)
		if err != nil {
			return err
		}
		b.Queue(`UPDATE items SET feed = $2, category = $3, batch = $4, seq = $5, source = $6, meta = $7, record = $8,
			degraded = $9, retired = $10, updated = $11, parts = $12 WHERE id = $1`, row...)
	}
	return s.SendBatch(ctx, b).Close()
}

// A space is one embedding space as stored.
type space struct {
	n    int
	dims int
	// indexed: its points are kept.
	indexed bool
}

func putVectors(ctx context.Context, s session, a arrangement) error {
	var left []place
	if a.stale != nil {
		var err error
		if left, _, err = leave(ctx, s, 0, a.stale); err != nil {
			return err
		}
	}
	spaces := map[string]space{}
	added := map[int]points{} // of spaces that are indexed
	var rows [][]any
	replaced := map[int][]string{} // space → items whose vector may be there
	for i, e := range slices.Concat(a.fresh, a.known) {
		if len(e.Vector) == 0 {
			continue
		}
		sp, ok := spaces[e.Space]
		if !ok {
			var err error
			if sp, err = findSpace(ctx, s, e.Space, len(e.Vector)); err != nil {
				return err
			}
			spaces[e.Space] = sp
		}
		if sp.dims != len(e.Vector) {
			return pipeline.Errorf(pipeline.CodeInvalid, "item %s: a vector of %d dimensions does not belong in space %s, which has %d", e.Item.ID, len(e.Vector), e.Space, sp.dims)
		}
		if i >= len(a.fresh) {
			replaced[sp.n] = append(replaced[sp.n], e.Item.ID)
		}
		point := pointOf(e.Vector)
		if sp.indexed {
			if added[sp.n] == nil {
				added[sp.n] = points{}
			}
			added[sp.n][point] = e.Vector
		}
		rows = append(rows, []any{e.Item.ID, sp.n, pgvector.NewVector(e.Vector), point})
	}
	for n, items := range replaced {
		more, _, err := leave(ctx, s, n, items)
		if err != nil {
			return err
		}
		left = append(left, more...)
	}
	if len(rows) > 0 {
		if _, err := s.CopyFrom(ctx, pgx.Identifier{"embeddings"}, []string{"item", "space", "vector", "point"}, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
	}
	for _, n := range slices.Sorted(maps.Keys(added)) {
		if err := added[n].add(ctx, s, n); err != nil {
			return err
		}
	}
	return tidy(ctx, s, left)
}

// findSpace returns the space of that name, made with dims where it is new.
func findSpace(ctx context.Context, s session, name string, dims int) (sp space, err error) {
	if err := goodID("embedding space", name); err != nil {
		return sp, err
	}
	find := func() (bool, error) {
		return one(ctx, s, []any{&sp.n, &sp.dims, &sp.indexed}, `SELECT n, dims, indexed FROM spaces WHERE name = $1 FOR SHARE`, name)
	}
	if found, err := find(); err != nil || found {
		return sp, err
	}
	if _, err := s.Exec(ctx, `INSERT INTO spaces (name, dims) VALUES ($1, $2)`, name, dims); err != nil {
		return sp, err
	}
	_, err = find()
	return sp, err
}

// Entries selects entries in the order of their ids.
func (p *ports) Entries(ctx context.Context, q catalog.Query) (out []catalog.Entry, err error) {
	columns, from := itemList+`, NULL::vector`, ` FROM items`
	var w where
	if q.Vectors != "" {
		columns = itemList + `, vector`
		from += ` LEFT JOIN embeddings ON item = id AND space = (SELECT n FROM spaces WHERE name = ` + w.arg(q.Vectors) + `)`
	}
	if q.IDs != nil {
		w.add(`id = ANY($)`, q.IDs)
	}
	if q.Feed != "" {
		w.add(`feed = $`, q.Feed)
	}
	if q.Category != "" {
		w.add(`category = $`, q.Category)
	}
	if q.Batch != "" {
		w.add(`batch = $`, q.Batch)
	}
	if q.Live {
		w.add(`NOT retired`)
	}
	if !q.Since.IsZero() {
		w.add(`updated >= $`, stamp(q.Since))
	}
	if q.After != "" {
		w.add(`id > $`, q.After)
	}
	if q.Limit <= 0 {
		q.Limit = max(1000, len(q.IDs))
	}
	query := `SELECT ` + columns + from + w.String() + ` ORDER BY id LIMIT ` + w.arg(q.Limit)
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			e, err := scanEntry(r)
			if e.Vector != nil {
				e.Space = q.Vectors
			}
			out = append(out, e)
			return err
		}, query, w.args...)
	})
	return out, err
}

func scanEntry(r pgx.Rows) (e catalog.Entry, err error) {
	var feed, category string
	var source, meta, record []byte
	var updated *time.Time
	var vector *pgvector.Vector
	if err := r.Scan(&e.Item.ID, &feed, &category, &e.Batch, &e.Seq, &source, &meta, &record,
		&e.Item.Degraded, &e.Retired, &updated, &vector); err != nil {
		return e, err
	}
	e.Item.Source, e.Updated = string(source), moment(updated)
	if err := decode("the metadata of item "+e.Item.ID, meta, &e.Item.Meta); err != nil {
		return e, err
	}
	if err := decode("the record of item "+e.Item.ID, record, &e.Record); err != nil {
		return e, err
	}
	if e.Record.Source == "" {
		e.Record.Source = e.Item.Source
	}
	if vector != nil {
		e.Vector = vector.Slice()
	}
	return e, nil
}

// RetireItems marks items as gone from their feed.
func (p *ports) RetireItems(ctx context.Context, ids []string, at time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `UPDATE items SET retired = true, updated = $1 WHERE NOT retired AND id = ANY($2)`, stamp(at), ids)
		return err
	})
}

// ReplaceMatches puts ms in place of every match that touches ids.
func (p *ports) ReplaceMatches(ctx context.Context, ids []string, ms []catalog.Match) error {
	if len(ids) == 0 && len(ms) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		b := &pgx.Batch{}
		if len(ids) > 0 {
			b.Queue(`DELETE FROM matches WHERE a = ANY($1) OR b = ANY($1)`, ids)
		}
		for _, m := range ms {
			if m.A >= m.B {
				return pipeline.Errorf(pipeline.CodeInvalid, "match of %q and %q: the first id must be the lesser", m.A, m.B)
			}
			reasons, err := encode(m.Reasons)
			if err != nil {
				return err
			}
			b.Queue(`INSERT INTO matches (a, b, verdict, score, reasons, veto) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (a, b) DO UPDATE SET verdict = excluded.verdict, score = excluded.score,
				reasons = excluded.reasons, veto = excluded.veto`, m.A, m.B, string(m.Verdict), m.Score, reasons, m.Veto)
		}
		return s.SendBatch(ctx, b).Close()
	})
}

// Matches returns the stored matches that touch ids, by (A, B).
func (p *ports) Matches(ctx context.Context, ids []string) ([]catalog.Match, error) {
	query, args := `SELECT `+matchColumns+` FROM matches`, []any(nil)
	if ids != nil {
		query += ` WHERE a = ANY($1) OR b = ANY($1)`
		args = []any{ids}
	}
	return p.matches(ctx, query+` ORDER BY a, b`, args)
}

// PutClusters drops the clusters named in remove and stores put.
func (p *ports) PutClusters(ctx context.Context, remove []string, put []catalog.Cluster) error {
	if len(remove) == 0 && len(put) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		gone := slices.Clone(remove)
		b := &pgx.Batch{}
		for _, c := range put {
			if err := goodID("cluster id", c.ID); err != nil {
				return err
			}
			gone = append(gone, c.ID)
		}
		b.Queue(`DELETE FROM cluster_items WHERE cluster = ANY($1)`, gone)
		for _, c := range put {
			items := slices.Compact(slices.Sorted(slices.Values(c.Items))) // one statement cannot touch a row twice
			b.Queue(`INSERT INTO cluster_items (item, cluster) SELECT unnest($1::text[]), $2
				ON CONFLICT (item) DO UPDATE SET cluster = excluded.cluster`, items, c.ID)
		}
		return s.SendBatch(ctx, b).Close()
	})
}

// Clusters returns clusters with all of their items, by id.
func (p *ports) Clusters(ctx context.Context, items []string) ([]catalog.Cluster, error) {
	var w where
	if items != nil {
		w.add(`cluster IN (SELECT cluster FROM cluster_items WHERE item = ANY($))`, items)
	}
	return p.clusters(ctx, `SELECT cluster, item FROM cluster_items`+w.String()+` ORDER BY cluster, item`, w.args)
}
