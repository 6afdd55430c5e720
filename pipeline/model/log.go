package model

import (
	"context"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Day is what was spent on one day of the budget.
type Day struct {
	Day    string `json:"day"`
	Micros int64  `json:"micros"`
	Tokens int64  `json:"tokens"`
}

// Today is what was spent on the day of now in a zone; reservations of
// questions that are on their way count.
func Today(ctx context.Context, s Store, now time.Time, zone *time.Location) (d Day, err error) {
	if zone == nil {
		zone = time.UTC
	}
	d.Day = now.In(zone).Format(time.DateOnly)
	if d.Micros, err = s.Spent(ctx, accountMicros, d.Day); err != nil {
		return d, err
	}
	d.Tokens, err = s.Spent(ctx, accountTokens, d.Day)
	return d, err
}

// FindCall finds a call by its id or by the beginning of it, among the newest
// 10,000, with the whole of its request. Errors: not_found, invalid (several begin so), unavailable.
func FindCall(ctx context.Context, s Store, id string) (Call, error) {
	c, err := findCall(ctx, s, id)
	if err != nil {
		return c, err
	}
	f, err := s.Fixed(ctx, c.Fixed)
	if err != nil {
		return c, err
	}
	c.Request.System, c.Request.Schema = f.System, f.Schema
	return c, nil
}

func findCall(ctx context.Context, s Store, id string) (Call, error) {
	c, err := s.Call(ctx, id)
	if pipeline.ErrorCode(err) != pipeline.CodeNotFound || len(id) < 4 {
		return c, err
	}
	calls, lerr := s.Calls(ctx, CallFilter{Limit: 10_000})
	if lerr != nil {
		return Call{}, lerr
	}
	found := 0
	for _, x := range calls {
		if strings.HasPrefix(x.ID, id) {
			c = x
			found++
		}
	}
	switch found {
	case 0:
		return Call{}, pipeline.Errorf(pipeline.CodeNotFound, "there is no call %q in the log", id).WithHint("assay cost log lists them; calls are deleted after a while")
	case 1:
		return c, nil
	}
	return Call{}, pipeline.Errorf(pipeline.CodeInvalid, "%d calls begin with %q", found, id).WithHint("give more of the id")
}
