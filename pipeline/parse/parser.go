package parse

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A Request is one item in the light of its category.
type Request struct {
	Item   pipeline.Item
	Schema *knowledge.Schema
	// Language is that of the item, empty for unknown.
	Language quantity.Language
	// Want are the attributes that are asked for; nil is all of them.
	Want []string

	parser *Parser // who asks
	// folded is the text as the classifier read it, for the built-in extractor.
	folded *knowledge.Folded
}

// A Response is what an extractor claims. Nothing of it is believed before the
// guard has seen it.
type Response struct {
	Attributes []pipeline.Attribute
	Flags      []pipeline.Flag
	// Trace is what was decided on the way.
	Trace []pipeline.Step
}

// An Extractor proposes values. Errors: unavailable, limit, canceled, invalid.
// It must be safe for concurrent use.
type Extractor interface {
	Extract(ctx context.Context, req Request) (Response, error)
}

// Flags that the parser raises; the guard has more.
const (
	// CategoryUnknown: the item could not be told apart.
	CategoryUnknown = "category_unknown"
	// MetadataConflict: the text says something else than a trusted column.
	MetadataConflict = "metadata_conflict"
	// Contradiction: the text says something else than a standard that it
	// names, or two things at once.
	Contradiction = "contradiction"
	// Missing: a required value is absent.
	Missing = "missing"
	// NoSuchSize: the standard that the text names has no such size.
	NoSuchSize = "no_such_size"
	// Ambiguous: words that could mean two things were left unread.
	Ambiguous = "ambiguous"
)

// Options of a Parser.
type Options struct {
	// Workers of ParseAll; 0 = one per processor.
	Workers int
	// Second is asked for what the extractor leaves open; nil is nobody.
	Second Second
	// Raw leaves the records' confidence as it was judged, for who fits the
	// pack's calibration.
	Raw bool
	// Off keeps an item from Second: a kill switch, or the share of items that
	// a new model does not see yet. nil is never off.
	Off func(item pipeline.Item) bool
}

// maxSource is the longest text that is parsed; more is cut, and flagged.
const maxSource = 16 << 10

// A Parser makes records. It is safe for concurrent use.
type Parser struct {
	pack      *knowledge.Pack
	extractor Extractor
	opt       Options
	guards    map[string]guard.Schema
	entries   map[string]map[string]guard.Entry // by category and name
	checkers  sync.Pool
	folded    sync.Pool

	mu       sync.RWMutex
	meanings map[meaning]bool
}

// New returns a Parser over the extractor.
func New(p *knowledge.Pack, x Extractor, opt Options) *Parser {
	ps := &Parser{pack: p, extractor: x, opt: opt, guards: map[string]guard.Schema{}, entries: map[string]map[string]guard.Entry{}}
	for _, name := range p.Categories() {
		s, _ := p.Schema(name)
		ps.guards[name] = guardSchema(s)
		ps.entries[name] = map[string]guard.Entry{}
		for _, e := range s.Entries() {
			entry, _ := s.Entry(e)
			ps.entries[name][e] = guardEntry(s, entry)
		}
	}
	ps.checkers.New = func() any { return guard.NewChecker() }
	ps.folded.New = func() any { return new(knowledge.Folded) }
	return ps
}

// Pack is the knowledge that the parser works with.
func (ps *Parser) Pack() *knowledge.Pack { return ps.pack }

// Parse makes the record of one item. It fails only where the extractor does,
// or the caller gave up.
func (ps *Parser) Parse(ctx context.Context, item pipeline.Item) (rec pipeline.Record, err error) {
	if err := ctx.Err(); err != nil {
		return pipeline.Record{}, pipeline.Errorf(pipeline.CodeCanceled, "parsing %s: %w", item.ID, err)
	}
	r := pipeline.Record{
		ID: item.ID, Source: item.Source, Meta: item.Meta, Knowledge: ps.pack.Hash(),
		Attributes: []pipeline.Attribute{}, Flags: []pipeline.Flag{},
	}
	read := item
	read.Meta = item.Meta.Believed()
	if len(read.Source) > maxSource {
		read.Source = read.Source[:maxSource]
		r.Flags = append(r.Flags, pipeline.Flag{Code: "too_long", Detail: "only the first 16 KiB of the text were read"})
	}
	f, _ := ps.folded.Get().(*knowledge.Folded)
	defer ps.folded.Put(f)
	f.Fold(read.Source)
	category, score := ps.classify(f, &read, &r)
	r.Category = category
	if category == pipeline.Unknown {
		if category, err = ps.named(ctx, &r, read); err != nil {
			return pipeline.Record{}, err
		}
		r.Category = category
	}
	schema, ok := ps.pack.Schema(category)
	if !ok {
		return r, nil
	}
	lang := spoken(&read, f)
	resp, err := ps.extractor.Extract(ctx, Request{Item: read, Schema: schema, Language: lang, folded: f})
	if err != nil {
		return pipeline.Record{}, err
	}
	if len(resp.Attributes) > 0 {
		r.Attributes = resp.Attributes
	}
	r.Flags = append(r.Flags, resp.Flags...)
	ps.complete(schema, &r)
	if err := ps.fromMeta(ctx, schema, &r, &read); err != nil {
		return pipeline.Record{}, err
	}
	if n := len(r.Attributes); ps.opt.Second != nil {
		if err := ps.second(ctx, schema, &r, read, lang, f); err != nil {
			return pipeline.Record{}, err
		}
		if len(r.Attributes) > n {
			ps.complete(schema, &r)
		}
	}
	order(schema, r.Attributes)
	ps.check(schema, &r, lang)
	judge(schema, &r, score)
	if !ps.opt.Raw {
		r.Confidence = round(ps.pack.Calibration().Apply(r.Confidence))
	}
	if item.Degraded {
		r.Confidence = round(r.Confidence * 0.5)
	}
	return r, nil
}

