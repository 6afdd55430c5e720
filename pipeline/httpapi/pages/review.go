package pages

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/page"
	"github.com/assay-pipeline/assay/pipeline/review"
)

//go:embed review.html
var reviewSource string

var reviewTemplate = thingTemplate("review", reviewSource)

// reviewPage is one entry of the queue.
type reviewPage struct {
	Kind, KindName, Subject, Feed, Category, Reason, Priority string
	State, Class                                              string
	Decided, Mine                                             bool
	Place, Done                                               int
	Waiting                                                   string
	Prev, Next, List                                          string
	// Where the forms go.
	Decide, Skip, Take string
	Step               string
	Undo               *undo
	// Bad says why what was sent was not done.
	Bad, Hint string

	Pair      *comparison
	Score     string   // of a pair when it was asked about
	Rationale []string // of a pair
	Thing     *thing
	Question  *question
	Fields    []correction // of a record
	Draft     []pair
	YAML      string
	Batch     string // address
	Note      string // as it was typed
	History   []historyLine
	Earlier   int // steps that are not shown
}

// maxReasons bounds each list of what was said about an entry.
const maxReasons = 30

// A question about one attribute of an item.
type question struct {
	Title, Unit, Typed string
	Few, Many          []string // its values: as buttons, as suggestions
}

// A correction is a field for the right value of an attribute.
type correction struct {
	Name, Title, Now, Unit, Typed string
	Critical                      bool
	Values                        []string
}

type historyLine struct{ At, Who, What, Note string }

// showReview shows one entry; looking changes nothing.
func (v *visit) showReview() (*screen, error) {
	s, err := v.sitting()
	if err != nil {
		return nil, err
	}
	e, err := v.p.opt.Store.Review(v.Context(), v.PathValue("review"))
	if err != nil {
		return nil, noReview(v.PathValue("review"), err)
	}
	return v.reviewScreen(s, &e)
}

func noReview(id string, err error) error {
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return pipeline.Errorf(pipeline.CodeNotFound, "there is no entry %q in the queue", cut(id)).WithHint("it may have been erased with its item; the queue lists what there is")
	}
	return err
}

