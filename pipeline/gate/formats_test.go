package gate_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestReportsAgree: every form of the report tells the same numbers, and none
// shows a classified value.
func TestReportsAgree(t *testing.T) {
	a, err := txtar.ParseFile("testdata/rows.txtar")
	if err != nil {
		t.Fatal(err)
	}
	rep, _ := judge(t, compile(t, string(a.Files[0].Data)), "orders.csv", a.Files[1].Data)
	var text, doc, page, junit, github bytes.Buffer
	for _, err := range []error{rep.WriteText(&text), rep.WriteJSON(&doc), rep.WriteHTML(&page), rep.WriteJUnit(&junit), rep.WriteGitHub(&github)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	failed := 0
	for _, c := range rep.Checks {
		if c.Result == "failed" {
			failed++
		}
	}
	var d struct {
		SchemaVersion int `json:"schema_version"`
		Batches       []struct {
			Verdict, Decision string
			Rows              struct{ Read, Accepted, Rejected int64 }
			Checks            []struct{ Result string }
		}
	}
	if err := json.Unmarshal(doc.Bytes(), &d); err != nil || d.SchemaVersion != 1 || d.Batches[0].Rows.Read != 7 || d.Batches[0].Rows.Rejected != 4 || d.Batches[0].Verdict != "failed" {
		t.Fatalf("%v %+v", err, d)
	}
	var suites struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(junit.Bytes(), &suites); err != nil || suites.Suites[0].Failures != failed || suites.Suites[0].Tests != len(rep.Checks) {
		t.Fatalf("%v %s", err, &junit)
	}
	if n := strings.Count(github.String(), "::error "); n != failed || !strings.Contains(github.String(), "file=orders.csv,line=5,title=id.unique::") {
		t.Fatalf("%d annotations of %d:\n%s", n, failed, &github)
	}
	for _, want := range []string{"7", "3", "4", "failed", "a very long item", "<svg"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"http://", "https://", "<script src"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page reaches out: %q", bad)
		}
	}
}

// TestPII seeds classified values into every class of reject and looks for
// them in every output but the raw records.
func TestPII(t *testing.T) {
	a, err := txtar.ParseFile("testdata/masked.txtar")
	if err != nil {
		t.Fatal(err)
	}
	const secret = "zoe.quux@example.org"
	data := "id,item,price\n1," + secret + ",2\n" + // too long
		"2,x,3," + secret + "\n" + // ragged
		"3,\"" + secret + ",4\n" + // open quote
		"4,a" + secret + "\"b,4\n" + // stray quote
		secret + ",x,5\n" + // shifted into id
		"6,x," + secret + "\n" + // shifted into price
		"7,\x00" + secret + ",1\n8,\xff" + secret + ",1\n" +
		"9,x,1\n9," + secret[:12] + ",1\n10,x,-1\n"
	rep, out := judge(t, compile(t, string(a.Files[0].Data)), "orders.csv", []byte(data))
	if rep.Rows.Rejected < 10 {
		t.Fatalf("%+v", rep.Rows)
	}
	outputs := map[string]*bytes.Buffer{"text": {}, "json": {}, "html": {}, "junit": {}, "github": {}, "rejects.csv": out["rejects.csv"], "rejects.parquet": out["rejects.parquet"]}
	for _, err := range []error{rep.WriteText(outputs["text"]), rep.WriteJSON(outputs["json"]), rep.WriteHTML(outputs["html"]), rep.WriteJUnit(outputs["junit"]), rep.WriteGitHub(outputs["github"])} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range outputs {
		for _, part := range []string{secret, "zoe.quux", "quux@"} {
			if bytes.Contains(b.Bytes(), []byte(part)) {
				t.Errorf("%s shows %q", name, part)
			}
		}
	}
	if !bytes.Contains(out["raw.jsonl"].Bytes(), []byte(secret)) {
		t.Error("the raw records lack the record")
	}
}
