package flow

import (
	"context"
	"fmt"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// AnnounceBudget lets an event say that a day's budget for models has reached a
// level. Every process that notices says the same, so the event leaves once.
func AnnounceBudget(ctx context.Context, out Outbox, a model.Alert) error {
	e, err := pipeline.NewEvent(pipeline.BudgetReached, "assay/models", fmt.Sprintf("%s/%s/%d", a.Account, a.Day, a.Percent), "models", a.At, BudgetData{a.Account, a.Day, a.Percent, a.Most})
	if err != nil {
		return err
	}
	return out.PutOutgoing(ctx, Outgoing{Event: &e})
}
