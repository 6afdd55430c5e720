package flow

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// Draft is the use case for categories that the pack does not have: a model
// drafts a schema from items and passages, the draft waits in the review queue,
// and a person approves it, or nobody reads items by it.
type Draft struct {
	LLM   *parse.LLM
	Index *retrieve.Index
	// Pack is the folder of the knowledge pack, against which a draft is
	// checked.
	Pack  fs.FS
	Queue review.Queue
	Now   func() time.Time
}

// Propose drafts a category and puts the draft into the queue; the same draft
// is there once. Errors: invalid, those of the model, unavailable.
func (d *Draft) Propose(ctx context.Context, name string, items []string) (review.Entry, parse.Proposal, error) {
	hits, err := d.Index.Find(ctx, retrieve.Query{Text: name + " " + strings.Join(items, " "), Stage: retrieve.Drafting, K: 8})
	if err != nil {
		return review.Entry{}, parse.Proposal{}, err
	}
	known := make([]parse.Passage, 0, len(hits))
	for _, h := range hits {
		known = append(known, parse.Passage{ID: h.ID, Text: h.Title + ": " + h.Text})
	}
	p, err := d.LLM.Propose(ctx, name, items, known, func(yaml []byte) error { return CheckCategory(d.Pack, name, yaml) })
	if err != nil {
		return review.Entry{}, p, err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return review.Entry{}, p, pipeline.Errorf(pipeline.CodeInternal, "the draft of %s: %w", name, err)
	}
	e := review.Entry{
		ID: pipeline.ContentID("review", string(review.Draft), "category", name, p.YAML), Kind: review.Draft, Subject: draftSubject + name,
		Category: name, Reason: "a model drafted the schema of category " + name, Priority: 0.5, Data: data, Created: stamp(d.Now),
	}
	return e, p, d.Queue.Store.AddReviews(ctx, []review.Entry{e})
}

// draftSubject begins the subject of a drafted category.
const draftSubject = "category/"

// DraftOf is the proposal of an entry; false where the entry is another.
func DraftOf(e review.Entry) (parse.Proposal, bool) {
	var p parse.Proposal
	ok := e.Kind == review.Draft && strings.HasPrefix(e.Subject, draftSubject) && json.Unmarshal(e.Data, &p) == nil && p.YAML != ""
	return p, ok
}

// Drafts are the categories that wait for a person.
func Drafts(ctx context.Context, s review.Store) ([]review.Entry, error) {
	var out []review.Entry
	f := review.Filter{Kind: review.Draft, State: review.Open, Limit: 1000}
	for {
		es, err := s.Reviews(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, e := range es {
			if _, ok := DraftOf(e); ok {
				out = append(out, e)
			}
		}
		if len(es) < f.Limit {
			return out, nil
		}
		f.After = es[len(es)-1].ID
	}
}

// ApproveDraft decides a draft and hands its file to write, which puts it into
// the pack: first the file, then the decision, so that an approved draft is
// never missing. Errors: not_found, conflict (decided otherwise), invalid (it
// does not fit the pack any more).
func ApproveDraft(ctx context.Context, q review.Queue, pack fs.FS, id, who, note string, write func(category string, yaml []byte) error) (parse.Proposal, error) {
	e, err := q.Store.Review(ctx, id)
	if err != nil {
		return parse.Proposal{}, err
	}
	p, ok := DraftOf(e)
	if !ok {
		return p, pipeline.Errorf(pipeline.CodeInvalid, "review %s is not the draft of a category", pipeline.ShortID(id)).WithHint("assay knowledge drafts lists them")
	}
	if e.State == review.Decided {
		return p, pipeline.Errorf(pipeline.CodeConflict, "the draft of %s was %s by %s", p.Category, e.Decision, e.Decider)
	}
	if err := CheckCategory(pack, p.Category, []byte(p.YAML)); err != nil {
		return p, pipeline.Errorf(pipeline.CodeInvalid, "the draft of %s does not fit the pack: %w", p.Category, err)
	}
	if err := write(p.Category, []byte(p.YAML)); err != nil {
		return p, err
	}
	_, err = q.Decide(ctx, id, who, Accept, note)
	return p, err
}

// CheckCategory says what would be wrong with a pack that had the category too.
func CheckCategory(pack fs.FS, name string, yaml []byte) error {
	file := name + "/category.yaml"
	if _, err := fs.Stat(pack, file); err == nil {
		return pipeline.Errorf(pipeline.CodeConflict, "the pack has a category %s", name)
	}
	_, err := knowledge.Load(with{pack, file, yaml})
	var problems knowledge.Problems
	if errors.As(err, &problems) {
		return problems
	}
	return err
}
