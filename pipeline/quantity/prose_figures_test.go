package quantity

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProseFigures measures Scan on the running text of quantulum3 and of the
// Recognizers-Text dimension and temperature cases, and lists every miss with
// its class. A case is right when every expected quantity is read with exactly
// its value and unit and no other is read.
func TestProseFigures(t *testing.T) {
	type score struct{ right, total, skipped int }
	scores := map[string]*score{}
	classes := map[string]int{}
	record := func(set, text string, ok bool, class, detail string) {
		if scores[set] == nil {
			scores[set] = new(score)
		}
		scores[set].total++
		if ok {
			scores[set].right++
			return
		}
		classes[class]++
		t.Logf("miss %-14s %-18s %q %s", set, class, text, detail)
	}
	for _, c := range readLines[quantulumCase](t, "quantities/quantulum3/cases.jsonl") {
		set := "quantulum3/" + c.Set
		if c.money() {
			if scores[set] == nil {
				scores[set] = new(score)
			}
			scores[set].skipped++
			continue
		}
		ok, class, detail := c.run()
		record(set, c.Text, ok, class, detail)
	}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(sharedData(t, "quantities/recognizers_text")), "recognizers_text", "*.json"))
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), "Model.json")
		if !strings.HasSuffix(name, ".Dimension") && !strings.HasSuffix(name, ".Temperature") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var cases []recognizerCase
		if err := json.Unmarshal(trimBOM(b), &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			ok, class, detail := c.run(name)
			record(name, c.Input, ok, class, detail)
		}
	}
	right, total := 0, 0
	for set, s := range scores {
		t.Logf("%-24s %d of %d right (%d skipped: money)", set, s.right, s.total, s.skipped)
		right, total = right+s.right, total+s.total
	}
	t.Logf("misses by class: %v", classes)
	share := float64(right) / float64(total)
	t.Logf(`{"quantities": %.4f}`, share)
	if share < 0.85 {
		t.Errorf("%.1f %% of the cases are right, at least 85 are wanted", 100*share)
	}
}

func trimBOM(b []byte) []byte { return []byte(strings.TrimPrefix(string(b), "\ufeff")) }

type quantulumCase struct {
	ID, Set, Text string
	Expected      []struct {
		Value   json.Number
		Unit    string
		Surface string
	}
}

// money names units of currency, which no catalog line measures in.
func (c quantulumCase) money() bool {
	for _, e := range c.Expected {
		for _, m := range []string{"dollar", "euro", "pound sterling", "cent", "penny", "dime", "yen"} {
			if e.Unit == m || strings.HasPrefix(e.Unit, m+" ") {
				return true
			}
		}
	}
	return strings.Contains(c.Text, " yen")
}

func (c quantulumCase) run() (ok bool, class, detail string) {
	qs := Scan(c.Text, Options{Language: English, Prose: true})
	var got []Quantity
	for _, q := range qs {
		if !q.Glued || q.HasUnit() {
			got = append(got, q)
		}
	}
	used := make([]bool, len(got))
	for _, e := range c.Expected {
		want, err := ParseDecimal(e.Value.String())
		if !err {
			return false, "harness", e.Value.String()
		}
		found := false
		for i, q := range got {
			v := q.Value
			if q.High != nil {
				v = q.Value.Add(*q.High).Mul(Ratio(1, 2))
			}
			if !used[i] && near(v, want) && sameUnit(q, e.Unit) {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return false, classOf(got, want, e.Unit), "want " + e.Value.String() + " " + e.Unit + show(got)
		}
	}
	for i, q := range got {
		if !used[i] {
			return false, "too many", "extra " + q.Text + " " + q.Value.String() + " " + q.Unit.Code
		}
	}
	return true, "", ""
}

func near(a, b Decimal) bool {
	return Tolerance{Rel: Ratio(1, 1e9)}.Within(a, b)
}

func classOf(got []Quantity, want Decimal, unit string) string {
	for _, q := range got {
		if near(q.Value, want) {
			return "unit"
		}
		if sameUnit(q, unit) {
			return "value"
		}
	}
	return "not found"
}

func show(got []Quantity) string {
	var b strings.Builder
	b.WriteString(", got")
	for _, q := range got {
		b.WriteString(" " + q.Value.String() + " " + q.Unit.Code + ";")
	}
	return b.String()
}

// unitNames are names that the conformance sets use and catalogs do not.
var unitNames = map[string]string{
	"inverse second": "/s", "pound-mass": "[lb_av]", "second of arc": "''", "minute of arc": "'",
	"inverse femtobarn": "10*43.m-2", "joule second": "J.s", "candela second": "cd.s", "megayear": "10*6.a", "gigayear": "10*9.a",
	"dozen": "12", "gross": "144", "degree fahrenheit": "[degF]", "C": "Cel", "F": "[degF]", "K": "K", "Turn": "circ", "Degree": "deg",
	"baker's dozen": "13", "count per week": "/wk",
}

func sameUnit(q Quantity, name string) bool {
	if name == "dimensionless" {
		return !q.HasUnit()
	}
	code, ok := unitNames[name]
	if !ok {
		u := Scan("1 "+name, Options{Language: English, Prose: true})
		if len(u) != 1 || !u[0].HasUnit() {
			return false
		}
		code = u[0].Unit.Code
	}
	if !q.HasUnit() {
		return false
	}
	if q.Unit.Code == code {
		return true
	}
	v, err := Convert(Int(1), q.Unit.Code, code)
	w, err2 := Convert(Int(2), q.Unit.Code, code)
	return err == nil && err2 == nil && v.Cmp(Int(1)) == 0 && w.Cmp(Int(2)) == 0
}

type recognizerCase struct {
	Input   string
	Results []struct {
		Text       string
		Start, End int
		Resolution struct {
			Value *string
			Unit  string
		}
	}
}

func (c recognizerCase) run(set string) (ok bool, class, detail string) {
	opt := Options{Language: English, Prose: true}
	if strings.HasPrefix(set, "German") {
		opt.Language = German
	}
	temperature := strings.HasSuffix(set, "Temperature")
	var got []Quantity
	for _, q := range Scan(c.Input, opt) {
		if degrees := len(q.Readings) > 0 && !q.HasUnit() && q.Readings[0].Dimension == Angle; degrees && temperature {
			got = append(got, q)
			continue
		}
		if !q.HasUnit() {
			continue
		}
		switch q.Unit.Dimension {
		case Time, Percent, Count, None:
			continue
		case Temperature:
			if !temperature {
				continue
			}
		default:
			if temperature {
				continue
			}
		}
		got = append(got, q)
	}
	used := make([]bool, len(got))
	for _, e := range c.Results {
		if e.Resolution.Value == nil {
			for i, q := range got { // a unit without a number
				if q.Start < e.End+1 && e.Start < q.End {
					used[i] = true
				}
			}
			continue
		}
		want, pok := ParseNumber(*e.Resolution.Value, opt.Language)
		if !pok {
			return false, "harness", *e.Resolution.Value
		}
		found := false
		for i, q := range got {
			unit := sameUnit(q, e.Resolution.Unit)
			if temperature && e.Resolution.Unit == "Degree" {
				unit = !q.HasUnit()
			}
			if !used[i] && near(q.Value, want) && unit {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return false, classOf(got, want, e.Resolution.Unit), "want " + *e.Resolution.Value + " " + e.Resolution.Unit + show(got)
		}
	}
	for i, q := range got {
		if !used[i] {
			return false, "too many", "extra " + q.Text + " " + q.Value.String() + " " + q.Unit.Code
		}
	}
	return true, "", ""
}
