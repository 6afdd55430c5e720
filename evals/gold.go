package evals

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

// Author of a case.
type Author string

// Authors of cases.
const (
	ByHand    Author = "hand"
	Generated Author = "generated"
)

// A Case is one line of a golden set: what goes in, and what should come out.
// Which of the fields are used depends on the task; README.md has examples.
type Case struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	By   Author `json:"by"`
	// Cluster binds cases that stand or fall together, such as wordings of one
	// thing: they are drawn together when the interval is made. Empty: the case
	// stands alone.
	Cluster string `json:"cluster,omitempty"`
	// Slices are keys of the case's own, beside those that follow from it
	// (category, plant, language, kind, by).
	Slices map[string]string `json:"slices,omitempty"`
	// Note says for people why the case is there.
	Note string `json:"note,omitempty"`

	// Text and Meta are what is read (parse, category, guard).
	Text string        `json:"text,omitempty"`
	Meta pipeline.Meta `json:"meta,omitzero"`
	// Secret are words of the text that neither a model nor a record may see.
	Secret []string `json:"secret,omitempty"`
	// A and B are the two items of a pair (match).
	A *Item `json:"a,omitempty"`
	B *Item `json:"b,omitempty"`
	// Query is a search, or a question to the knowledge (retrieve), which may
	// name the stage that asks and the category it is about.
	Query    string         `json:"query,omitempty"`
	Stage    retrieve.Stage `json:"stage,omitempty"`
	Category string         `json:"category,omitempty"`
	// Check is what the guard is asked: injection, personal-data, grounding,
	// record. Attribute and Value are the claim of a grounding.
	Check     GuardCheck `json:"check,omitempty"`
	Attribute string     `json:"attribute,omitempty"`
	Value     string     `json:"value,omitempty"`

	Want Want `json:"want"`

	// Says is what a model that can read answers about the case, by attribute and
	// "category"; Lured what one answers that takes the text for an instruction;
	// Fault what goes wrong when it is asked. Simulated models behave so (parse,
	// category).
	Says  map[string]Said `json:"says,omitempty"`
	Lured map[string]Said `json:"lured,omitempty"`
	Fault Fault           `json:"fault,omitempty"`

	// File and Line are where the case stands.
	File string `json:"-"`
	Line int    `json:"-"`
}

// An Item of a pair or of the catalog of a search.
type Item struct {
	// ID; items of one id in several pairs are one item. Empty: an item of this
	// case alone.
	ID   string        `json:"id,omitempty"`
	Text string        `json:"text"`
	Meta pipeline.Meta `json:"meta,omitzero"`
}

// Want is what should come out.
type Want struct {
	// Category of parse and category; several where any of them is right.
	// "unknown" is the right answer where nobody could tell.
	Category OneOf `json:"category,omitempty"`
	// Attributes that the record must have (parse).
	Attributes map[string]Accept `json:"attributes,omitempty"`
	// Also are attributes that it may have: right or wrong where it has them, no
	// loss where it has not. They follow from a standard, not from the text.
	Also map[string]Accept `json:"also,omitempty"`
	// Partial: the record may have attributes that are not listed here. Else
	// each of them is one too many.
	Partial bool `json:"partial,omitempty"`
	// Review: a person should be asked (parse, category). Not given: not asked
	// about.
	Review *bool `json:"review,omitempty"`
	// Any and All are the passages (retrieve) or items (search) that answer: one
	// of Any is enough; of All each counts.
	Any []string `json:"any,omitempty"`
	All []string `json:"all,omitempty"`
	// Verdict on a pair: duplicate, distinct, or review where nobody could tell.
	Verdict string `json:"verdict,omitempty"`
	// Caught: the guard must catch it; false: it is harmless.
	Caught *bool `json:"caught,omitempty"`
	// Found are the kinds of personal data, as often as they occur.
	Found []string `json:"found,omitempty"`
}

// A GuardCheck is what is asked of the guard.
type GuardCheck string

// Checks of the guard.
const (
	// Injection: does the text try to give orders.
	Injection GuardCheck = "injection"
	// PersonalData: which personal data does the text hold.
	PersonalData GuardCheck = "personal-data"
	// Grounding: does the text carry the value; caught means that it does not.
	Grounding GuardCheck = "grounding"
	// WholeRecord: the text goes through the whole parse, and nothing secret,
	// invented or personal may stand in the record.
	WholeRecord GuardCheck = "record"
)

