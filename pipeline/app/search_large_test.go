package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// behind is an index for which so many items wait that no request takes them in.
type behind struct{ catalog.SearchIndex }

func (behind) IndexSize(context.Context) (indexed, waiting int, err error) { return 10, 100_000, nil }
func (behind) IndexItems(context.Context, int) (int, error)                { return 0, nil }

// TestSearchLarge: a catalog that is too large for memory is answered by the
// store's index, and not at all while that is not complete.
func TestSearchLarge(t *testing.T) {
	cfg, err := app.ReadConfig(nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := app.Open(cfg, app.Options{Version: "test"})
	defer a.Close()
	ctx := t.Context()
	s, err := a.Store(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var es []catalog.Entry
	for _, text := range []string{"washer DIN 125 M8", "washer DIN 125 M10", "hex nut M10"} {
		id := "f/" + text
		es = append(es, catalog.Entry{Item: pipeline.Item{ID: id, Source: text}, Record: pipeline.Record{ID: id, Source: text, Category: "washer"}, Seq: 1, Updated: time.Unix(1, 0)})
	}
	if err := s.PutEntries(ctx, es); err != nil {
		t.Fatal(err)
	}
	search, err := a.Search(ctx)
	if err != nil {
		t.Fatal(err)
	}
	search.InMemory = 2
	by, err := search.Asked(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := by.(*catalog.Indexed); !ok {
		t.Fatalf("answered by %T", by)
	}
	res, err := search.Query(ctx, "nut", 10)
	if err != nil || len(res.Found) == 0 || res.Found[0].ID != "f/hex nut M10" {
		t.Fatalf("%+v, %v", res, err)
	}
	late, err := a.Search(ctx)
	if err != nil {
		t.Fatal(err)
	}
	late.Index = behind{s}
	if res, err := late.Query(ctx, "nut", 10); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("%+v, %v, want the code unavailable", res, err)
	}
}
