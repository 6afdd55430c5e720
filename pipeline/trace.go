package pipeline

import "context"

type traceKey struct{}

// WithTrace puts the W3C traceparent of the present work into ctx, so that what
// the work causes can name it: messages of the queue, events. Empty changes
// nothing.
func WithTrace(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, parent)
}

// TraceParent is the traceparent of the present work, "" where it is not traced.
func TraceParent(ctx context.Context) string {
	s, _ := ctx.Value(traceKey{}).(string)
	return s
}
