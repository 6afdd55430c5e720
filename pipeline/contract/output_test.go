package contract

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"
)

// A comparison in every form: "old", "new", "mode", "ignore" and the day are in
// the case.
func TestOutputCases(t *testing.T) {
	eachCase(t, "output", "out", func(t *testing.T, files map[string][]byte) string {
		old, fresh := mustParse(t, "old.odcs.yaml", string(files["old.odcs.yaml"])), mustParse(t, "new.odcs.yaml", string(files["new.odcs.yaml"]))
		words := strings.Fields(string(files["args"]))
		mode, _, err := ParseMode(words[0])
		if err != nil {
			t.Fatal(err)
		}
		c, err := Diff(old, fresh, mode)
		if err != nil {
			t.Fatal(err)
		}
		if src := files["ignore"]; src != nil {
			l, err := ParseIgnore("ignore", src)
			if err != nil {
				return err.Error()
			}
			c.Apply(l, time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC))
		}
		c.AffectedBy([]Consumer{{Name: "billing", Fields: []string{"amount"}}, {Name: "archive"}, {Name: "shipping", Fields: []string{"address"}}})
		var b bytes.Buffer
		if err := WriteComparison(&b, words[1], c); err != nil {
			return err.Error()
		}
		return b.String()
	})
}

// Whatever a finding says, the machine-readable forms stay well formed.
func TestOutputsAreWellFormed(t *testing.T) {
	fs := []Finding{{File: "a:b,c.yaml", Line: 1, Column: 2, Path: `x["]]>"]`, Level: LevelError, Rule: "r", What: "100% <wrong>\n& \x01 more", Do: "::warning::no"}}
	for _, format := range OutputFormats {
		var b bytes.Buffer
		if err := WriteFindings(&b, format, fs); err != nil {
			t.Fatal(err)
		}
		switch format {
		case "json", "sarif":
			if !json.Valid(b.Bytes()) {
				t.Errorf("%s: %s", format, b.String())
			}
		case "junit":
			if err := xml.Unmarshal(b.Bytes(), new(junitSuite)); err != nil {
				t.Errorf("%v: %s", err, b.String())
			}
		case "github":
			if strings.Count(b.String(), "\n") != 1 {
				t.Errorf("more than one command: %q", b.String())
			}
		}
	}
	if err := WriteFindings(new(bytes.Buffer), "html", nil); err == nil {
		t.Error("an unknown format is accepted")
	}
}

func TestParseMode(t *testing.T) {
	for in, want := range map[string]struct {
		mode       Mode
		transitive bool
	}{"": {ForConsumers, false}, "consumers": {ForConsumers, false}, "FORWARD": {ForConsumers, false}, "BACKWARD_TRANSITIVE": {ForHistory, true},
		"full": {ForBoth, false}, "both_transitive": {ForBoth, true}} {
		mode, transitive, err := ParseMode(in)
		if err != nil || mode != want.mode || transitive != want.transitive {
			t.Errorf("%q: %s %v %v", in, mode, transitive, err)
		}
	}
	if _, _, err := ParseMode("sideways"); err == nil {
		t.Error("sideways is no mode")
	}
}

// The step between versions, by what changes.
func TestVersionStep(t *testing.T) {
	doc := func(version, prop string) *Document {
		return mustParse(t, "v", strings.Replace(leastContract, "1.0.0", version, 1)+prop)
	}
	for _, c := range []struct{ from, to, old, new, bump, problem string }{
		{"1.0.0", "1.0.0", "", "", "none", ""},
		{"1.0.0", "1.0.0", "", "        description: x\n", "patch", "the changes ask for a new patch version; 1.0.0 → 1.0.0 is no step"},
		{"1.0.0", "1.0.1", "", "        description: x\n", "patch", ""},
		{"1.0.0", "1.0.1", "", "      - name: b\n", "minor", "the changes ask for a new minor version; 1.0.0 → 1.0.1 is a patch"},
		{"1.0.0", "1.1.0", "", "      - name: b\n", "minor", ""},
		{"1.0.0", "1.1.0", "      - name: b\n", "", "major", "the changes ask for a new major version; 1.0.0 → 1.1.0 is a minor step"},
		{"1.9.0", "2.0.0", "      - name: b\n", "", "major", ""},
		{"0.3.0", "0.4.0", "      - name: b\n", "", "major", ""},
		{"2.0.0", "1.0.0", "      - name: b\n", "", "major", "the changes ask for a new major version; 2.0.0 → 1.0.0 is no step"},
		{"1.0.0", "next", "", "", "patch", `the new version "next" is not semantic`},
	} {
		d, err := Diff(doc(c.from, c.old), doc(c.to, c.new), ForConsumers)
		if err != nil {
			t.Fatal(err)
		}
		if d.Bump != c.bump || d.VersionProblem != c.problem {
			t.Errorf("%+v: bump %s, problem %q", c, d.Bump, d.VersionProblem)
		}
	}
}

// The transitive form finds what two small steps break together.
func TestDiffAll(t *testing.T) {
	doc := func(version, prop string) *Document {
		return mustParse(t, "v", strings.Replace(leastContract, "1.0.0", version, 1)+prop)
	}
	v1 := doc("1.0.0", "      - {name: b, logicalType: integer}\n")
	v2 := doc("2.0.0", "")
	v3 := doc("3.0.0", "      - {name: b, logicalType: string}\n")
	one, err := Diff(v2, v3, ForConsumers)
	if err != nil || one.Breaking() {
		t.Fatalf("one step back nothing breaks: %v %+v", err, one)
	}
	all, err := DiffAll([]*Document{v1, v2}, v3, ForConsumers)
	if err != nil || !all.Breaking() {
		t.Fatalf("the type of b changed since 1.0.0: %v %+v", err, all)
	}
	if err := all.Err(); err == nil || !strings.Contains(err.Error(), "consumers") {
		t.Errorf("Err: %v", err)
	}
}
