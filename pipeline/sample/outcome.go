package sample

import "github.com/assay-pipeline/assay/pipeline"

// An Outcome is what the pipeline made of a sample, in the words of this
// package. Item ids may carry the feed (Key) or not.
type Outcome struct {
	Batches  []Judged
	Records  []pipeline.Record
	Pairs    []Judgement
	Clusters [][]string
	// Tripped are the feeds whose breaker opened.
	Tripped []string
}

// Judged is one file after the gate and the decision.
type Judged struct {
	Feed, File string
	Decision   pipeline.Decision
	Rows       pipeline.Rows
	Rejects    []Reject
}

// A Reject is one reason for which one row was rejected.
type Reject struct {
	// Row counts records from 1, without the header.
	Row int64
	// Code is the rule (required, type, enum …) or the fault of the record.
	Code   string
	Column string
}

// A Judgement is the verdict on one pair.
type Judgement struct {
	A, B    string
	Verdict string
}

// Verdicts of a pair.
const (
	Duplicate = "duplicate"
	Review    = "review"
)

// A Vocabulary translates this package's names of categories, attributes and
// values into those of the records, where they differ.
type Vocabulary struct {
	// Categories by name.
	Categories map[string]string
	// Attributes by CATEGORY.NAME, else by NAME; "-" leaves one out.
	Attributes map[string]string
	// Values by CATEGORY.NAME=VALUE, else NAME=VALUE: other spellings that are
	// right too.
	Values map[string][]string
}

func (v Vocabulary) category(name string) string {
	if to := v.Categories[name]; to != "" {
		return to
	}
	return name
}

func (v Vocabulary) attribute(category, name string) string {
	if to := v.Attributes[category+"."+name]; to != "" {
		return to
	}
	if to := v.Attributes[name]; to != "" {
		return to
	}
	return name
}

func (v Vocabulary) values(category string, f Fact) []string {
	out := []string{f.Value}
	out = append(out, v.Values[category+"."+f.Name+"="+f.Value]...)
	return append(out, v.Values[f.Name+"="+f.Value]...)
}
