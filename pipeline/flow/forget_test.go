package flow_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// mentions searches every file of a project, Parquet value by value and the
// store table by table, and says where a text stands.
func mentions(t *testing.T, dir, text string) (places []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if bytes.Contains(b, []byte(text)) {
			places = append(places, rel)
		}
		switch filepath.Ext(name) {
		case ".parquet":
			f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				return fmt.Errorf("%s: %w", rel, err)
			}
			rows := parquet.NewReader(f)
			for {
				buf := make([]parquet.Row, 1)
				n, err := rows.ReadRows(buf)
				for _, v := range slices.Concat(buf[:n]...) {
					if strings.Contains(v.String(), text) {
						places = append(places, rel+" "+v.String())
					}
				}
				if err != nil {
					break
				}
			}
			return rows.Close()
		case ".db":
			places = append(places, tables(t, name, text)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

func tables(t *testing.T, file, text string) (places []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	names := []string{}
	rows, err := db.Query(`SELECT name FROM sqlite_schema WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		names = append(names, n)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // before the next query
		t.Fatal(err)
	}
	for _, n := range names {
		rows, err := db.Query(`SELECT * FROM "` + n + `"`)
		if err != nil {
			t.Fatal(err)
		}
		cols, _ := rows.Columns()
		for rows.Next() {
			cells := make([]any, len(cols))
			for i := range cells {
				cells[i] = new(any)
			}
			if err := rows.Scan(cells...); err != nil {
				t.Fatal(err)
			}
			for i, c := range cells {
				v := *c.(*any)
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				if strings.Contains(fmt.Sprint(v), text) {
					places = append(places, fmt.Sprintf("table %s.%s", n, cols[i]))
				}
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // before the next query
			t.Fatal(err)
		}
	}
	return places
}

const someone = "ZQX-77001"

// forgotten is a project in which a subject stands everywhere, with it erased.
func forgotten(t *testing.T) (w *world, stone flow.Tombstone, before []string) {
	t.Helper()
	ctx := context.Background()
	w = newWorld(t, "  - {property: assay.load, value: upsert}\n  - {property: assay.maxRejectRate, value: 0.9}\n  - {property: assay.approval, value: on_hold}\n"+
		"support:\n  - {channel: ops, url: 'https://hooks.plant.test/x', customProperties: [{property: assay.notify, value: info}]}\n")
	screw := ",Hexagon head screw M8x40 DIN 933 8.8,"
	w.land("2026-03-01.csv", someone+screw+"2", "K-2"+screw+"3")
	w.once()
	w.now = w.now.Add(time.Hour)
	w.land("2026-03-02.csv", someone+screw+"4", "K-3,Nut M8,1") // an older version stays in an older file
	w.once()
	w.now = w.now.Add(time.Hour)
	// Rejects: a bad price, and a key that comes twice.
	w.land("2026-03-03.csv", someone+",Washer 8,-1", someone+",Washer 8,1", someone+",Washer 8,2", "K-4,\"two\nlines\",1", "K-5,Nut M6,2")
	w.once()
	w.now = w.now.Add(time.Hour)
	w.land("2026-03-04.csv", someone+",,1", "K-6,,1", "K-7,,1") // held: it waits
	w.once()
	// A model was asked about the item, and its answer is kept.
	if err := w.db.Settle(ctx, model.Settlement{
		Calls:   []model.Call{{ID: "call", Item: "parts/" + someone, Request: model.Request{Messages: []model.Message{{Text: someone}}}}},
		Answers: []model.Answered{{Key: "question", Item: "parts/" + someone, Reply: model.Reply{Text: someone}}},
	}); err != nil {
		t.Fatal(err)
	}
	before = mentions(t, w.dir, someone)
	fg, err := w.app.Forget(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stone, err = fg.Erase(ctx, "parts", []string{someone}, "ann", "asked for it")
	if err != nil {
		t.Fatal(err)
	}
	return w, stone, before
}

func TestForget(t *testing.T) {
	ctx := context.Background()
	w, stone, before := forgotten(t)
	for _, zone := range []string{"landing", "data", "quarantine/parts", "quarantine/raw", "reports", "assay.db"} {
		if !slices.ContainsFunc(before, func(p string) bool { return strings.Contains(p, zone) }) {
			t.Errorf("the test does not test: %s did not name the subject", zone)
		}
	}
	for _, p := range mentions(t, w.dir, someone) {
		t.Errorf("still in %s", p)
	}
	if got := w.curated(); !slices.Equal(got, []string{"K-2=3", "K-3=1", "K-4=1", "K-5=2"}) {
		t.Errorf("curated: %v", got)
	}
	if got := w.items(); !slices.Equal(got, []string{"parts/K-2", "parts/K-3", "parts/K-4", "parts/K-5"}) {
		t.Errorf("items: %v", got)
	}
	stones, err := w.db.Tombstones(ctx, "parts")
	if err != nil || len(stones) != 1 || stones[0].Key != flow.SubjectHash("parts", []string{someone}) || stones[0].Actor != "ann" {
		t.Errorf("%+v %v", stones, err)
	}
	if stone.Removed["curated"] == 0 || stone.Removed["data"] == 0 || stone.Removed["quarantine"] == 0 || stone.Removed["landing"] != 6 {
		t.Errorf("removed: %v", stone.Removed)
	}
	problems, err := w.lk.Verify(ctx, "parts")
	if err != nil || len(problems) != 0 {
		t.Errorf("%v %v", problems, err)
	}
	// The settled files are not taken for new ones; what waited is judged anew,
	// without the subject.
	w.now = w.now.Add(time.Hour)
	bs := w.once()
	if len(bs) != 1 || !strings.HasSuffix(bs[0].Key, "2026-03-04.csv") || bs[0].Rows.Read != 2 || bs[0].Stage != flow.Waiting {
		t.Errorf("%+v", bs)
	}
	fg, err := w.app.Forget(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fg.Erase(ctx, "parts", []string{someone}, "ann", "")
	wantCode(t, "again", err, pipeline.CodeNotFound, "nothing of feed parts names that key")
	_, err = fg.Erase(ctx, "parts", []string{"a", "b"}, "ann", "")
	wantCode(t, "two parts", err, pipeline.CodeInvalid, "has 1 parts (id), 2 were given")
	_, err = fg.Erase(ctx, "nothing", []string{"a"}, "ann", "")
	wantCode(t, "no feed", err, pipeline.CodeNotFound, "nothing")
	event, err := os.ReadFile(filepath.Join(w.dir, ".assay", "events.jsonl"))
	if err != nil || !bytes.Contains(event, []byte(pipeline.SubjectErased)) {
		t.Errorf("no event of it (%v)", err)
	}
	for line := range bytes.Lines(event) {
		if !json.Valid(line) {
			t.Errorf("a line of the events is torn: %s", line)
		}
	}
}

// TestForgetRecords: what is cut out of a file, and what is left alone.
func TestForgetOthers(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "")
	w.land("1.csv", `K-1,"a text that names K-2, and
a second line",1`, "K-2,Nut M8,2", "K-22,Nut M8,3")
	w.once()
	fg, err := w.app.Forget(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fg.Erase(ctx, "parts", []string{"K-2"}, "ann", ""); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(w.dir, "lake", "landing", "parts", "1.csv"))
	if want := "id,text,price\nK-1,\"a text that names K-2, and\na second line\",1\nK-22,Nut M8,3\n"; err != nil || string(b) != want {
		t.Errorf("%q %v", b, err)
	}
	if got := w.curated(); !slices.Equal(got, []string{"K-1=1", "K-22=3"}) {
		t.Errorf("curated: %v", got)
	}
	if bs := w.once(); len(bs) != 0 {
		t.Errorf("judged again: %+v", bs)
	}
}
