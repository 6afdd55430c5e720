package httpapi

import (
	"context"

	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// ListQuestions lists critical attributes that items leave out.
func (s *Server) ListQuestions(ctx context.Context, r ListQuestionsRequestObject) (ListQuestionsResponseObject, error) {
	p := r.Params
	filters := []string{p.Feed, p.Category}
	after, err := readCursor(p.Cursor, "questions", filters, 2)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = []string{"", ""}
	}
	n := limitOf(p.Limit)
	page, err := s.opt.People.QuestionPage(ctx, catalog.Query{Feed: p.Feed, Category: p.Category}, after[0], after[1], n+1)
	if err != nil {
		return nil, err
	}
	out := ListQuestions200JSONResponse{Data: page}
	if len(page) > n {
		out.Data = page[:n]
		out.Next = writeCursor("questions", filters, page[n-1].Item, page[n-1].Attribute)
	}
	return out, nil
}

// AskQuestions puts the questions into the review queue.
func (s *Server) AskQuestions(ctx context.Context, r AskQuestionsRequestObject) (AskQuestionsResponseObject, error) {
	n, asked, err := s.opt.People.AskAll(ctx, catalog.Query{Feed: r.Body.Feed, Category: r.Body.Category})
	return AskQuestions200JSONResponse{Questions: n, Asked: asked}, err
}

// AnswerQuestions takes answers in, all or none.
func (s *Server) AnswerQuestions(ctx context.Context, r AnswerQuestionsRequestObject) (AnswerQuestionsResponseObject, error) {
	rs := make([]flow.Reply, len(r.Body.Answers))
	for i, a := range r.Body.Answers {
		rs[i] = flow.Reply{Line: i + 1, Item: a.Item, Attribute: a.Attribute, Answer: a.Answer}
	}
	n, err := inTurn(ctx, s, theCatalog, func() (int, error) {
		return s.opt.People.Replies(ctx, "answers", rs, Who(ctx), r.Body.Source)
	})
	return AnswerQuestions200JSONResponse{Answers: n}, err
}

// CatalogReport says what is missing, doubtful and superfluous.
func (s *Server) CatalogReport(ctx context.Context, r CatalogReportRequestObject) (CatalogReportResponseObject, error) {
	last := r.Params.Trend
	if last == 0 {
		last = 10
	}
	rep, err := s.opt.People.Report(ctx, string(r.Params.By), last)
	return CatalogReport200JSONResponse(rep), err
}
