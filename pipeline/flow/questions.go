package flow

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// A Question asks for a critical attribute that an item leaves out.
type Question struct {
	ID       string `json:"id"` // of its review entry
	Item     string `json:"item"`
	Text     string `json:"text"`
	Category string `json:"category"`
	// Feed that the item came by.
	Feed string `json:"feed,omitempty"`
	catalog.Missing
}

// QuestionReview is the id of the review entry of a question.
func QuestionReview(item, attribute, text string) string {
	return pipeline.ContentID("review", string(review.Question), item, attribute, text)
}

// Questions lists what the live items that q selects leave out, in order of
// item and attribute.
func (p *People) Questions(ctx context.Context, q catalog.Query) ([]Question, error) {
	entries, err := LiveEntries(ctx, p.Store, q)
	if err != nil {
		return nil, err
	}
	out := []Question{}
	for i := range entries {
		out = append(out, p.questionsOf(&entries[i])...)
	}
	return out, nil
}

// questionsOf are the questions about one item, in the order of its schema.
func (p *People) questionsOf(e *catalog.Entry) []Question {
	var out []Question
	for _, m := range p.Match.Matcher.Missing(e) {
		out = append(out, Question{
			ID:   QuestionReview(e.Item.ID, m.Attribute, e.Item.Source),
			Item: e.Item.ID, Text: e.Item.Source, Category: e.Record.Category, Feed: e.Item.Meta.Feed, Missing: m,
		})
	}
	return out
}

// QuestionPage is at most n questions in the order of item and attribute's
// name, those behind (item, attribute) where these are given. It reads the
// catalog in pieces and stops when the page is full. Errors: unavailable.
func (p *People) QuestionPage(ctx context.Context, q catalog.Query, item, attribute string, n int) ([]Question, error) {
	q.Live, q.Limit = true, 500
	out := []Question{}
	take := func(entries []catalog.Entry) bool {
		for i := range entries {
			qs := p.questionsOf(&entries[i])
			slices.SortFunc(qs, func(a, b Question) int { return strings.Compare(a.Attribute, b.Attribute) })
			for _, x := range qs {
				if x.Item == item && x.Attribute <= attribute {
					continue
				}
				if out = append(out, x); len(out) == n {
					return true
				}
			}
		}
		return false
	}
	if item != "" { // what is left of the item at which the page before ended
		first := q
		first.IDs = []string{item}
		entries, err := p.Store.Entries(ctx, first)
		if err != nil || take(entries) {
			return out, err
		}
		q.After = item
	}
	for {
		entries, err := p.Store.Entries(ctx, q)
		if err != nil || take(entries) || len(entries) < q.Limit {
			return out, err
		}
		q.After = entries[len(entries)-1].Item.ID
	}
}

// Ask puts questions into the review queue, those that were asked before left
// out, and tells it by an event. It returns how many are new.
func (p *People) Ask(ctx context.Context, qs []Question) (int, error) {
	at := stamp(p.Now)
	asked := 0
	for part := range slices.Chunk(qs, 1000) {
		err := p.Store.Atomic(ctx, func(tx Tx) error {
			var entries []review.Entry
			for _, q := range part {
				data, err := json.Marshal(aboutItem{
					Item: q.Item, Text: q.Text, TextID: catalog.TextID(q.Text), Category: q.Category,
					Attribute: q.Attribute, Title: q.Title, Unit: q.Unit, Values: q.Values,
				})
				if err != nil {
					return pipeline.Errorf(pipeline.CodeInternal, "question about %s: %w", q.Item, err)
				}
				reason := q.Title + "?"
				if q.Unit != "" && q.Unit != "1" {
					reason = q.Title + " (" + q.Unit + ")?"
				}
				priority := 0.1
				if q.Required {
					priority = 0.2
				}
				entries = append(entries, review.Entry{
					ID: q.ID, Kind: review.Question, Subject: q.Item, Feed: q.Feed, Category: q.Category,
					Reason: reason, Priority: priority, Data: data, Created: at,
				})
			}
			fresh, err := unknown(ctx, tx, entries)
			if err != nil {
				return err
			}
			if err := tx.AddReviews(ctx, fresh); err != nil {
				return err
			}
			out, err := requested(fresh, MatchBatch{}, at)
			if err != nil {
				return err
			}
			asked += len(fresh)
			return tx.PutOutgoing(ctx, out...)
		})
		if err != nil {
			return asked, err
		}
	}
	return asked, nil
}

// AskAll puts the questions about all items that q selects into the review
// queue, a page at a time; questions counts them, asked those that are new.
func (p *People) AskAll(ctx context.Context, q catalog.Query) (questions, asked int, err error) {
	const page = 1000
	var item, attribute string
	for {
		qs, err := p.QuestionPage(ctx, q, item, attribute, page)
		if err != nil {
			return questions, asked, err
		}
		n, err := p.Ask(ctx, qs)
		questions, asked = questions+len(qs), asked+n
		if err != nil || len(qs) < page {
			return questions, asked, err
		}
		item, attribute = qs[page-1].Item, qs[page-1].Attribute
	}
}

