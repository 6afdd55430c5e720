package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/review"
)

func (p *Pages) reviewRoutes() {
	p.page("reviews", "GET /reviews", "listReviews", (*visit).queue)
	p.page("review", "GET /reviews/{review}", "getReview", (*visit).showReview)
	p.form("review.next", "POST /reviews/next", "claimNext", func(v *visit) (string, error) {
		s, err := v.sitting()
		if err != nil {
			return "", err
		}
		return v.following(s, "", "")
	})
	p.route("review.decide", "POST /reviews/{review}/decide", "decideReview", (*visit).decide)
	p.route("review.undo", "POST /reviews/{review}/undo", "undoReview", (*visit).undo)
	p.form("review.skip", "POST /reviews/{review}/skip", "releaseReview", (*visit).skip)
	p.route("review.take", "POST /reviews/{review}/take", "claimReview", (*visit).take)
}

func (v *visit) claims() review.Queue {
	return review.Queue{Store: v.p.opt.Store, Now: v.p.opt.Use.People.Now}
}

// following takes the next entry of a sitting that is free, or already that
// person's, and returns its address; after is the entry before it, and said what
// that page has to say. The same step again leads to the same entry.
func (v *visit) following(s sitting, after, said string) (string, error) {
	f := s.filter()
	f.Waiting, f.After, f.Limit = true, after, 20
	for {
		es, err := v.p.opt.Store.Reviews(v.Context(), f)
		if err != nil {
			return "", err
		}
		for _, e := range es {
			switch _, err := v.claims().Take(v.Context(), e.ID, v.Who.Subject, lease); {
			case err == nil:
				return s.entry(e.ID, "said", said), nil
			case !is(err, pipeline.CodeLocked, pipeline.CodeConflict, pipeline.CodeNotFound):
				return "", err
			}
		}
		if len(es) < f.Limit {
			break
		}
		f.After = es[len(es)-1].ID
	}
	if after == "" {
		return s.at("/reviews", "said", "empty"), nil
	}
	return s.at("/reviews", "said", "end"), nil
}

// decisionOf is what a form decides about an entry of a kind, in the words of the
// queue.
func decisionOf(kind review.Kind, form url.Values) (word string, set map[string]string) {
	word = strings.TrimSpace(form.Get("decision"))
	switch kind {
	case review.Pair:
		switch word {
		case "duplicate":
			word = flow.Same
		case "distinct":
			word = flow.Different
		}
	case review.Record:
		set = corrected(form)
		if word == "" && len(set) > 0 {
			word = flow.Corrected
		}
	}
	return word, set
}

// decide carries a decision out and goes on to the next entry.
func (v *visit) decide() {
	id := v.PathValue("review")
	s, err := v.sitting()
	if err != nil {
		v.fail(err)
		return
	}
	e, err := v.p.opt.Store.Review(v.Context(), id)
	if err != nil {
		v.fail(noReview(id, err))
		return
	}
	word, set := decisionOf(e.Kind, v.PostForm)
	step := v.PostForm.Get("step")
	switch {
	case retried(&e, step, "decide", word, v.Who.Subject):
		// The same form once more, by a double click or the back button.
	case step != stepOf(&e):
		v.refused(s, id, meanwhile(&e, v.Who.Subject, v.p.opt.Use.People.Now()))
		return
	case word == "":
		v.refused(s, id, pipeline.Errorf(pipeline.CodeInvalid, "nothing was filled in"))
		return
	default:
		_, err = v.p.api.DecideReview(v.Context(), httpapi.DecideReviewRequestObject{Review: id, Body: &httpapi.DecideReviewJSONRequestBody{
			Decision: word, Note: strings.TrimSpace(v.PostForm.Get("note")), Set: set,
		}})
		if is(err, pipeline.CodeConflict, pipeline.CodeLocked) {
			now, again := v.p.opt.Store.Review(v.Context(), id)
			if again == nil && (now.Version != e.Version || now.State == review.Leased && now.Holder != v.Who.Subject) {
				err = meanwhile(&now, v.Who.Subject, v.p.opt.Use.People.Now())
			}
		}
		if is(err, pipeline.CodeConflict, pipeline.CodeLocked, pipeline.CodeInvalid) {
			v.refused(s, id, err)
			return
		}
		if err != nil {
			v.fail(err)
			return
		}
	}
	s.Last, s.Done = id, s.Done+1
	v.goOn(v.following(s, id, "decided"))
}

// goOn sends the browser to an address.
func (v *visit) goOn(to string, err error) {
	if err != nil {
		v.fail(err)
		return
	}
	http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
}

// undo takes a decision back and shows its entry again.
func (v *visit) undo() {
	id := v.PathValue("review")
	s, err := v.sitting()
	if err != nil {
		v.fail(err)
		return
	}
	e, err := v.p.opt.Store.Review(v.Context(), id)
	if err != nil {
		v.fail(noReview(id, err))
		return
	}
	step := v.PostForm.Get("step")
	if !retried(&e, step, "undo", "", v.Who.Subject) {
		if step != stepOf(&e) {
			v.refused(s, id, meanwhile(&e, v.Who.Subject, v.p.opt.Use.People.Now()))
			return
		}
		_, err := v.p.api.UndoReview(v.Context(), httpapi.UndoReviewRequestObject{Review: id, Body: &httpapi.UndoReviewJSONRequestBody{Note: strings.TrimSpace(v.PostForm.Get("note"))}})
		if is(err, pipeline.CodeConflict, pipeline.CodeLocked) {
			v.refused(s, id, err)
			return
		}
		if err != nil {
			v.fail(err)
			return
		}
	}
	if _, err := v.claims().Take(v.Context(), id, v.Who.Subject, lease); err != nil && !is(err, pipeline.CodeLocked, pipeline.CodeConflict) {
		v.fail(err)
		return
	}
	s.Last, s.Done = "", max(s.Done-1, 0)
	v.goOn(s.entry(id, "said", "undone"), nil)
}

// skip leaves an entry to others and goes on.
func (v *visit) skip() (string, error) {
	id := v.PathValue("review")
	s, err := v.sitting()
	if err != nil {
		return "", err
	}
	_, err = v.claims().Release(v.Context(), id, v.Who.Subject)
	if err != nil && !is(err, pipeline.CodeLocked, pipeline.CodeConflict) {
		return "", noReview(id, err)
	}
	return v.following(s, id, "skipped")
}

// take gives a person an entry that nobody has, or more time for theirs.
func (v *visit) take() {
	id := v.PathValue("review")
	s, err := v.sitting()
	if err != nil {
		v.fail(err)
		return
	}
	_, err = v.p.api.ClaimReview(v.Context(), httpapi.ClaimReviewRequestObject{Review: id, Body: &httpapi.ClaimReviewJSONRequestBody{LeaseSeconds: int(lease.Seconds())}})
	if is(err, pipeline.CodeConflict, pipeline.CodeLocked) {
		v.refused(s, id, err)
		return
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.goOn(s.entry(id, "said", "taken"), nil)
}
