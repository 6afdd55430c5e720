package flow_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClassifiedStays: a value of a classified column that made its row a reject
// stands in the landed file and beside the raw records, and nowhere else: in no
// log line, event, store, report or reject.
func TestClassifiedStays(t *testing.T) {
	w := newWorld(t, "")
	w.contract(strings.Replace(feedContract("  - {property: assay.maxRejectRate, value: 0.9}"), "{name: text, logicalType: string, required: true}",
		"{name: text, logicalType: string, required: true, classification: PII, logicalTypeOptions: {maxLength: 10}}", 1))
	w.open()
	var log bytes.Buffer
	w.run.Ingest.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	const secret = "alice.weber@example.org"
	w.land("a.csv", "a,washer,1", "b,"+secret+",1", "c,nut,"+secret, secret+","+secret+","+secret+","+secret, `d,"`+secret)
	w.write(filepath.Join("lake", "landing", "parts", "b.csv"), secret+",x\n"+secret+",y\n")
	batches := w.once()
	if len(batches) != 2 || batches[0].Rows.Rejected+batches[1].Rows.Rejected < 4 {
		t.Fatalf("%+v", batches)
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log: %s", log.String())
	}
	raw := 0
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(w.dir, path)
		has := bytes.Contains(b, []byte(secret))
		switch rel = filepath.ToSlash(rel); {
		case strings.HasPrefix(rel, "lake/landing/"):
		case strings.HasPrefix(rel, "lake/quarantine/raw/"):
			raw++
			if !has {
				t.Errorf("%s does not hold the raw record", rel)
			}
		case has:
			t.Errorf("%s holds it", rel)
		}
		return nil
	})
	if err != nil || raw == 0 {
		t.Errorf("%d files of raw records, %v", raw, err)
	}
}
