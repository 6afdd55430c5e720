package flow_test

import (
	"context"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// TestAPausedProcessPublishesNothing: a process that stood still for longer than
// its lease, at any step of the commit, finds that another one took over: it
// changes nothing, and what it was about is there once.
func TestAPausedProcessPublishesNothing(t *testing.T) {
	for _, step := range []string{flow.StepIntent, flow.StepJudge, flow.StepReport, flow.StepDecide, flow.StepPublish, flow.StepFinish, flow.StepCommit} {
		t.Run(step, func(t *testing.T) {
			w := newWorld(t, "")
			w.land("one.csv", "1,washer M8,1", "2,nut M8,2")
			w.land("two.csv", "3,bolt M8,3")
			const one, two = "landing/parts/one.csv", "landing/parts/two.csv"
			wall := w.now
			first, second := *w.run.Ingest, *w.run.Ingest
			first.Owner, second.Owner = "first", "second"
			first.SetWall(func() time.Time { return wall })
			second.SetWall(func() time.Time { return wall })
			ctx := context.Background()
			paused := false
			first.Trace = func(at string) {
				if at != step || paused {
					return
				}
				paused = true
				if _, err := second.Object(ctx, one); pipeline.ErrorCode(err) != pipeline.CodeLocked {
					t.Errorf("the lease stood, and still: %v", err)
				}
				w.now, wall = w.now.Add(flow.FeedLeaseFor+time.Second), wall.Add(flow.FeedLeaseFor+time.Second)
				for _, key := range []string{one, two} {
					if b, err := second.Object(ctx, key); err != nil || b.Stage != flow.Done {
						t.Errorf("%s: %+v, %v", key, b, err)
					}
				}
			}
			if b, err := first.Object(ctx, one); pipeline.ErrorCode(err) != pipeline.CodeLocked || !paused {
				t.Errorf("paused: %v; %+v, %v, want locked", paused, b, err)
			}
			want := []string{"1=1", "2=2", "3=3"}
			w.want("rows", w.curated(), want)
			if b, err := first.Object(ctx, one); err != nil || b.Stage != flow.Done || b.Seq != 1 {
				t.Errorf("again: %+v, %v", b, err)
			}
			w.want("rows after it came again", w.curated(), want)
			bs, err := w.db.Batches(ctx, flow.BatchFilter{Feed: "parts"})
			if err != nil || len(bs) != 2 {
				t.Errorf("%d batches, %v", len(bs), err)
			}
		})
	}
}