func (v *visit) reviewScreen(s sitting, e *review.Entry) (*screen, error) {
	ctx, store := v.Context(), v.p.opt.Store
	main := reviewPage{
		Kind: string(e.Kind), KindName: kindName[e.Kind], Subject: subjectOf(e), Feed: cut(e.Feed), Category: cut(e.Category), Reason: page.Short(e.Reason, 500),
		Priority: fmt.Sprintf("%.2f", e.Priority), Decided: e.State == review.Decided, Done: s.Done, List: s.at("/reviews"), Step: stepOf(e),
	}
	now := v.p.opt.Use.People.Now()
	main.State, main.Class = v.stateOf(e, now)
	main.Mine = main.Class == "mine"
	self := "/reviews/" + url.PathEscape(e.ID)
	main.Decide, main.Skip, main.Take = s.at(self+"/decide"), s.at(self+"/skip"), s.at(self+"/take")

	f := s.filter()
	f.Waiting = true
	var err error
	if main.Waiting, err = v.count(f); err != nil {
		return nil, err
	}
	f.Before, f.Limit = e.ID, countTo
	place, err := store.CountReviews(ctx, f)
	if err != nil {
		return nil, err
	}
	main.Place = place + 1
	f.Limit = 1
	before, err := store.Reviews(ctx, f)
	if err != nil {
		return nil, err
	}
	f.Before, f.After = "", e.ID
	behind, err := store.Reviews(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(before) > 0 {
		main.Prev = s.entry(before[0].ID)
	}
	if len(behind) > 0 {
		main.Next = s.entry(behind[0].ID)
	}
	if err := v.about(e, &main); err != nil {
		return nil, err
	}
	main.Earlier = max(len(e.History)-maxReasons, 0)
	for _, h := range e.History[main.Earlier:] {
		x := review.Entry{Kind: e.Kind, Decision: h.Decision}
		what := map[string]string{"decide": "decided " + decisionWords(&x), "undo": "took back " + decisionWords(&x), "release": "gave it back"}[h.Action]
		main.History = append(main.History, historyLine{moment(h.At), page.Short(h.Actor, 80), page.Short(what, 300), page.Short(h.Note, 500)})
	}
	said, last := v.said(s)
	main.Undo = last
	if main.Decided {
		main.Undo = &undo{To: s.at(self + "/undo"), What: main.Subject, Step: main.Step}
	}
	return &screen{Title: main.KindName + " · Review", Here: "/reviews", Said: said, t: reviewTemplate, Main: &main}, nil
}

// about fills in what the entry asks about.
func (v *visit) about(e *review.Entry, main *reviewPage) error {
	switch e.Kind {
	case review.Pair:
		return v.aboutPair(e, main)
	case review.Record, review.Question:
		return v.aboutItem(e, main)
	case review.Batch:
		main.Batch = "/batches/" + url.PathEscape(e.Subject)
	case review.Draft:
		if p, ok := flow.DraftOf(*e); ok {
			main.YAML = page.Short(p.YAML, 20_000)
			return nil
		}
		var data map[string]any
		_ = json.Unmarshal(e.Data, &data) // what does not read is shown without
		keys := sortedKeys(data)
		for _, k := range keys[:min(len(keys), maxReasons)] {
			text, ok := data[k].(string)
			if !ok {
				b, _ := json.Marshal(data[k]) // it came out of JSON
				text = string(b)
			}
			main.Draft = append(main.Draft, pair{page.Short(strings.ReplaceAll(k, "_", " "), 60), page.Text(text)})
		}
	}
	return nil
}

func (v *visit) aboutPair(e *review.Entry, main *reviewPage) error {
	m, err := flow.PairOf(*e)
	if err != nil {
		return err
	}
	main.Score = percent(m.Score)
	for _, r := range m.Reasons[:min(len(m.Reasons), maxReasons)] {
		main.Rationale = append(main.Rationale, page.Short(r, 500))
	}
	found, err := v.p.opt.Store.Entries(v.Context(), catalog.Query{IDs: []string{m.A, m.B}})
	if err != nil {
		return err
	}
	at := func(id string) *catalog.Entry {
		for i := range found {
			if found[i].Item.ID == id {
				return &found[i]
			}
		}
		return nil
	}
	a, b := at(m.A), at(m.B)
	if a != nil && b != nil && !a.Retired && !b.Retired {
		c := v.p.compare(a, b)
		main.Pair = &c
		return nil
	}
	c := &comparison{A: thing{ID: page.Short(m.A, 200), Gone: true}, B: thing{ID: page.Short(m.B, 200), Gone: true}}
	if a != nil {
		c.A = v.p.entryOf(a, maxSource)
	}
	if b != nil {
		c.B = v.p.entryOf(b, maxSource)
	}
	main.Pair = c
	return nil
}

func (v *visit) aboutItem(e *review.Entry, main *reviewPage) error {
	var data struct {
		Item, Attribute, Title, Unit string
		Values                       []string
	}
	_ = json.Unmarshal(e.Data, &data) // without data the subject is the item
	if data.Item == "" {
		data.Item = e.Subject
	}
	found, err := v.p.opt.Store.Entries(v.Context(), catalog.Query{IDs: []string{data.Item}})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		main.Thing = &thing{ID: page.Short(data.Item, 200), Gone: true}
		return nil
	}
	x := &found[0]
	t := v.p.entryOf(x, maxSource)
	main.Thing = &t
	if x.Retired {
		return nil // nothing that could be decided would change anything
	}
	if e.Kind == review.Question {
		q := &question{Title: page.Short(data.Title, 120), Unit: ""}
		if data.Unit != "1" {
			q.Unit = unitOf(data.Unit)
		}
		for _, w := range data.Values[:min(len(data.Values), 60)] {
			q.Many = append(q.Many, page.Short(w, 80))
		}
		if len(q.Many) <= 8 {
			q.Few, q.Many = q.Many, nil
		}
		main.Question = q
		return nil
	}
	s := v.p.schema(x.Record.Category)
	for i := range s.Attributes {
		a := &s.Attributes[i]
		f := correction{Name: a.Name, Title: s.title(a.Name), Critical: a.Critical}
		if a.Unit != "1" {
			f.Unit = unitOf(a.Unit)
		}
		if have, ok := x.Record.Attribute(a.Name); ok {
			f.Now = valueOf(have.Value, have.Unit)
		}
		if a.Kind == knowledge.KindEnum {
			for _, w := range a.Allowed[:min(len(a.Allowed), 40)] {
				f.Values = append(f.Values, page.Short(w.Value, 80))
			}
		}
		main.Fields = append(main.Fields, f)
	}
	return nil
}