// ParseAll parses items on several processors; records come in the order of
// the items. The first error ends it. What the second reader has to write down
// is written when ParseAll returns.
func (ps *Parser) ParseAll(ctx context.Context, items []pipeline.Item) (out []pipeline.Record, err error) {
	if g, ok := ps.opt.Second.(Grouper); ok {
		end := g.Group()
		defer func() {
			if gerr := end(ctx); gerr != nil {
				out, err = nil, errors.Join(err, gerr)
			}
		}()
	}
	return ps.parseAll(ctx, items)
}

func (ps *Parser) parseAll(ctx context.Context, items []pipeline.Item) ([]pipeline.Record, error) {
	out := make([]pipeline.Record, len(items))
	workers := ps.opt.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan [2]int)
	var wg sync.WaitGroup
	for range min(workers, len(items)) {
		wg.Go(func() {
			for part := range next {
				for i := part[0]; i < part[1]; i++ {
					r, err := ps.Parse(ctx, items[i])
					if err != nil {
						cancel(err)
						return
					}
					out[i] = r
				}
			}
		})
	}
	const chunk = 64
feed:
	for i := 0; i < len(items); i += chunk {
		select {
		case next <- [2]int{i, min(i+chunk, len(items))}:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		err := context.Cause(ctx)
		if pipeline.ErrorCode(err) == pipeline.CodeCanceled {
			err = pipeline.Errorf(pipeline.CodeCanceled, "parsing %d items: %w", len(items), err)
		}
		return nil, err
	}
	return out, nil
}

// classify decides the category and flags what speaks against it.
func (ps *Parser) classify(f *knowledge.Folded, item *pipeline.Item, r *pipeline.Record) (string, float64) {
	category, score, evidence := ps.pack.ClassifyFolded(f, item.Meta)
	if category == pipeline.Unknown {
		if category, score := ps.byPartNumber(item, r); category != pipeline.Unknown {
			return category, score
		}
		detail := "no word of the text is known to name a category"
		if len(evidence) > 0 {
			detail = "the text does not say clearly enough what it is; the best guess is " + evidence[0].Category
		}
		r.Flags = append(r.Flags, pipeline.Flag{Code: CategoryUnknown, Detail: detail})
		return category, score
	}
	for _, e := range evidence {
		if e.Category == category || e.Why == "text" && e.Weight < knowledge.Sure {
			continue
		}
		if e.Why == "metadata" {
			r.Flags = append(r.Flags, pipeline.Flag{Code: MetadataConflict, Detail: "the columns say " + e.Category + " (" + e.Text + "), the text says " + category})
		} else {
			r.Flags = append(r.Flags, pipeline.Flag{Code: MetadataConflict, Detail: "the text says " + e.Category + ", the columns say " + category})
		}
		break
	}
	return category, score
}

// order sorts attributes as the schema has them; of two of one name the first
// stays first.
func order(s *knowledge.Schema, as []pipeline.Attribute) {
	rank := func(name string) int {
		if _, i, ok := s.Attribute(name); ok {
			return i
		}
		return len(s.Attributes)
	}
	slices.SortStableFunc(as, func(a, b pipeline.Attribute) int { return rank(a.Name) - rank(b.Name) })
}

// judge names what is absent and gives the record its confidence, before the
// pack's calibration: that of its weakest critical value, lowered for what is
// missing or in doubt.
func judge(s *knowledge.Schema, r *pipeline.Record, score float64) {
	weakest := 1.0
	for i := range r.Attributes {
		if a, _, ok := s.Attribute(r.Attributes[i].Name); ok && a.Critical {
			weakest = min(weakest, r.Attributes[i].Confidence)
		}
	}
	missing := 0
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if !a.Required {
			continue
		}
		if _, ok := r.Attribute(a.Name); ok {
			continue
		}
		missing++
		reason := "the text does not say"
		for _, f := range r.Flags {
			if f.Attribute == a.Name {
				reason = "what the text says was not believed: " + f.Code
				break
			}
		}
		r.Flags = append(r.Flags, pipeline.Flag{Code: Missing, Attribute: a.Name, Detail: reason})
	}
	c := weakest * (0.7 + 0.3*min(1, 1.5*score))
	for range missing {
		c *= 0.8
	}
	if len(r.Flags) > missing {
		c *= 0.9
	}
	r.Confidence = round(c)
}

func round(x float64) float64 { return float64(int(x*1000+0.5)) / 1000 }
