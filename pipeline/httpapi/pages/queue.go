package pages

import (
	_ "embed"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/page"
	"github.com/assay-pipeline/assay/pipeline/review"
)

//go:embed reviews.html
var reviewsSource string

var reviewsTemplate = template("reviews", reviewsSource)

// lease is how long a person has an entry that they look at.
const lease = 15 * time.Minute

// A sitting is what the address of the queue's pages carries on: which entries a
// person goes through, how many they have decided, and the last of them.
type sitting struct {
	Kind     review.Kind
	Feed     string
	Category string
	Done     int
	Last     string // id of the entry that was decided or skipped last
}

var kinds = []review.Kind{review.Pair, review.Record, review.Question, review.Batch, review.Draft}

// kindNames say what the entries of a kind are, in the plural.
var kindNames = map[review.Kind]string{
	review.Pair: "Pairs of items", review.Record: "Records in doubt", review.Question: "Questions", review.Batch: "Held batches", review.Draft: "Drafts",
}

var kindName = map[review.Kind]string{review.Pair: "Pair", review.Record: "Record", review.Question: "Question", review.Batch: "Held batch", review.Draft: "Draft"}

func (v *visit) sitting() (sitting, error) {
	q := v.URL.Query()
	s := sitting{Kind: review.Kind(q.Get("kind")), Feed: q.Get("feed"), Category: q.Get("category"), Last: q.Get("last")}
	if n, err := strconv.Atoi(q.Get("done")); err == nil && n > 0 && n < 1e6 {
		s.Done = n
	}
	if _, known := kindName[s.Kind]; s.Kind != "" && !known {
		return s, pipeline.Errorf(pipeline.CodeInvalid, "there is no kind %q in the queue", cut(string(s.Kind))).WithHint("kinds are pair, record, question, batch and draft")
	}
	return s, nil
}

func (s sitting) filter() review.Filter {
	return review.Filter{Kind: s.Kind, Feed: s.Feed, Category: s.Category}
}

