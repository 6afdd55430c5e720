package parse

import (
	"context"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// Confidence of a value that a column says.
const (
	columnHigh = 0.95
	columnLow  = 0.8
	// overruled is that of a value of the text that a trusted column denies.
	overruled = 0.5
)

// fromMeta fills what the text leaves out from the columns, and flags where the
// two disagree. A column of high trust lowers the confidence of what the text
// says against it; where the text itself is of low trust, it replaces it.
func (ps *Parser) fromMeta(ctx context.Context, s *knowledge.Schema, r *pipeline.Record, item *pipeline.Item) error {
	if maker := item.Meta.Manufacturer; maker != "" {
		if a, i, ok := s.Attribute("manufacturer"); ok {
			value := ""
			for _, m := range s.Lexicon().Lookup(maker) {
				if m.Role == knowledge.RoleValue && m.Attribute == i {
					value = a.Allowed[m.Index].Value
				}
			}
			if value == maker || value == "" && a.Open {
				column(s, r, item, pipeline.NounManufacturer, pipeline.Attribute{Name: a.Name, Value: pipeline.Text(maker)}, value != "")
			} else if have, ok := r.Attribute(a.Name); ok && value != "" && have.Value.String() != value {
				disagree(r, item, pipeline.NounManufacturer, a.Name, value, have.Value.String())
			}
		}
	}
	return ps.fromPartNumber(ctx, s, r, item)
}

// column joins what a column says. known: it is a value of the dictionary, so
// another one in the text is another thing, not another spelling.
func column(s *knowledge.Schema, r *pipeline.Record, item *pipeline.Item, noun string, a pipeline.Attribute, known bool) {
	high := item.Meta.Trust.Of(noun) == pipeline.High
	a.Provenance, a.Confidence = pipeline.Metadata, columnLow
	if high {
		a.Confidence = columnHigh
	}
	attr, _, _ := s.Attribute(a.Name)
	for i := range r.Attributes {
		have := &r.Attributes[i]
		if have.Name != a.Name {
			continue
		}
		if !known || same(attr, have.Value, a.Value) {
			return
		}
		disagree(r, item, noun, a.Name, a.Value.String(), have.Value.String())
		if high && item.Meta.Trust.Of(pipeline.NounText) == pipeline.Low {
			*have = a
		}
		return
	}
	r.Attributes = append(r.Attributes, a)
}

// disagree flags that a column and the text say different things.
func disagree(r *pipeline.Record, item *pipeline.Item, noun, name, column, text string) {
	flag(r, pipeline.Flag{Code: MetadataConflict, Attribute: name, Detail: "the column says " + column + ", the text says " + text})
	if item.Meta.Trust.Of(noun) != pipeline.High {
		return
	}
	for i := range r.Attributes {
		if r.Attributes[i].Name == name {
			r.Attributes[i].Confidence = min(r.Attributes[i].Confidence, overruled)
		}
	}
}

// fromPartNumber reads designations out of a trusted part number: 6205-2RS1
// where the text says only Lager.
func (ps *Parser) fromPartNumber(ctx context.Context, s *knowledge.Schema, r *pipeline.Record, item *pipeline.Item) error {
	number := item.Meta.PartNumber
	if number == "" || len(number) > maxPartNumber || item.Meta.Trust.Of(pipeline.NounPartNumber) != pipeline.High {
		return nil
	}
	named := false
	for i := range s.Attributes {
		named = named || s.Attributes[i].Kind == knowledge.KindDesignation
	}
	if !named {
		return nil
	}
	resp, err := ps.extractor.Extract(ctx, Request{Item: pipeline.Item{ID: item.ID, Source: number}, Schema: s})
	if err != nil {
		return err
	}
	for _, a := range resp.Attributes {
		if attr, _, ok := s.Attribute(a.Name); ok && attr.Kind == knowledge.KindDesignation {
			column(s, r, item, pipeline.NounPartNumber, pipeline.Attribute{Name: a.Name, Value: a.Value, Unit: a.Unit}, true)
		}
	}
	return nil
}

// maxPartNumber is the longest part number that is read, in bytes.
const maxPartNumber = 64

// byPartNumber tells the category of an item by its trusted part number, where
// the text does not.
func (ps *Parser) byPartNumber(item *pipeline.Item, r *pipeline.Record) (category string, score float64) {
	number := item.Meta.PartNumber
	if number == "" || len(number) > maxPartNumber || item.Meta.Trust.Of(pipeline.NounPartNumber) != pipeline.High {
		return pipeline.Unknown, 0
	}
	var f knowledge.Folded
	f.Fold(number)
	category, score, _ = ps.pack.ClassifyFolded(&f, item.Meta)
	if category != pipeline.Unknown {
		r.Trace = append(r.Trace, pipeline.Step{Did: "classified", Detail: category + ", for the part number " + number})
	}
	return category, score
}

// Words that one of the two languages uses and the other does not.
var (
	germanWords  = map[string]bool{"mit": true, "ohne": true, "und": true, "fuer": true, "nach": true, "aus": true, "der": true, "die": true, "das": true, "stueck": true}
	englishWords = map[string]bool{"with": true, "without": true, "and": true, "for": true, "the": true, "of": true, "from": true}
)

// spoken is the language that numbers are read in: what the column says, unless
// it is of low trust and the text speaks the other one.
func spoken(item *pipeline.Item, f *knowledge.Folded) quantity.Language {
	lang := language(item.Meta.Language)
	if lang == "" || item.Meta.Trust.Of(pipeline.NounLanguage) == pipeline.High {
		return lang
	}
	german, english := strings.ContainsAny(item.Source, "äöüÄÖÜß"), false
	for i := range f.Atoms {
		german = german || germanWords[f.Atoms[i].Text]
		english = english || englishWords[f.Atoms[i].Text]
	}
	if lang == quantity.English && german && !english || lang == quantity.German && english && !german {
		return ""
	}
	return lang
}

func language(l string) quantity.Language {
	switch {
	case len(l) >= 2 && (l[0] == 'd' || l[0] == 'D') && (l[1] == 'e' || l[1] == 'E'):
		return quantity.German
	case len(l) >= 2 && (l[0] == 'e' || l[0] == 'E') && (l[1] == 'n' || l[1] == 'N'):
		return quantity.English
	}
	return ""
}