// OneOf is one word, or a list of words of which each is right.
type OneOf []string

// UnmarshalJSON reads a word or a list.
func (o *OneOf) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = OneOf{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil || len(many) == 0 {
		return fmt.Errorf("%s is neither a word nor a list of words", clip(string(b)))
	}
	*o = many
	return nil
}

// MarshalJSON writes one word alone.
func (o OneOf) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}

// Limits of a golden set.
const (
	maxLine  = 256 << 10
	maxCases = 50_000
)

// ReadCases reads a golden set for a task. Every mistake is reported.
func ReadCases(file string, src []byte, task Task) (out []Case, ps Problems) {
	ids := map[string]int{}
	eachLine(file, src, &ps, func(line int, b []byte) {
		c := Case{File: file, Line: line}
		if err := strict(b, &c); err != nil {
			ps.add(file, line, "%v", err)
			return
		}
		if first, twice := ids[c.ID]; twice {
			ps.add(file, line, "the case %q is there already, in line %d", c.ID, first)
		}
		ids[c.ID] = line
		for _, msg := range c.problems(task) {
			ps.add(file, line, "%s", msg)
		}
		out = append(out, c)
	})
	if len(out) == 0 && len(ps) == 0 {
		ps.add(file, 1, "has no case")
	}
	return out, ps
}

// ReadItems reads the catalog of a search: one item per line.
func ReadItems(file string, src []byte) (out []Item, ps Problems) {
	ids := map[string]int{}
	eachLine(file, src, &ps, func(line int, b []byte) {
		var it Item
		if err := strict(b, &it); err != nil {
			ps.add(file, line, "%v", err)
			return
		}
		switch first, twice := ids[it.ID]; {
		case it.ID == "":
			ps.add(file, line, "the item has no id")
		case twice:
			ps.add(file, line, "the item %q is there already, in line %d", it.ID, first)
		case it.Text == "":
			ps.add(file, line, "the item %q has no text", it.ID)
		}
		ids[it.ID] = line
		out = append(out, it)
	})
	if len(out) == 0 && len(ps) == 0 {
		ps.add(file, 1, "has no item")
	}
	return out, ps
}

// eachLine calls f with every line that holds something; lines that begin with
// # or // are for people.
func eachLine(file string, src []byte, ps *Problems, f func(line int, b []byte)) {
	n, read := 0, 0
	for len(src) > 0 {
		n++
		b := src
		if i := bytes.IndexByte(src, '\n'); i >= 0 {
			b, src = src[:i], src[i+1:]
		} else {
			src = nil
		}
		b = bytes.TrimSpace(b)
		switch {
		case len(b) == 0 || b[0] == '#' || bytes.HasPrefix(b, []byte("//")):
			continue
		case len(b) > maxLine:
			ps.add(file, n, "is longer than %d KiB", maxLine>>10)
			continue
		case !utf8.Valid(b):
			ps.add(file, n, "is not UTF-8")
			continue
		}
		if read++; read > maxCases {
			ps.add(file, n, "has more than %d lines", maxCases)
			return
		}
		f(n, b)
	}
}

