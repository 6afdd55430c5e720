package quantity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedData finds a conformance set: in $ASSAY_TEST_DATA, else in
// ../shared/data beside the repository.
func sharedData(t *testing.T, path string) string {
	t.Helper()
	dir := os.Getenv("ASSAY_TEST_DATA")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for up := wd; ; up = filepath.Dir(up) {
			if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
				dir = filepath.Join(up, "..", "shared", "data")
				break
			}
			if up == filepath.Dir(up) {
				break
			}
		}
	}
	file := filepath.Join(dir, filepath.FromSlash(path))
	if _, err := os.Stat(file); err != nil {
		t.Skip("needs ../shared/data: " + path)
	}
	return file
}

func readLines[T any](t *testing.T, path string) []T {
	t.Helper()
	b, err := os.ReadFile(sharedData(t, path))
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

type ucumCase struct {
	Kind, ID, Unit, Valid, Reason, Display string
	Value, SrcUnit, DstUnit, Outcome       string
	V1, U1, V2, U2, VRes, URes             string
}

// TestUCUMFigures measures the functional cases of the UCUM organisation and
// lists every miss.
func TestUCUMFigures(t *testing.T) {
	cases := readLines[ucumCase](t, "quantities/ucum/functional_cases.jsonl")
	total, right := map[string]int{}, map[string]int{}
	for _, c := range cases {
		total[c.Kind]++
		got, ok := c.run()
		if ok {
			right[c.Kind]++
		} else {
			t.Logf("miss %s %s: %s", c.Kind, c.ID, got)
		}
	}
	sum, good := 0, 0
	for k, n := range total {
		t.Logf("%-24s %d of %d", k, right[k], n)
		sum, good = sum+n, good+right[k]
	}
	share := float64(good) / float64(sum)
	t.Logf(`{"ucum": %.4f}`, share)
	if share < 0.97 {
		t.Errorf("%.1f %% of the cases are right, at least 97 are wanted", 100*share)
	}
}

func (c ucumCase) run() (string, bool) {
	dec := func(s string) Decimal { d, _ := ParseDecimal(s); return d }
	switch c.Kind {
	case "validation":
		err := ValidUCUM(c.Unit)
		return c.Unit + " valid=" + c.Valid, (err == nil) == (c.Valid == "true")
	case "conversion":
		got, err := Convert(dec(c.Value), c.SrcUnit, c.DstUnit)
		if err != nil {
			return err.Error(), false
		}
		return c.Value + " " + c.SrcUnit + " = " + got.String() + ", want " + c.Outcome, sameAsPrinted(got, c.Outcome)
	case "displayNameGeneration":
		got, err := DisplayName(c.Unit)
		return c.Unit + " = " + got + ", want " + c.Display, err == nil && got == c.Display
	case "multiplication", "division":
		op := Multiply
		if c.Kind == "division" {
			op = Divide
		}
		got, unit, err := op(dec(c.V1), c.U1, dec(c.V2), c.U2)
		if err != nil {
			return err.Error(), false
		}
		inWanted, err := Convert(got, unit, c.URes)
		if err != nil {
			return err.Error(), false
		}
		return inWanted.String() + " " + c.URes + ", want " + c.VRes, sameAsPrinted(inWanted, c.VRes)
	}
	return "unknown kind " + c.Kind, false
}

// sameAsPrinted compares at the precision in which the expectation is printed:
// half a unit of its last digit, and never looser than the digits say.
func sameAsPrinted(got Decimal, want string) bool {
	w, ok := ParseDecimal(want)
	if !ok {
		return false
	}
	mantissa, exp, _ := strings.Cut(want, "e")
	_, frac, _ := strings.Cut(mantissa, ".")
	last, _ := ParseDecimal("1e-" + Int(int64(len(frac))).String())
	if exp != "" {
		e, _ := ParseDecimal("1e" + exp)
		last = last.Mul(e)
	}
	if len(frac) == 0 && len(strings.TrimRight(mantissa, "0")) >= 3 {
		// 133322000 is printed to six digits.
		zeros := len(mantissa) - len(strings.TrimRight(mantissa, "0"))
		z, _ := ParseDecimal("1e" + Int(int64(zeros)).String())
		last = last.Mul(z)
	}
	return got.Sub(w).Abs().Cmp(last.Mul(Ratio(1, 2))) <= 0
}
