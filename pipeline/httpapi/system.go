package httpapi

import (
	"bytes"
	"context"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Live says that the process runs.
func (s *Server) Live(context.Context, LiveRequestObject) (LiveResponseObject, error) {
	return Live200JSONResponse{Status: Ok, Version: s.opt.Version}, nil
}

// Ready says that store and lake answer.
func (s *Server) Ready(ctx context.Context, _ ReadyRequestObject) (ReadyResponseObject, error) {
	if _, err := s.opt.Ingest.Store.Batches(ctx, flow.BatchFilter{Limit: 1}); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "the store does not answer: %w", err)
	}
	if _, err := s.opt.Ingest.Lake.Status(ctx, "ready"); err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "the lake does not answer: %w", err)
	}
	return Ready200JSONResponse{Status: Ok, Version: s.opt.Version}, nil
}

// GetDocument is the document that the server answers by.
func (s *Server) GetDocument(context.Context, GetDocumentRequestObject) (GetDocumentResponseObject, error) {
	return GetDocument200ApplicationYamlResponse{Body: bytes.NewReader(s.doc.source), ContentLength: int64(len(s.doc.source))}, nil
}

// Metrics are figures in the text format of Prometheus.
func (s *Server) Metrics(ctx context.Context, _ MetricsRequestObject) (MetricsResponseObject, error) {
	var b bytes.Buffer
	if err := s.writeMetrics(ctx, &b); err != nil {
		return nil, err
	}
	return Metrics200TextResponse(b.String()), nil
}
