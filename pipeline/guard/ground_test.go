package guard

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

var update = flag.Bool("update", false, "rewrite the expected part of the cases")

// TestGroundCases reads testdata/ground.txtar. Each case is a source in the
// first line and claims below: a number with a unit and, after "implied", the
// unit of bare numbers; or words in quotes. What follows "→" is the verdict.
func TestGroundCases(t *testing.T) {
	const file = "testdata/ground.txtar"
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range a.Files {
		lines := strings.Split(strings.TrimRight(string(f.Data), "\n"), "\n")
		source := lines[0]
		for j, line := range lines[1:] {
			text, _, _ := strings.Cut(line, " → ")
			v := Ground(source, parseClaim(t, text))
			got := text + " → no: " + v.Reason
			if v.Grounded {
				got = fmt.Sprintf("%s → yes, %d-%d %q, %s: %s", text, v.Start, v.End, v.In(source), v.Provenance, v.Reason)
			}
			if got != line && !*update {
				t.Errorf("%s: %s\ngot  %s\nwant %s", f.Name, source, got, line)
			}
			lines[1+j] = got
		}
		a.Files[i].Data = []byte(strings.Join(lines, "\n") + "\n")
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func parseClaim(t *testing.T, s string) Claim {
	t.Helper()
	if words, ok := strings.CutPrefix(s, "\""); ok {
		return Claim{Value: pipeline.Text(strings.TrimSuffix(words, "\""))}
	}
	f := strings.Fields(s)
	v, ok := pipeline.Number(f[0])
	if !ok {
		t.Fatalf("claim %q", s)
	}
	c := Claim{Value: v}
	if len(f) > 1 {
		c.Unit = f[1]
	}
	if len(f) > 3 && f[2] == "implied" {
		c.Implied = f[3]
	}
	if c.Unit == "N.m" {
		c.Dimension = quantity.Torque
	}
	return c
}

func number(s string) pipeline.Value {
	v, ok := pipeline.Number(s)
	if !ok {
		panic("not a number: " + s)
	}
	return v
}

func TestGroundEntry(t *testing.T) {
	seal := &Entry{Name: "bearing/seal/2RS", Spellings: []string{"2RS", "2RS1", "DDU"}, Values: []pipeline.Value{pipeline.Text("contact seal, both sides")}}
	width := &Entry{Name: "standard/DIN 933/M10", Spellings: []string{"DIN 933", "DIN933"}, Also: []string{"M10"}, Values: []pipeline.Value{number("16")}, Unit: "mm"}
	for _, c := range []struct {
		source string
		claim  Claim
		want   bool
		reason string
	}{
		{"BEARING 6205-2RS", Claim{Value: pipeline.Text("contact seal, both sides"), Entry: seal}, true, "the text spells the entry"},
		{"BEARING 6205-ZZ", Claim{Value: pipeline.Text("contact seal, both sides"), Entry: seal}, false, "another seal"},
		{"BEARING 6205-2RS", Claim{Value: pipeline.Text("shield"), Entry: seal}, false, "the entry does not say so"},
		{"BEARING 6205-12RS", Claim{Value: pipeline.Text("contact seal, both sides"), Entry: seal}, false, "part of another number"},
		{"SCREW DIN 933 M10X50", Claim{Value: number("16"), Unit: "mm", Entry: width}, true, "standard and size are named"},
		{"SCREW DIN 933 M12X50", Claim{Value: number("16"), Unit: "mm", Entry: width}, false, "the size is another"},
		{"SCREW DIN 931 M10X50", Claim{Value: number("16"), Unit: "mm", Entry: width}, false, "the standard is another"},
		{"SCREW DIN 933 M10X50", Claim{Value: number("17"), Unit: "mm", Entry: width}, false, "not what the standard says"},
		{"SCREW DIN 933 M10X50", Claim{Value: number("16"), Unit: "", Entry: width}, false, "the unit is lost"},
		{"SCREW DIN 933 M10X50", Claim{Value: number("16"), Unit: "mm", Entry: width, Span: pipeline.Span{Start: 0, End: 5}}, false, "the span names no standard"},
	} {
		if v := Ground(c.source, c.claim); v.Grounded != c.want {
			t.Errorf("%q in %q: %v, want %v (%s): %s", c.claim.Value, c.source, v.Grounded, c.want, c.reason, v.Reason)
		}
	}
}

func TestGroundBadInput(t *testing.T) {
	for _, source := range []string{"", " ", "\x00", "\xff\xfe", strings.Repeat("9", 400), strings.Repeat("(", 10000), "\u202e25 mm"} {
		for _, c := range []Claim{{}, {Value: pipeline.Text("")}, {Value: pipeline.Text("...")}, {Value: number("25"), Unit: "nonsense"}, {Value: number("25"), Span: pipeline.Span{Start: 5, End: 1 << 30}}} {
			if v := Ground(source, c); v.Grounded || v.Reason == "" {
				t.Errorf("%q in %q: %+v", c.Value, source, v)
			}
		}
	}
}

func FuzzGround(f *testing.F) {
	f.Add("M10 X 50 DIN 933", "M10 X 60", "50", "mm")
	f.Add("-15V ±5%", "15", "15", "V")
	f.Fuzz(func(t *testing.T, source, words, num, unit string) {
		if v := Ground(source, Claim{Value: pipeline.Text(words)}); v.Grounded && !v.Valid(len(source)) {
			t.Errorf("words: %+v", v)
		}
		if n, ok := pipeline.Number(num); ok {
			if v := Ground(source, Claim{Value: n, Unit: unit}); v.Grounded && !v.Valid(len(source)) {
				t.Errorf("number: %+v", v)
			}
		}
	})
}
