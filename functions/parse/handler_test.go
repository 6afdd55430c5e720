package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// published is a project whose one file was judged and published; it returns
// the parse message that followed.
func published(t *testing.T, dir string) flow.Message {
	t.Helper()
	ctx := context.Background()
	scaffold := filepath.Join("..", "..", "cmd", "assay", "scaffold")
	if err := os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS(filepath.Join(scaffold, "contracts"))); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "lake", "landing", "parts"), os.DirFS(filepath.Join(scaffold, "landing"))); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	a := app.Open(cfg, app.Options{})
	defer a.Close()
	in, err := a.Ingest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Object(ctx, "landing/parts/parts-2026-03-02.csv"); err != nil {
		t.Fatal(err)
	}
	relay, err := a.Relay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := relay.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	db, err := a.Store(ctx)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ms, err := db.Receive(ctx, flow.TopicParse, 10, now, now.Add(time.Second))
	if err != nil || len(ms) != 1 {
		t.Fatalf("%d parse messages, want 1 (%v)", len(ms), err)
	}
	return ms[0]
}

func TestHandleEvent(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	m := published(t, dir)
	h, err := newHandler(ctx, nil, dir, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	// The body stands in the event as text, so its quotes are escaped.
	quoted, err := json.Marshal(string(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("MESSAGE_ID", m.ID, "SHARD", strings.Trim(string(quoted), `"`)).Replace(string(raw))
	var event events.SQSEvent
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		t.Fatal(err)
	}
	for delivery := range 2 {
		res, err := h.Handle(ctx, event)
		if err != nil {
			t.Fatal(err)
		}
		if len(res.BatchItemFailures) != 1 || res.BatchItemFailures[0].ItemIdentifier != event.Records[1].MessageId {
			t.Errorf("delivery %d: failures %+v, want the poison message alone", delivery, res.BatchItemFailures)
		}
		entries, err := flow.LiveEntries(ctx, h.parse.Store, catalog.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 4 {
			t.Errorf("delivery %d: %d entries, want the 4 accepted rows", delivery, len(entries))
		}
		for _, e := range entries {
			if e.Record.Source != e.Item.Source || e.Record.Category == "" {
				t.Errorf("entry %s was not parsed: %+v", e.Item.ID, e.Record)
			}
		}
	}
	// The last shard of the batch asked for its match, once.
	now := time.Now()
	ms, err := h.match.Store.Receive(ctx, flow.TopicMatch, 10, now, now.Add(time.Minute))
	if err != nil || len(ms) != 1 {
		t.Fatalf("%d match messages, want 1 (%v)", len(ms), err)
	}
	body, err := json.Marshal(ms[0])
	if err != nil {
		t.Fatal(err)
	}
	res, err := h.Handle(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: string(body)}}})
	if err != nil || len(res.BatchItemFailures) != 0 {
		t.Errorf("match message: %+v, %v", res, err)
	}
}