// questionColumns of the CSV in which questions leave and answers come back.
var questionColumns = []string{"item", "attribute", "unit", "answer", "text", "category", "values"}

// WriteQuestions writes questions as a CSV with an empty column answer.
func WriteQuestions(w io.Writer, qs []Question) error {
	c := csv.NewWriter(w)
	if err := c.Write(questionColumns); err != nil {
		return err
	}
	for _, q := range qs {
		if err := c.Write([]string{q.Item, q.Attribute, q.Unit, "", q.Text, q.Category, strings.Join(q.Values, " | ")}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// A Reply is one line of answers.
type Reply struct {
	Line            int
	Item, Attribute string
	Answer          string
}

// ReadReplies reads a CSV with the columns item, attribute and answer; lines
// without an answer are left out. Errors: invalid for a missing column, or for
// two answers to one question that differ.
func ReadReplies(name string, r io.Reader) ([]Reply, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	head, err := c.Read()
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no header: %w", name, err).WithHint("the columns are item, attribute, answer")
	}
	var at [3]int
	for i, want := range []string{"item", "attribute", "answer"} {
		at[i] = slices.IndexFunc(head, func(h string) bool {
			return strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")), want)
		})
		if at[i] < 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no column %s", name, want).WithHint("the columns are item, attribute, answer")
		}
	}
	var out []Reply
	seen := map[[2]string]Reply{}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		if len(row) <= max(at[0], at[1], at[2]) {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: %d fields", name, line, len(row))
		}
		x := Reply{Line: line, Item: row[at[0]], Attribute: row[at[1]], Answer: strings.TrimSpace(row[at[2]])}
		if x.Answer == "" {
			continue
		}
		key := [2]string{x.Item, x.Attribute}
		if was, again := seen[key]; again {
			if was.Answer != x.Answer {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, lines %d and %d: %s of %s is answered %q and %q", name, was.Line, line, x.Attribute, x.Item, was.Answer, x.Answer).
					WithHint("keep the line that is right")
			}
			continue
		}
		seen[key] = x
		out = append(out, x)
	}
}

// Replies stores answers that came from source and has the items judged again,
// all or none. Questions in the queue that they answer are closed. Errors:
// invalid, naming the line: no such item, no such attribute, a value that it
// cannot have.
func (p *People) Replies(ctx context.Context, name string, rs []Reply, who, source string) (int, error) {
	if who == "" {
		return 0, pipeline.Errorf(pipeline.CodeInvalid, "nobody is named as who answers")
	}
	if source == "" {
		source = who
	}
	ids := make([]string, len(rs))
	for i, r := range rs {
		ids[i] = r.Item
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	entries, err := p.Store.Entries(ctx, catalog.Query{IDs: append([]string{}, ids...), Live: true})
	if err != nil {
		return 0, err
	}
	by := map[string]catalog.Entry{}
	for _, e := range entries {
		by[e.Item.ID] = e
	}
	at := stamp(p.Now)
	var es []catalog.Enrichment
	for _, r := range rs {
		x, ok := by[r.Item]
		if !ok {
			return 0, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: the catalog has no item %q", name, r.Line, r.Item)
		}
		v, err := catalog.ReadAnswer(p.Pack, x.Record.Category, r.Attribute, r.Answer, source)
		if err != nil {
			return 0, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: %w", name, r.Line, err)
		}
		es = append(es, catalog.Enrichment{Item: r.Item, Value: v, Text: catalog.TextID(x.Item.Source), Actor: who, At: at})
	}
	if len(es) == 0 {
		return 0, nil
	}
	err = p.Store.Atomic(ctx, func(tx Tx) error {
		for i, x := range es {
			e, err := tx.Review(ctx, QuestionReview(x.Item, x.Value.Name, by[x.Item].Item.Source))
			switch {
			case pipeline.ErrorCode(err) == pipeline.CodeNotFound:
				continue
			case err != nil:
				return err
			case e.State == review.Decided:
				continue
			}
			if e.Data, err = mergeData(e.Data, []string{x.Value.Name}); err != nil {
				return err
			}
			e.State, e.Holder, e.Decision, e.Decider, e.Note, e.Decided = review.Decided, "", rs[i].Answer, who, "answered by "+source, at
			e.History = append(e.History, review.Step{At: at, Actor: who, Action: "decide", Decision: rs[i].Answer, Note: e.Note})
			if _, err := tx.UpdateReview(ctx, e); err != nil {
				return err
			}
		}
		return enrich(ctx, tx, p.Pack, es, at)
	})
	if err != nil {
		return 0, err
	}
	return len(es), p.Match.Again(ctx, ids, who)
}
