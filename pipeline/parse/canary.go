package parse

import (
	"context"
	"errors"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Canary lets a share of the items see a new model or prompt. Which items is
// decided by the hash of their ids, so the same item always sees the same one,
// and raising the share moves items one way only.
type Canary struct {
	Main, New Second
	// Percent of the items that see New, 0 to 100.
	Percent func(item pipeline.Item) float64
}

// InCanary reports whether an item belongs to the share that sees the new one.
func InCanary(item pipeline.Item, percent float64) bool {
	return float64(xxh3.HashString("canary/"+item.ID)%10_000) < 100*percent
}

func (c *Canary) choose(item pipeline.Item) Second {
	if InCanary(item, c.Percent(item)) {
		return c.New
	}
	return c.Main
}

// Extract asks the one that the item sees.
func (c *Canary) Extract(ctx context.Context, req Request) (Response, error) {
	return c.choose(req.Item).Extract(ctx, req)
}

// Classify asks the one that the item sees.
func (c *Canary) Classify(ctx context.Context, item pipeline.Item) (string, []pipeline.Step, error) {
	return c.choose(item).Classify(ctx, item)
}

// Spared counts the item for the one that it sees.
func (c *Canary) Spared(ctx context.Context, item pipeline.Item) {
	if s, ok := c.choose(item).(Sparer); ok {
		s.Spared(ctx, item)
	}
}

// Group opens a group of both.
func (c *Canary) Group() (end func(ctx context.Context) error) {
	var ends []func(context.Context) error
	for _, s := range []Second{c.Main, c.New} {
		if g, ok := s.(Grouper); ok {
			ends = append(ends, g.Group())
		}
	}
	return func(ctx context.Context) error {
		errs := make([]error, len(ends))
		for i, end := range ends {
			errs[i] = end(ctx)
		}
		return errors.Join(errs...)
	}
}