// refused shows the entry as it is now, with what was typed and why it was not
// done.
func (v *visit) refused(s sitting, id string, why error) {
	e, err := v.p.opt.Store.Review(v.Context(), id)
	if err != nil {
		v.fail(noReview(id, err))
		return
	}
	sc, err := v.reviewScreen(s, &e)
	if err != nil {
		v.fail(err)
		return
	}
	pr := httpapi.ProblemOf(why)
	main := sc.Main.(*reviewPage)
	main.Bad, main.Hint = page.Text(pr.Detail), page.Text(pr.Hint)
	main.Note = page.Text(v.PostForm.Get("note"))
	if main.Question != nil {
		main.Question.Typed = page.Short(v.PostForm.Get("decision"), 500)
	}
	for i := range main.Fields {
		main.Fields[i].Typed = page.Short(v.PostForm.Get("set."+main.Fields[i].Name), 500)
	}
	sc.Status, sc.Said = pr.Status, ""
	v.p.show(v, sc)
}

// meanwhile says what was done to an entry since a form for it was made.
func meanwhile(e *review.Entry, who string, now time.Time) error {
	if e.State == review.Decided {
		return pipeline.Errorf(pipeline.CodeConflict, "it was decided meanwhile: %s, by %s at %s UTC; what you sent changed nothing", decisionWords(e), e.Decider, moment(e.Decided)).
			WithHint("take that decision back, or go on to the next")
	}
	if e.State == review.Leased && e.Holder != who && e.Until.After(now) {
		return pipeline.Errorf(pipeline.CodeLocked, "%s has it until %s UTC; what you sent changed nothing", e.Holder, moment(e.Until)).
			WithHint("go on to the next, or come back then")
	}
	if steps := stepsOf(e); len(steps) > 0 && steps[len(steps)-1].Action == "undo" {
		h := steps[len(steps)-1]
		return pipeline.Errorf(pipeline.CodeConflict, "its decision was taken back by %s at %s UTC, after your page was made; what you sent changed nothing", h.Actor, moment(h.At)).
			WithHint("decide it anew below")
	}
	return pipeline.Errorf(pipeline.CodeConflict, "it has changed since your page was made; what you sent changed nothing").WithHint("decide it anew below")
}

// values of a form's set.NAME fields that are filled in.
func corrected(form url.Values) map[string]string {
	out := map[string]string{}
	for name, values := range form {
		if attribute, ok := strings.CutPrefix(name, "set."); ok && len(values) > 0 && strings.TrimSpace(values[0]) != "" {
			out[attribute] = strings.TrimSpace(values[0])
		}
	}
	return out
}

// retried reports whether a form that was made at step is a second arrival of what
// e's last step did.
func retried(e *review.Entry, step, action, decision, who string) bool {
	steps := stepsOf(e)
	n := len(steps)
	if n == 0 || step != fmt.Sprint(n-1) {
		return false
	}
	h := steps[n-1]
	return h.Action == action && h.Actor == who && (action != "decide" || strings.EqualFold(h.Decision, decision))
}

func is(err error, codes ...pipeline.Code) bool {
	return slices.Contains(codes, pipeline.ErrorCode(err))
}
