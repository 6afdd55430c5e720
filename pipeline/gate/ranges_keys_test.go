package gate_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// TestRangesKeys: rows that repeat keys of other ranges are found whatever the
// keys are like (numbers close together, numbers far apart, texts), and however
// little of them fits into memory.
func TestRangesKeys(t *testing.T) {
	feed := rangeFeed(contract.Dialect{}, contract.CSV)
	feed.Fields[2].Type, feed.Fields[2].Options, feed.Fields[2].OnFail, feed.Fields[2].Severity = contract.Integer, contract.Options{}, "", ""
	feed.Keys = []contract.Key{{Name: "id", Fields: []string{"id"}}, {Name: "name", Fields: []string{"name"}}, {Name: "n", Fields: []string{"n"}, OnFail: contract.Warn, Severity: contract.SeverityWarning}}
	g, err := gate.Compile(feed)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	var b bytes.Buffer
	b.WriteString("id,name,n\n")
	for i := range 25_000 {
		row := [3]int{i, i, i}
		for k := range row {
			if r.IntN(500) == 0 {
				row[k] = r.IntN(i + 1)
			}
		}
		name := fmt.Sprintf("name %d", row[1])
		switch r.IntN(400) {
		case 0:
			name = "x" // too short: rejected for another reason
		case 1:
			name = fmt.Sprintf("\"name\n%d\"", row[1])
		}
		fmt.Fprintf(&b, "%d,%s,%d\n", row[0], name, int64(row[2])*1_000_003)
	}
	data := b.Bytes()
	var cuts []int64
	for at := int64(60_001); at < int64(len(data)); at += 90_000 {
		cuts = append(cuts, at)
	}
	want := atOnce(t, g, "x.csv", data)
	for _, room := range []int64{0, 3 << 20, 300 << 10, 1} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			got, again := inRangesWithin(t, g, "x.csv", data, cuts, room)
			same(t, got, want, data[:100], cuts)
			if again > 0 {
				t.Errorf("%d segments were judged again", again)
			}
		})
	}
}
