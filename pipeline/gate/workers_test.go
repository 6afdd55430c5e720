package gate_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/gate"
)

// TestWorkers: however many workers judge a file, and however its bytes come
// in, report and rejects are the same byte for byte.
func TestWorkers(t *testing.T) {
	data := speedRows(5_000, 0.05)
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 { // stray quotes, lost delimiters, broken bytes
		data[len(data)/100+r.IntN(len(data)*98/100)] = "\",;\n\x00\xff"[r.IntN(6)]
	}
	g := compile(t, speedContract)
	var want []byte
	for _, workers := range []int{1, 2, 5} {
		out := memory{}
		rep, err := g.Judge(context.Background(), bytesInput("x.csv", data), gate.Options{Workers: workers, Output: out})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := rep.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		b.Write(out["rejects.csv"].Bytes())
		b.Write(out["raw.jsonl"].Bytes())
		b.Write(out["part-0000.parquet"].Bytes())
		if want == nil {
			want = b.Bytes()
		}
		if !bytes.Equal(want, b.Bytes()) {
			t.Errorf("%d workers give another report", workers)
		}
	}
}