// strict reads one JSON object and nothing else.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the JSON ends in the middle")
		}
		if t := new(json.UnmarshalTypeError); errors.As(err, &t) && t.Field != "" {
			return fmt.Errorf("%s is a %s, and has to be a %s", t.Field, t.Value, t.Type.Kind())
		}
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// problems are what is wrong with a case of a task by itself.
func (c *Case) problems(task Task) (out []string) {
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if c.ID == "" {
		bad("the case has no id")
	}
	if !slices.Contains(Kinds, c.Kind) {
		bad("kind %q is none of %s", c.Kind, join(Kinds))
	}
	if c.By != ByHand && c.By != Generated {
		bad("by %q is neither %s nor %s", c.By, ByHand, Generated)
	}
	need := func(ok bool, what string) {
		if !ok {
			bad("a case of %s needs %s", task, what)
		}
	}
	switch task {
	case Parse, Category:
		need(c.Text != "", "text")
		need(len(c.Want.Category) > 0, "want.category")
	case Retrieve:
		need(c.Query != "", "query")
		need(len(c.Want.Any)+len(c.Want.All) > 0, "want.any or want.all, with ids of passages")
		if c.Stage != "" && !slices.Contains(retrieve.Stages, c.Stage) {
			bad("stage %q is none of %s", c.Stage, join(retrieve.Stages))
		}
	case Match:
		need(c.A != nil && c.B != nil && c.A.Text != "" && c.B.Text != "", "a and b, each with a text")
		need(slices.Contains([]string{"duplicate", "distinct", "review"}, c.Want.Verdict), "want.verdict: duplicate, distinct or review")
		if c.A != nil && c.B != nil && c.A.ID != "" && c.A.ID == c.B.ID {
			bad("a and b are the same item %q", c.A.ID)
		}
	case Search:
		need(c.Query != "", "query")
		need(len(c.Want.Any)+len(c.Want.All) > 0, "want.any or want.all, with ids of items")
	case Guard:
		c.guardProblems(need, bad)
	}
	if c.Fault != "" && !slices.Contains(Faults, c.Fault) {
		bad("fault %q is none of %s", c.Fault, join(Faults))
	}
	for _, s := range c.Secret {
		if s == "" || !strings.Contains(c.Text, s) {
			bad("the secret %q does not stand in the text", clip(s))
		}
	}
	return append(out, c.foreign(task)...)
}

func (c *Case) guardProblems(need func(bool, string), bad func(string, ...any)) {
	need(c.Text != "", "text")
	switch c.Check {
	case Injection:
		need(c.Want.Caught != nil, "want.caught")
	case PersonalData:
		if c.Want.Found == nil && c.Want.Caught == nil {
			bad("a case of personal-data needs want.found, the kinds that stand in the text, or want.caught: false")
		}
	case Grounding:
		need(c.Want.Caught != nil && c.Attribute != "" && c.Value != "", "attribute, value and want.caught")
	case WholeRecord:
		need(c.Want.Caught == nil, "no want.caught where the whole record is looked at: what must not be in it is secret")
	default:
		bad("check %q is none of %s", c.Check, join([]GuardCheck{Injection, PersonalData, Grounding, WholeRecord}))
	}
}

// foreign names fields that mean nothing in the task: whoever wrote them meant
// something that is not looked at.
func (c *Case) foreign(task Task) (out []string) {
	w := &c.Want
	for _, f := range []struct {
		name  string
		set   bool
		tasks []Task
	}{
		{"text", c.Text != "", []Task{Parse, Category, Guard}},
		{"meta", c.Meta != pipeline.Meta{}, []Task{Parse, Category, Guard}},
		{"secret", len(c.Secret) > 0, []Task{Parse, Category, Guard}},
		{"a", c.A != nil, []Task{Match}},
		{"b", c.B != nil, []Task{Match}},
		{"query", c.Query != "", []Task{Retrieve, Search}},
		{"stage", c.Stage != "", []Task{Retrieve}},
		{"category", c.Category != "", []Task{Retrieve}},
		{"check", c.Check != "", []Task{Guard}},
		{"attribute", c.Attribute != "", []Task{Guard}},
		{"value", c.Value != "", []Task{Guard}},
		{"says", c.Says != nil, []Task{Parse, Category}},
		{"lured", c.Lured != nil, []Task{Parse, Category}},
		{"fault", c.Fault != "", []Task{Parse, Category}},
		{"want.category", len(w.Category) > 0, []Task{Parse, Category}},
		{"want.attributes", w.Attributes != nil, []Task{Parse}},
		{"want.also", w.Also != nil, []Task{Parse}},
		{"want.partial", w.Partial, []Task{Parse}},
		{"want.review", w.Review != nil, []Task{Parse, Category}},
		{"want.any", w.Any != nil, []Task{Retrieve, Search}},
		{"want.all", w.All != nil, []Task{Retrieve, Search}},
		{"want.verdict", w.Verdict != "", []Task{Match}},
		{"want.caught", w.Caught != nil, []Task{Guard}},
		{"want.found", w.Found != nil, []Task{Guard}},
	} {
		if f.set && !slices.Contains(f.tasks, task) {
			out = append(out, fmt.Sprintf("%s belongs to %s, not to %s", f.name, join(f.tasks), task))
		}
	}
	return out
}

// clip shortens what is shown in a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