// at is an address of the queue with the sitting, and further parameters by name
// and value.
func (s sitting) at(path string, more ...string) string {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("kind", string(s.Kind))
	set("feed", s.Feed)
	set("category", s.Category)
	set("last", s.Last)
	if s.Done > 0 {
		q.Set("done", fmt.Sprint(s.Done))
	}
	for i := 0; i+1 < len(more); i += 2 {
		set(more[i], more[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (s sitting) entry(id string, more ...string) string {
	return s.at("/reviews/"+url.PathEscape(id), more...)
}

// reviewLine is a line of the list.
type reviewLine struct {
	To, Kind, Subject, Feed, Category, Reason, Priority string
	State                                               string // in words
	Class                                               string
}

// queuePage is the list of what waits.
type queuePage struct {
	Kind, Feed, Category, State string
	Kinds                       []option
	States                      []option
	Lines                       []reviewLine
	Waiting, Decided            string
	Done                        int
	First, Next                 string
	Start                       string
	Undo                        *undo
	Label                       string
}

type option struct {
	Value, Name string
	Selected    bool
}

// perPage is how many entries a list shows.
const perPage = 50

// queue lists the entries of the review queue.
func (v *visit) queue() (*screen, error) {
	s, err := v.sitting()
	if err != nil {
		return nil, err
	}
	q := v.URL.Query()
	main := queuePage{Kind: string(s.Kind), Feed: cut(s.Feed), Category: cut(s.Category), State: q.Get("state"), Done: s.Done, Label: "More of the queue"}
	f := s.filter()
	switch main.State {
	case "":
		f.Waiting = true
	case review.Decided:
		f.State = review.Decided
	case "all":
	default:
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no state %q in the queue", cut(main.State)).WithHint("leave it out, or use decided or all")
	}
	f.After, f.Limit = q.Get("after"), perPage+1
	store := v.p.opt.Store
	es, err := store.Reviews(v.Context(), f)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "the entry where the page before ended is gone").WithHint("begin the list again")
	}
	if err != nil {
		return nil, err
	}
	if len(es) > perPage {
		es = es[:perPage]
		main.Next = s.at("/reviews", "state", main.State, "after", es[perPage-1].ID)
	}
	if f.After != "" {
		main.First = s.at("/reviews", "state", main.State)
	}
	now := v.p.opt.Use.People.Now()
	for i := range es {
		main.Lines = append(main.Lines, v.line(s, &es[i], now))
	}
	f.After, f.State, f.Waiting = "", "", true
	if main.Waiting, err = v.count(f); err != nil {
		return nil, err
	}
	f.State, f.Waiting = review.Decided, false
	if main.Decided, err = v.count(f); err != nil {
		return nil, err
	}
	main.Kinds = []option{{"", "all kinds", s.Kind == ""}}
	for _, k := range kinds {
		main.Kinds = append(main.Kinds, option{string(k), kindNames[k], s.Kind == k})
	}
	for _, st := range []option{{Value: "", Name: "waiting"}, {Value: review.Decided, Name: "decided"}, {Value: "all", Name: "all"}} {
		st.Selected = st.Value == main.State
		main.States = append(main.States, st)
	}
	main.Start = s.at("/reviews/next")
	said, last := v.said(s)
	main.Undo = last
	return &screen{Title: "Review", Here: "/reviews", Said: said, t: reviewsTemplate, Main: main}, nil
}

// countTo is how far a page counts.
const countTo = 10_000

// count is how many entries f selects, in words; empty where there are none.
func (v *visit) count(f review.Filter) (string, error) {
	f.Limit = countTo
	n, err := v.p.opt.Store.CountReviews(v.Context(), f)
	switch {
	case err != nil || n == 0:
		return "", err
	case n == countTo:
		return fmt.Sprintf("%d or more", n), nil
	}
	return fmt.Sprint(n), nil
}

func (v *visit) line(s sitting, e *review.Entry, now time.Time) reviewLine {
	state, class := v.stateOf(e, now)
	return reviewLine{
		To: placeOf(s, e), Kind: kindName[e.Kind], Subject: subjectOf(e), Feed: cut(e.Feed), Category: cut(e.Category), Reason: page.Short(e.Reason, 200),
		Priority: fmt.Sprintf("%.2f", e.Priority), State: state, Class: class,
	}
}

// placeOf is where an entry is decided.
func placeOf(s sitting, e *review.Entry) string {
	if e.Kind == review.Batch {
		return to([]string{"batches", e.Subject})
	}
	return s.entry(e.ID)
}

func subjectOf(e *review.Entry) string {
	switch e.Kind {
	case review.Batch:
		return page.Short(e.Feed, 100) + " " + page.Short(pipeline.ShortID(e.Subject), 80)
	case review.Pair:
		return page.Short(strings.Replace(e.Subject, "|", " and ", 1), 200)
	}
	return page.Short(e.Subject, 200)
}

// stateOf says who has an entry, or what they decided.
func (v *visit) stateOf(e *review.Entry, now time.Time) (words, class string) {
	switch {
	case e.State == review.Decided:
		return decisionWords(e) + ", " + page.Short(e.Decider, 60), "done"
	case e.State == review.Leased && e.Until.After(now) && e.Holder == v.Who.Subject:
		return "yours until " + clock(e.Until), "mine"
	case e.State == review.Leased && e.Until.After(now):
		return page.Short(e.Holder, 60) + " has it until " + clock(e.Until), "waiting"
	}
	return "open", "free"
}

func clock(t time.Time) string { return t.UTC().Format("15:04") }

// decisionWords are a decision in the words of the buttons.
func decisionWords(e *review.Entry) string {
	if e.Kind == review.Pair {
		switch e.Decision {
		case flow.Same:
			return "duplicate"
		case flow.Different:
			return "distinct"
		}
	}
	return page.Short(e.Decision, 120)
}

// undo is the button that takes the last decision back.
type undo struct{ To, What, Step string }

// said reads what a form has to say from the address and from the entry that it
// was about: what is told is what stands in the store now.
func (v *visit) said(s sitting) (string, *undo) {
	code := v.URL.Query().Get("said")
	var last *undo
	words := map[string]string{
		"skipped": "Skipped; it stays in the queue.", "end": "That was the last one of this list.", "empty": "Nothing of this list is free now.",
		"taken": "It is yours for 15 minutes.", "undone": "The decision was taken back; it is open again.",
	}[code]
	if s.Last == "" {
		return words, nil
	}
	e, err := v.p.opt.Store.Review(v.Context(), s.Last)
	if err != nil {
		return words, nil //nolint:nilerr // it is gone, and so is what could be said of it
	}
	if e.State == review.Decided {
		if code == "decided" || code == "end" {
			words = fmt.Sprintf("Decided: %s is %s.", subjectOf(&e), decisionWords(&e)) + after(code == "end", " That was the last one of this list.")
		}
		if e.Decider == v.Who.Subject {
			last = &undo{To: s.at("/reviews/" + url.PathEscape(e.ID) + "/undo"), What: subjectOf(&e), Step: stepOf(&e)}
		}
	} else if code == "decided" {
		words = subjectOf(&e) + " is open again: the decision was taken back meanwhile."
	}
	return words, last
}

func after(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

// stepOf names the moment of an entry that a form was made for: what was decided or
// taken back since makes the form an old one, and its second arrival does nothing.
func stepOf(e *review.Entry) string { return fmt.Sprint(len(stepsOf(e))) }

func stepsOf(e *review.Entry) []review.Step {
	out := make([]review.Step, 0, len(e.History))
	for _, h := range e.History {
		if h.Action != "release" {
			out = append(out, h)
		}
	}
	return out
}
