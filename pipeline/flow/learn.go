package flow

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
)

// Learn trains the matcher on what people decided about items of the catalog.
type Learn struct {
	Store Store
	Now   func() time.Time
}

// Labels are what people decided in the review queue, and more, which wins
// where it is about the same pair; a pair is one whichever of its items is
// named first. Error: invalid where more contradicts itself, naming up to ten
// such pairs.
func (l *Learn) Labels(ctx context.Context, more []learn.Label) ([]learn.Label, error) {
	decided, err := pairDecisions(ctx, l.Store, nil)
	if err != nil {
		return nil, err
	}
	said := map[[2]string]bool{}
	out := make([]learn.Label, 0, len(more)+len(decided))
	var clashes []string
	for _, x := range more {
		if x.B < x.A {
			x.A, x.B = x.B, x.A
		}
		pair := [2]string{x.A, x.B}
		if same, again := said[pair]; again {
			if same != x.Same {
				clashes = append(clashes, x.A+" and "+x.B)
			}
			continue
		}
		said[pair] = x.Same
		out = append(out, x)
	}
	if n := len(clashes); n > 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "labels contradict each other: %s: same and different (a pair is one whichever item is named first)", strings.Join(clashes[:min(10, n)], "; ")).
			WithHint("keep the label that is right")
	}
	for _, d := range decided {
		if _, known := said[[2]string{d.A, d.B}]; !known {
			out = append(out, learn.Label{A: d.A, B: d.B, Same: d.Same})
		}
	}
	return out, nil
}

// Train fits a model to the decisions in the queue and to more labels, and
// stores it; from then on the pairs that the rules leave to people are judged
// with it. The same decisions give the same model. Errors: invalid (too few
// labels, an item that the catalog does not have), unavailable.
func (l *Learn) Train(ctx context.Context, more []learn.Label) (*learn.Model, error) {
	labels, err := l.Labels(ctx, more)
	if err != nil {
		return nil, err
	}
	entries, err := allEntries(ctx, l.Store, catalog.Query{})
	if err != nil {
		return nil, err
	}
	m, err := catalog.Train(ctx, entries, labels)
	if err != nil {
		return nil, err
	}
	stored, err := packModel(m, stamp(l.Now))
	if err != nil {
		return nil, err
	}
	return m, l.Store.PutModel(ctx, stored)
}

func packModel(m *learn.Model, at time.Time) (catalog.StoredModel, error) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if err := m.Write(z); err != nil {
		return catalog.StoredModel{}, err
	}
	if err := z.Close(); err != nil {
		return catalog.StoredModel{}, err
	}
	summary, err := json.Marshal(m.Training)
	if err != nil {
		return catalog.StoredModel{}, pipeline.Errorf(pipeline.CodeInternal, "model: %w", err)
	}
	return catalog.StoredModel{ID: m.Training.Hash, Kind: catalog.PairModel, Trained: at, Summary: summary, Body: buf.Bytes()}, nil
}

// LatestModel is the model that was trained last, nil where none was. A model
// of another version of the program is no model: the rules judge until it is
// trained again.
func LatestModel(ctx context.Context, s catalog.ModelStore) (*learn.Model, error) {
	stored, err := s.LatestModel(ctx, catalog.PairModel)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(stored.Body))
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "model %s: %w", stored.ID, err).WithHint("train it again: assay match train")
	}
	m, err := learn.ReadModel(io.LimitReader(z, 256<<20))
	if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
		return nil, nil
	}
	return m, err
}

// A Model is the trained matcher of a store: read once, and again when another
// was trained. Safe for concurrent use.
type Model struct {
	mu   sync.Mutex
	id   string
	read *learn.Model
}

// Latest is the model that was trained last, nil where none was. Errors: those
// of LatestModel.
func (m *Model) Latest(ctx context.Context, s catalog.ModelStore) (*learn.Model, error) {
	id, err := s.LatestModelID(ctx, catalog.PairModel)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		id, err = "", nil
	}
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if id == m.id {
		return m.read, nil
	}
	read, err := LatestModel(ctx, s)
	if err != nil {
		return nil, err
	}
	m.id, m.read = id, read
	return read, nil
}

// allEntries pages through everything that q selects, retired entries too.
func allEntries(ctx context.Context, s catalog.Store, q catalog.Query) ([]catalog.Entry, error) {
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
