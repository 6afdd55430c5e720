package gate_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// secrets are seeded into every place that a value can reach: each is one that a
// reader would know somebody by.
var secrets = []string{"alice.weber@example.org", "Alice Weber", "219-09-9999", "4915112345678"}

const classifiedContract = `
apiVersion: v3.1.0
kind: DataContract
id: people
version: 1.0.0
status: active
customProperties:
  - {property: assay.evolution, value: warn}
%s
schema:
  - name: people
    properties:
      - {name: id, logicalType: integer, required: true, unique: true, logicalTypeOptions: {maximum: 1000}}
      - name: email
        classification: PII
        logicalType: string
        required: true
        unique: true
        logicalTypeOptions: {maxLength: 30, pattern: "@", format: email}
      - name: name
        classification: confidential
        logicalType: string
        quality: [{metric: invalidValues, mustBe: 0, arguments: {pattern: "^[A-Z]"}}]
      - {name: code, logicalType: string, unique: true, logicalTypeOptions: {maxLength: 12, pattern: "^[a-z0-9]*$"}}
      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 500, multipleOf: 0.01}}
      - {name: born, logicalType: date, logicalTypeOptions: {minimum: "1900-01-01"}}
      - {name: state, logicalType: string, quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [new, old]}}]}
`

// TestClassified seeds classified values into every class of reject and of
// error, and looks for them in everything that comes out, but for the raw
// records, which stand in raw.jsonl alone.
func TestClassified(t *testing.T) {
	header := "id,email,name,code,amount,born,state\n"
	good := "7,x@y.zz,Xy,c7,1,2000-01-01,new\n"
	type file struct{ name, data, options string }
	files := map[string]file{}
	for i, s := range secrets {
		add := func(class, data string) {
			files[fmt.Sprintf("%s %d", class, i)] = file{"people.csv", header + good + data, ""}
		}
		add("type", "1,a@b.cc,Al,c1,"+s+","+s+",new\n"+s+",d@b.cc,Al,c2,1,,new\n")
		add("range", "4915112345678,a@b.cc,Al,c1,4915112345678,1800-01-01,new\n")
		add("length", "1,"+s+" of somewhere far away,"+strings.ToLower(s)+","+s+",1,,"+s+"\n")
		add("pattern", "1,"+strings.ReplaceAll(s, "@", "(at)")+",Al,"+s+",1,,"+s+"\n")
		add("unique", "1,"+s+",Al,"+s+",1,,new\n2,"+s+",Al,"+s+",1,,new\n")
		add("required", ","+s+","+s+",c1,1,,new\n")
		add("too few fields", "1,"+s+","+s+"\n")
		add("too many fields", "1,"+s+","+s+","+s+","+s+","+s+","+s+","+s+"\n")
		add("stray quote", `1,"`+s+`"x,`+s+",c,1,,new\n"+`2,`+s+` "quoted",`+s+",c,1,,new\n")
		add("open quote", `1,a@b.cc,"`+s+"\n2,b@b.cc,"+s+",c,1,,new\n")
		add("nul", "1,"+s+"\x00,"+s+",c,1,,new\n")
		add("not utf-8", "1,"+s+"\xff,"+s+",c,1,,new\n")
		add("too long", "1,"+s+","+s+strings.Repeat(s, 1<<20/len(s))+",c,1,,new\n")
		files[fmt.Sprintf("no header %d", i)] = file{"people.csv", "1," + s + "," + s + ",c,1,,new\n" + good, ""}
		files[fmt.Sprintf("no header, twice the same %d", i)] = file{"people.csv", s + "," + s + "\n" + good, ""}
		files[fmt.Sprintf("undeclared column %d", i)] = file{"people.csv", strings.TrimSpace(header) + "," + s + "\n" + strings.TrimSpace(good) + "," + s + "\n", ""}
		files[fmt.Sprintf("not gzip %d", i)] = file{"people.csv.gz", header + s, ""}
		jsonl := "  - {property: assay.format, value: jsonl}"
		files[fmt.Sprintf("jsonl %d", i)] = file{"people.jsonl", fmt.Sprintf(`{"id":1,"email":%q,"name":%q,"code":%q,"amount":%q,"born":%q,"state":{"a":%[1]q}}
{"id":2,"email":[%[1]q],"name":%[1]q
[%[1]q]
%[1]q
{"id":3,"id":%[1]q,"email":"x"}
{"id":4,"email":"a@b.cc","%[1]s":1}
`, s, s, s, s, s), jsonl}
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			g := compile(t, fmt.Sprintf(classifiedContract, f.options))
			if f.options != "" && g.Feed().Format != contract.JSONL {
				t.Fatalf("format %s", g.Feed().Format)
			}
			out := memory{}
			in := bytesInput(f.name, []byte(f.data))
			rep, err := g.Judge(context.Background(), in, gate.Options{Batch: "b", Output: out})
			if err != nil {
				t.Fatal(err)
			}
			if rep.Rows.Rejected == 0 && rep.Problem == nil && !strings.Contains(name, "undeclared") {
				t.Fatal("nothing is rejected: the case tests nothing")
			}
			tell(t, "at once", rep, out)
			l, err := g.LayAt(context.Background(), in, []int64{int64(len(f.data) / 3), int64(len(f.data) / 2)})
			if err != nil {
				t.Fatal(err)
			}
			look(t, "the reason why it is judged whole", []byte(l.Whole))
			if l.Whole != "" {
				return
			}
			s := parts{}
			for i := range l.Ranges {
				if _, err := g.JudgeRange(context.Background(), in, l, i, s, gate.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			out = memory{}
			m, err := g.Merge(context.Background(), in, l, s, gate.Options{Batch: "b", Output: out})
			if err != nil {
				t.Fatal(err)
			}
			tell(t, "in ranges", m.Report, out)
		})
	}
}

