package model

import (
	"context"
	"time"
)

// dearer are the levels, in percent of what an item cost before, at which
// somebody is told.
var dearer = []int{300, 200, 150}

const (
	// baselineDays before a day are what its cost per item is compared with.
	baselineDays = 7
	// leastItems on either side, or nothing is compared.
	leastItems = 50
)

// Dearer compares what an item costs on the day of now with the seven days
// before: a prompt that grew, a model that was changed, questions that are asked
// again and again. It returns an alert of the highest level reached, nil for
// none, and nil where there are fewer than 50 items on either side.
func Dearer(ctx context.Context, s Store, now time.Time, zone *time.Location) (*Alert, error) {
	if zone == nil {
		zone = time.UTC
	}
	today, items, err := spentOn(ctx, s, now.In(zone))
	if err != nil || items < leastItems {
		return nil, err
	}
	var before, of int64
	for d := 1; d <= baselineDays; d++ {
		micros, n, err := spentOn(ctx, s, now.In(zone).AddDate(0, 0, -d))
		if err != nil {
			return nil, err
		}
		before, of = before+micros, of+n
	}
	if of < leastItems || before == 0 {
		return nil, nil //nolint:nilnil // nothing to compare with is no alert
	}
	is, was := float64(today)/float64(items), float64(before)/float64(of)
	for _, level := range dearer {
		if is >= was*float64(level)/100 {
			return &Alert{
				Account: AccountItem, Day: now.In(zone).Format(time.DateOnly), Percent: level,
				Spent: int64(is + 0.5), Most: max(1, int64(was+0.5)), At: now.UTC(),
			}, nil
		}
	}
	return nil, nil //nolint:nilnil // as usual is no alert
}

// spentOn is the money of a day and the items that it was spent on.
func spentOn(ctx context.Context, s Store, day time.Time) (micros, items int64, err error) {
	name := day.Format(time.DateOnly)
	if micros, err = s.Spent(ctx, accountMicros, name); err != nil {
		return 0, 0, err
	}
	items, err = s.Spent(ctx, accountItems, name)
	return micros, items, err
}
