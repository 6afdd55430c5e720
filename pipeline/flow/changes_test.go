package flow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// told is who was told of items since the last call, as "who: title", sorted.
func (r *recorder) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []string{}
	for i, d := range r.sent {
		for _, s := range d.Stories {
			if s.Type != pipeline.ItemChanged {
				continue
			}
			for range s.Events {
				out = append(out, r.to[i]+" "+s.Title)
			}
		}
	}
	r.sent, r.to = nil, nil
	slices.Sort(out)
	return out
}

// itemEvents are the events about items that wait in the outbox.
func (w *world) itemEvents() []pipeline.Event {
	w.t.Helper()
	waiting, err := w.db.Outgoing(context.Background(), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []pipeline.Event
	for _, o := range waiting {
		if o.Event != nil && o.Event.Type == pipeline.ItemChanged {
			out = append(out, *o.Event)
		}
	}
	return out
}

// TestItemWatches: whoever watches an item is told once of each change of its
// record; nobody is told of what nobody watches, and of what says the same in
// other words.
func TestItemWatches(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "  - {property: assay.load, value: snapshot}\nsupport:\n  - {channel: ops, url: 'mailto:ops@plant.test', customProperties: [{property: assay.notify, value: {severity: info}}]}\n")
	r := w.recorded()
	n := w.run.Relay.Notify
	for _, x := range []struct{ user, item string }{
		{"ann@plant.test", "parts/a"}, {"ann@plant.test", "parts/c"}, {"bob@plant.test", "parts/a"},
	} {
		if _, err := n.Watch(ctx, x.user, flow.WatchItem, x.item, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Watch(ctx, "fay@plant.test", flow.WatchFeed, "parts", ""); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		file string
		rows []string
		want []string
	}{
		{"2026-03-01.csv", []string{"a,HEX BOLT M8X40,1", "b,WASHER M10 DIN 125 A,1"}, []string{
			"mailto:ann@plant.test item parts/a came to the catalog: screw",
			"mailto:bob@plant.test item parts/a came to the catalog: screw"}},
		{"2026-03-02.csv", []string{"a,HEX BOLT M8X40,2", "b,WASHER M12 DIN 125 A,1"}, []string{}},
		{"2026-03-03.csv", []string{"a,hex bolt  M8 x 40,2", "b,WASHER M12 DIN 125 A,1"}, []string{}},
		{"2026-03-04.csv", []string{"a,HEX BOLT M8X50,2", "c,WASHER M12 DIN 125 A,1"}, []string{
			"mailto:ann@plant.test item parts/a has changed: values of length",
			"mailto:ann@plant.test item parts/c came to the catalog: washer",
			"mailto:bob@plant.test item parts/a has changed: values of length"}},
		{"2026-03-05.csv", []string{"b,WASHER M12 DIN 125 A,1", "c,WASHER M12 DIN 125 A,1"}, []string{
			"mailto:ann@plant.test item parts/a left the catalog: feed parts no longer holds it",
			"mailto:bob@plant.test item parts/a left the catalog: feed parts no longer holds it"}},
		{"2026-03-06.csv", []string{"a,HEX BOLT M8X50,2", "c,WASHER M12 DIN 125 A,1"}, []string{
			"mailto:ann@plant.test item parts/a is back in the catalog",
			"mailto:bob@plant.test item parts/a is back in the catalog"}},
	} {
		w.land(step.file, step.rows...)
		w.once()
		w.want(step.file, r.told(), step.want)
	}
	w.once()
	w.want("doing nothing", r.told(), []string{})
}

// TestItemChangeComesOnce: a message that comes again, a knowledge pack that
// reads the same, and an event that is taken twice tell nobody again; back and
// forth is two changes.
func TestItemChangeComesOnce(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "  - {property: assay.load, value: upsert}\n")
	r := w.recorded()
	n := w.run.Relay.Notify
	if _, err := n.Watch(ctx, "ann@plant.test", flow.WatchItem, "parts/a", ""); err != nil {
		t.Fatal(err)
	}
	w.land("2026-03-01.csv", "a,HEX BOLT M8X40,1")
	first := w.once()[0]
	r.told()
	var last flow.Batch
	for _, x := range []struct{ file, text string }{{"2026-03-02.csv", "HEX BOLT M8X50"}, {"2026-03-03.csv", "HEX BOLT M8X40"}, {"2026-03-04.csv", "HEX BOLT M8X50"}} {
		w.land(x.file, "a,"+x.text+",1")
		last = w.once()[0]
		w.want(x.file, r.told(), []string{"mailto:ann@plant.test item parts/a has changed: values of length"})
	}

	shard := func(b flow.Batch) flow.ParseShard {
		m, ok, err := w.lk.HasBatch(ctx, "parts", b.ID)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		f := m.Files[len(m.Files)-1]
		return flow.ParseShard{Feed: "parts", Batch: b.ID, Seq: b.Seq, Shards: 1, File: f.Key, Size: f.Size, Count: f.Rows}
	}
	p := *w.run.Parse
	for _, knowledge := range []string{p.Knowledge, "another pack", "another pack"} {
		p.Knowledge = knowledge
		for _, b := range []flow.Batch{last, first} { // first is late: it is not stored
			if err := p.Shard(ctx, shard(b)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if es := w.itemEvents(); len(es) != 0 {
		t.Errorf("parsed again: %s", es[0].Data)
	}
	w.once()
	w.want("parsed again", r.told(), []string{})

	// The events that went out, taken again: nobody hears of them twice.
	out, err := os.ReadFile(filepath.Join(w.dir, ".assay", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var events []pipeline.Event
	for line := range bytes.Lines(out) {
		var e pipeline.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Type == pipeline.ItemChanged {
			events = append(events, e)
		}
	}
	w.want("events", len(events), 4)
	for range 2 {
		if err := n.Take(ctx, events); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Deliver(ctx); err != nil {
		t.Fatal(err)
	}
	w.want("taken again", r.told(), []string{})

	// Who was told of an item is no secret that outlives its erasure.
	before, err := w.db.Notices(ctx, flow.NoticeFilter{})
	if err != nil || len(before) != 4 {
		t.Fatalf("%d notices %v", len(before), err)
	}
	if _, err := w.db.EraseItems(ctx, []string{"parts/a"}); err != nil {
		t.Fatal(err)
	}
	after, err := w.db.Notices(ctx, flow.NoticeFilter{})
	if err != nil || len(after) != 0 {
		t.Errorf("%+v %v", after, err)
	}
}