// tell writes a judgement in every form and looks through each.
func tell(t *testing.T, how string, rep *gate.Report, out memory) {
	t.Helper()
	for form, write := range map[string]func(*bytes.Buffer) error{
		"json":     func(b *bytes.Buffer) error { return rep.WriteJSON(b) },
		"terminal": func(b *bytes.Buffer) error { return rep.WriteText(b) },
		"html":     func(b *bytes.Buffer) error { return rep.WriteHTML(b) },
		"junit":    func(b *bytes.Buffer) error { return rep.WriteJUnit(b) },
		"github":   func(b *bytes.Buffer) error { return rep.WriteGitHub(b) },
		"error":    func(b *bytes.Buffer) error { _, _ = fmt.Fprint(b, rep.Problem.Err()); return nil },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		look(t, how+", "+form, b.Bytes())
	}
	raw := 0
	for name, b := range out {
		switch {
		case name == "raw.jsonl":
			raw++
		case name == "rejects.parquet":
			var all bytes.Buffer
			columns := []string{"hash", "code", "column", "value", "rule", "expected"}
			err := codec.ReadRows(context.Background(), bytes.NewReader(b.Bytes()), int64(b.Len()), 0, 1<<40, columns, func(_ int64, v []string) error {
				fmt.Fprintln(&all, v)
				return nil
			})
			if err != nil || all.Len() == 0 {
				t.Fatalf("rejects.parquet: %d bytes, %v", all.Len(), err)
			}
			look(t, how+", "+name, all.Bytes())
		case strings.HasPrefix(name, "part-"): // accepted rows carry what they carry
		default:
			look(t, how+", "+name, b.Bytes())
		}
	}
	if rep.Rows.Rejected > 0 && raw == 0 {
		t.Errorf("%s: no raw record is kept", how)
	}
}

func look(t *testing.T, where string, b []byte) {
	t.Helper()
	low := bytes.ToLower(b)
	for _, s := range secrets {
		for _, form := range []string{s, strings.ReplaceAll(s, "@", "(at)"), strings.ReplaceAll(s, "@", "&#64;"), strings.Fields(s)[0] + "\""} {
			if i := bytes.Index(low, bytes.ToLower([]byte(form))); i >= 0 {
				t.Errorf("%s: %q stands in %q", where, form, b[max(0, i-60):min(len(b), i+60)])
			}
		}
	}
}
