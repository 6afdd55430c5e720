package parse

import (
	"context"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// Flags that asking a model raises.
const (
	// Injection: the text tries to instruct whoever reads it.
	Injection = "injection"
	// PersonalData: a value is personal data.
	PersonalData = "personal_data"
	// FellBack: the model could not be asked or understood; what stands there
	// was read by the rules alone.
	FellBack = "degraded"
	// Concluded: a critical choice is a model's conclusion from other words.
	Concluded = "concluded"
	// ToReview: the pack wants a person to look where an answer did not hold.
	ToReview = "review"
	// Disagreement: rules and model read different values.
	Disagreement = "disagreement"
)

// A Second is who is asked for what the rules leave open. It is an Extractor,
// and names the category of an item where the dictionaries cannot.
type Second interface {
	Extractor
	Classify(ctx context.Context, item pipeline.Item) (category string, steps []pipeline.Step, err error)
}

// A Grouper is a Second whose bookkeeping is cheaper for many items together.
// end writes what it still has to; a nil error says that all of it is written.
type Grouper interface {
	Group() (end func(ctx context.Context) error)
}

// A Sparer is a Second who counts the items that it need not be asked about.
type Sparer interface {
	Spared(ctx context.Context, item pipeline.Item)
}

// sure is the confidence below which a value of the rules is asked for again.
const sure = 0.8

// wanted are the attributes that a second reader is asked for: nothing, where
// every required and every critical attribute was read for certain, or where
// the text has no word left that nobody read; else all that are absent, unsure,
// or left unread as ambiguous. Asking for an attribute more costs a few tokens,
// asking at all costs a call.
func (ps *Parser) wanted(s *knowledge.Schema, r *pipeline.Record, f *knowledge.Folded) (want []string) {
	need, doubt := false, false
	for i := range s.Attributes {
		a := &s.Attributes[i]
		have, ok := r.Attribute(a.Name)
		unsure := ok && have.Confidence < sure
		for _, fl := range r.Flags {
			unsure = unsure || fl.Attribute == a.Name && (fl.Code == Ambiguous || fl.Code == Contradiction)
		}
		if ok && !unsure {
			continue
		}
		want = append(want, a.Name)
		need = need || a.Required || a.Critical && a.Implicit == ""
		doubt = doubt || unsure && (a.Required || a.Critical)
	}
	if !doubt && (!need || !ps.unread(s, r, f)) {
		return nil
	}
	return want
}

// unread reports whether the text has a number or a word of three letters that
// no value came from, and that is neither a word of the language nor of the
// category's vocabulary for labels, nouns and noise.
func (ps *Parser) unread(s *knowledge.Schema, r *pipeline.Record, f *knowledge.Folded) bool {
	for i := range f.Atoms {
		at := &f.Atoms[i]
		if !at.Digits && (len(at.Text) < 3 || ps.pack.Common(at.Text) || s.Lexicon().Knows(at.Text)) {
			continue
		}
		span := pipeline.Span{Start: at.Start, End: at.End}
		if !slices.ContainsFunc(r.Attributes, func(a pipeline.Attribute) bool { return a.Overlaps(span) }) {
			return true
		}
	}
	return false
}

// second asks the second reader for what is open in r and joins its answers.
func (ps *Parser) second(ctx context.Context, s *knowledge.Schema, r *pipeline.Record, item pipeline.Item, lang quantity.Language, f *knowledge.Folded) error {
	if ps.opt.Second == nil || ps.opt.Off != nil && ps.opt.Off(item) {
		return nil
	}
	want := ps.wanted(s, r, f)
	if len(want) == 0 {
		// An item of a feed: a question that somebody types is none, and where
		// there is a trace, the category was asked for.
		if s, ok := ps.opt.Second.(Sparer); ok && len(r.Trace) == 0 && item.Meta.Feed != "" {
			s.Spared(ctx, item)
		}
		return nil
	}
	resp, err := ps.opt.Second.Extract(ctx, Request{Item: item, Schema: s, Language: lang, Want: want, parser: ps})
	r.Trace = append(r.Trace, resp.Trace...)
	if err != nil {
		return ps.fallBack(ctx, r, err)
	}
	for _, f := range resp.Flags {
		flag(r, f)
	}
	for _, a := range resp.Attributes {
		ps.join(s, r, a)
	}
	return nil
}

// fallBack leaves the record as the rules read it and says so. Only the caller
// giving up ends the parse.
func (ps *Parser) fallBack(ctx context.Context, r *pipeline.Record, err error) error {
	if ctx.Err() != nil {
		return pipeline.Errorf(pipeline.ErrorCode(ctx.Err()), "parsing %s: %w", r.ID, ctx.Err())
	}
	why := pipeline.ErrorMessage(err)
	r.Trace = append(r.Trace, pipeline.Step{Did: "fell_back", Detail: why})
	flag(r, pipeline.Flag{Code: FellBack, Detail: "read by the rules alone: " + why})
	return nil
}

// join adds a value of the second reader. Where the rules have one too, two
// readers who agree are surer than either, and two who do not leave it to a
// person: the rules' value stays, since it is the one that can be explained.
func (ps *Parser) join(s *knowledge.Schema, r *pipeline.Record, a pipeline.Attribute) {
	attr, _, ok := s.Attribute(a.Name)
	if !ok {
		return
	}
	i := slices.IndexFunc(r.Attributes, func(b pipeline.Attribute) bool { return b.Name == a.Name })
	if i < 0 {
		r.Attributes = append(r.Attributes, a)
		return
	}
	have := &r.Attributes[i]
	switch {
	case same(attr, have.Value, a.Value):
		have.Confidence = round(1 - (1-have.Confidence)*(1-a.Confidence))
	case related(attr, have.Value, a.Value):
		if len(a.Value.String()) > len(have.Value.String()) {
			*have = a
		}
	default:
		r.Trace = append(r.Trace, pipeline.Step{Did: "disagreed", Attribute: a.Name, Detail: "the rules read " + withUnit(have.Value, have.Unit) + ", the model " + withUnit(a.Value, a.Unit)})
		flag(r, pipeline.Flag{Code: Disagreement, Attribute: a.Name, Detail: "the rules read " + withUnit(have.Value, have.Unit) + ", the model " + withUnit(a.Value, a.Unit)})
		have.Confidence = round(min(have.Confidence, 0.5))
	}
}

// named asks the second reader for the category of an item that the
// dictionaries cannot tell.
func (ps *Parser) named(ctx context.Context, r *pipeline.Record, item pipeline.Item) (string, error) {
	if ps.opt.Second == nil || ps.opt.Off != nil && ps.opt.Off(item) {
		return pipeline.Unknown, nil
	}
	category, steps, err := ps.opt.Second.Classify(ctx, item)
	r.Trace = append(r.Trace, steps...)
	if err != nil {
		return pipeline.Unknown, ps.fallBack(ctx, r, err)
	}
	if category != pipeline.Unknown {
		r.Flags = slices.DeleteFunc(r.Flags, func(f pipeline.Flag) bool { return f.Code == CategoryUnknown })
	}
	return category, nil
}
