package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// ListBatches lists batches, the newest first.
func (s *Server) ListBatches(ctx context.Context, r ListBatchesRequestObject) (ListBatchesResponseObject, error) {
	p := r.Params
	filters := []string{p.Feed, string(p.Stage), ""}
	if !p.Since.IsZero() {
		filters[2] = p.Since.UTC().Format(time.RFC3339Nano)
	}
	after, err := readCursor(p.Cursor, "batches", filters, 2)
	if err != nil {
		return nil, err
	}
	n := limitOf(p.Limit)
	f := flow.BatchFilter{Feed: p.Feed, Stage: p.Stage, Since: p.Since, Latest: true, Limit: n + 1}
	if after != nil {
		if f.AfterTime, err = time.Parse(time.RFC3339Nano, after[0]); err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "the cursor is not one of this list")
		}
		f.AfterID = after[1]
	}
	all, err := s.opt.Ingest.Store.Batches(ctx, f)
	if err != nil {
		return nil, err
	}
	out := ListBatches200JSONResponse{Data: all}
	if len(all) > n {
		out.Data = all[:n]
		last := all[n-1]
		out.Next = writeCursor("batches", filters, last.Created.UTC().Format(time.RFC3339Nano), last.ID)
	}
	if out.Data == nil {
		out.Data = []Batch{}
	}
	return out, nil
}

// batch is one line of the ledger.
func (s *Server) batch(ctx context.Context, id string) (Batch, error) {
	b, err := s.opt.Ingest.Store.Batch(ctx, id)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return b, pipeline.Errorf(pipeline.CodeNotFound, "there is no batch %q", cut(id)).WithHint("GET /v1/batches lists them; an id is given whole")
	}
	return b, err
}

// GetBatch is one batch.
func (s *Server) GetBatch(ctx context.Context, r GetBatchRequestObject) (GetBatchResponseObject, error) {
	b, err := s.batch(ctx, r.Batch)
	return GetBatch200JSONResponse(b), err
}

// GetReport is the report of a batch.
func (s *Server) GetReport(ctx context.Context, r GetReportRequestObject) (GetReportResponseObject, error) {
	b, err := s.batch(ctx, r.Batch)
	if err != nil {
		return nil, err
	}
	gone := pipeline.Errorf(pipeline.CodeNotFound, "batch %s has no report", pipeline.ShortID(b.ID)).WithHint("it was not judged, or its report has outlived its time (ASSAY_KEEP)")
	if b.Report == "" {
		return nil, gone
	}
	rep, err := flow.ReadReport(ctx, s.opt.Ingest.Lake, b.Report)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	if r.Params.Format != HTML {
		return GetReport200JSONResponse(*rep), nil
	}
	var page bytes.Buffer
	if err := rep.WriteHTML(&page); err != nil {
		return nil, fmt.Errorf("report of batch %s: %w", b.ID, err)
	}
	return GetReport200TextHTMLCharsetUTF8Response{Body: &page, ContentLength: int64(page.Len())}, nil
}

// ListApprovals lists batches that wait for a person, the oldest first.
func (s *Server) ListApprovals(ctx context.Context, r ListApprovalsRequestObject) (ListApprovalsResponseObject, error) {
	p := r.Params
	filters := []string{p.Feed}
	after, err := readCursor(p.Cursor, "approvals", filters, 1)
	if err != nil {
		return nil, err
	}
	// Few batches wait at a time: they expire.
	all, total, err := s.opt.Overview.Waiting(ctx, p.Feed, 1<<20)
	if err != nil {
		return nil, err
	}
	key := func(w WaitingBatch) string { return w.Batch.Created.UTC().Format(sortable) + w.Batch.ID }
	page, last := pageOf(all, key, after, limitOf(p.Limit))
	out := ListApprovals200JSONResponse{Data: page, Total: total}
	if last != "" {
		out.Next = writeCursor("approvals", filters, last)
	}
	return out, nil
}

// sortable writes a time so that texts are in the order of times.
const sortable = "2006-01-02T15:04:05.000000Z"

// ApproveBatch publishes a batch that waits for a person.
func (s *Server) ApproveBatch(ctx context.Context, r ApproveBatchRequestObject) (ApproveBatchResponseObject, error) {
	b, err := s.decide(ctx, r.Batch, flow.Approved, r.Body.Reason)
	return ApproveBatch200JSONResponse(b), err
}

// RejectBatch puts a batch that waits for a person into quarantine.
func (s *Server) RejectBatch(ctx context.Context, r RejectBatchRequestObject) (RejectBatchResponseObject, error) {
	b, err := s.decide(ctx, r.Batch, flow.Refused, r.Body.Reason)
	return RejectBatch200JSONResponse(b), err
}

func (s *Server) decide(ctx context.Context, id, decision, reason string) (Batch, error) {
	b, err := s.batch(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	return inTurn(ctx, s, "feed/"+b.Feed, func() (Batch, error) { return s.opt.Ingest.Decide(ctx, id, decision, Who(ctx), reason) })
}
