package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// TestEndToEnd is the pipeline as it is deployed: an object is put into the
// bucket, S3 tells a queue, ingest judges and publishes it, the outbox leaves for
// the bus and for the queue of parse, and a search finds the item.
func TestEndToEnd(t *testing.T) {
	contracts := scaffold(t)
	w := newWorld(t, contracts, visibility, 5)
	landed, err := os.ReadFile(filepath.Join("..", "..", "cmd", "assay", "scaffold", "landing", "parts-2026-03-02.csv"))
	if err != nil {
		t.Fatal(err)
	}
	w.put("landing/parts/parts 2026-03-02.csv", landed)
	stop := w.serve(w.feed("landing", w.pool("ingest", 1), 10), w.feed("parse", w.pool("parse", 1), 10))
	var batch flow.Batch
	w.until("the batch is published", time.Minute, func() bool {
		for _, b := range w.batches()["landing/parts/parts 2026-03-02.csv"] {
			batch = b
		}
		return batch.Stage == flow.Done
	})
	if batch.Rows != (pipeline.Rows{Read: 6, Accepted: 4, Rejected: 2}) {
		t.Errorf("%+v", batch)
	}
	search := func() string {
		cmd := exec.Command(binary(t, "cmd/assay"), "search", "washer thread=M10")
		var out, errs bytes.Buffer
		cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(os.Environ(), w.env...), t.TempDir(), &out, &errs
		if err := cmd.Run(); err != nil {
			return errs.String()
		}
		return out.String()
	}
	w.until("a search finds the item", time.Minute, func() bool { return strings.Contains(search(), "WASHER M10 DIN 125") })
	w.until("the queues are empty", time.Minute, func() bool { return w.empty("landing") && w.empty("parse") })
	stop()
	data := w.objects("data/parts/")
	if len(data) != 1 || !strings.HasSuffix(data[0], ".parquet") || !bytes.HasPrefix(w.object(data[0]), []byte("PAR1")) {
		t.Errorf("curated files: %v", data)
	}
	if len(w.objects("quarantine/parts/")) == 0 || len(w.objects("curated/parts/_manifest.json")) != 1 {
		t.Error("no rejects, or no manifest")
	}
	told := w.told()
	if !slices.Contains(told[batch.ID], pipeline.BatchPublished) {
		t.Errorf("events of the batch: %v", told)
	}
	for _, dead := range []string{"landing-dead", "parse-dead"} {
		if !w.empty(dead) {
			t.Errorf("%s is not empty", dead)
		}
	}
	figure(t, map[string]any{"e2e": !t.Failed()})
}
