package contract_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"
	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
	_ "modernc.org/sqlite"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// nasty has names that every target has to quote, and rules of every kind.
const nasty = `apiVersion: v3.1.0
kind: DataContract
id: nasty
version: 1.0.0
status: active
customProperties: [{property: assay.evolution, value: reject}]
schema:
  - name: the-feed.x
    description: "It's | \"odd\" <b>\nin two lines; -- and a comment */ ` + "`" + `"
    properties:
      - {name: "select", logicalType: string, primaryKey: true, logicalTypeOptions: {minLength: 2, maxLength: 5, pattern: "^[a-z\"']+$"}, description: "a; 'key'"}
      - {name: "odd \"name\"", logicalType: string, quality: [{metric: invalidValues, arguments: {validValues: ["it's", b]}, mustBe: 0}]}
      - {name: "größe", logicalType: number, logicalTypeOptions: {minimum: -1.5, exclusiveMaximum: 10, multipleOf: 0.01}}
      - {name: 1st, logicalType: integer, required: true, logicalTypeOptions: {format: i16, exclusiveMinimum: 0, maximum: 99, multipleOf: 3}}
      - {name: "_1st", logicalType: boolean}
      - {name: type, logicalType: date, required: true, logicalTypeOptions: {format: dd.MM.yyyy, minimum: "01.01.2000"}}
      - {name: at, logicalType: timestamp, logicalTypeOptions: {timezone: true}}
      - {name: clock, logicalType: time}
      - {name: price, logicalType: number, logicalTypeOptions: {format: f32}}
      - {name: uid, logicalType: string, unique: true, logicalTypeOptions: {format: uuid}}
      - {name: words, logicalType: array, logicalTypeOptions: {minItems: 1, uniqueItems: true}, items: {logicalType: string, logicalTypeOptions: {maxLength: 3}}}
      - {name: loose, logicalType: array}
      - name: address
        logicalType: object
        properties: [{name: "zip code", logicalType: string, required: true}, {name: parts, logicalType: array, items: {logicalType: object, properties: [{name: n, logicalType: integer}]}}]
      - {name: blob, logicalType: object}
`

func exported(t *testing.T, target string) []byte {
	t.Helper()
	d, err := contract.Parse("nasty.odcs.yaml", []byte(nasty))
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Export("", target)
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Export("", target)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("%s is not the same twice", target)
	}
	return b
}

// accepted counts an export that its own tool took, at the end of its test.
func accepted(t *testing.T, target string) {
	t.Cleanup(func() {
		if !t.Skipped() {
			t.Logf("%s: accepted %v", target, !t.Failed())
			contract.Figures.Count("exports_ok", !t.Failed())
		}
	})
}

func TestExportJSONSchema(t *testing.T) {
	accepted(t, "JSON Schema by a validator")
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(exported(t, "jsonschema")))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("x.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("x.json")
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"select":"abc","1st":3,"type":"02.01.2020","größe":1.25,"words":["a"],"address":{"zip code":"1"}}`
	for in, valid := range map[string]bool{
		good: true,
		strings.Replace(good, `"abc"`, `"ABC"`, 1):                               false, // pattern
		strings.Replace(good, `"1st":3`, `"1st":4`, 1):                           false, // multipleOf
		strings.Replace(good, `"1st":3,`, ``, 1):                                 false, // required
		strings.Replace(good, `1.25`, `10`, 1):                                   false, // exclusiveMaximum
		strings.Replace(good, `["a"]`, `["a","a"]`, 1):                           false, // uniqueItems
		strings.Replace(good, `["a"]`, `["abcd"]`, 1):                            false, // nested
		strings.Replace(good, `"zip code":"1"`, ``, 1):                           false,
		strings.Replace(good, `{"select"`, `{"more":1,"select"`, 1):              false, // evolution: reject
		strings.Replace(good, `{"select"`, `{"odd \"name\"":"it's","select"`, 1): true,
		strings.Replace(good, `{"select"`, `{"odd \"name\"":"c","select"`, 1):    false,
		strings.Replace(good, `{"select"`, `{"odd \"name\"":null,"select"`, 1):   true,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != valid {
			t.Errorf("%s: %v, want valid %v", in, err, valid)
		}
	}
}

func TestExportAvro(t *testing.T) {
	accepted(t, "Avro by an Avro library")
	s, err := avro.Parse(string(exported(t, "avro")))
	if err != nil {
		t.Fatal(err)
	}
	if s.Type() != avro.Record {
		t.Errorf("a %s", s.Type())
	}
}

func TestExportSQL(t *testing.T) {
	accepted(t, "SQL by SQLite")
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	create, _, _ := strings.Cut(string(exported(t, "postgres")), ";\nCOMMENT")
	if _, err := db.Exec(create); err != nil {
		t.Fatalf("%v\n%s", err, create)
	}
	insert := `INSERT INTO "the-feed.x" ("select", "odd ""name""", "1st", "type") VALUES (?, ?, ?, ?)`
	if _, err := db.Exec(insert, "abc", "it's", 3, "2020-01-02"); err != nil {
		t.Errorf("a good row is refused: %v", err)
	}
	for why, row := range map[string][]any{"too short": {"a", "b", 3, "2020-01-02"}, "not in the list": {"abd", "c", 3, "2020-01-02"},
		"not above 0": {"abe", "b", 0, "2020-01-02"}, "too early": {"abf", "b", 3, "1999-01-02"}, "key twice": {"abc", "b", 3, "2020-01-02"}} {
		if _, err := db.Exec(insert, row...); err == nil {
			t.Errorf("%s: the table takes %v", why, row)
		}
	}
	t.Run("postgres", func(t *testing.T) {
		dsn := os.Getenv("ASSAY_TEST_POSTGRES")
		if dsn == "" {
			t.Skip("needs ASSAY_TEST_POSTGRES, the DSN that `make postgres` prints")
		}
		accepted(t, "SQL by Postgres")
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx) //nolint:errcheck // the test is over
		// One simple query is one transaction; the last statement takes it back.
		if _, err := conn.PgConn().Exec(ctx, "BEGIN; "+string(exported(t, "postgres"))+" ROLLBACK;").ReadAll(); err != nil {
			t.Error(err)
		}
	})
}

// The generated Go compiles with the standard library alone, and its Validate
// agrees with the contract.
func TestExportGo(t *testing.T) {
	accepted(t, "Go by the compiler")
	dir := t.TempDir()
	src := strings.Replace(string(exported(t, "go")), "package thefeedx", "package main", 1)
	const main = `package main

import ("fmt"; "encoding/json")

func main() {
	for _, in := range []string{
		` + "`" + `{"select":"abc","1st":3,"type":"02.01.2020","größe":1.25,"address":{"zip code":"1"}}` + "`" + `,
		` + "`" + `{"select":"A","1st":100,"type":"2020","größe":1.255}` + "`" + `,
	} {
		var r TheFeedX
		if err := json.Unmarshal([]byte(in), &r); err != nil { panic(err) }
		fmt.Println(r.Validate())
	}
	fmt.Println(len(Contract))
}
`
	for name, text := range map[string]string{"feed.go": src, "main.go": main, "go.mod": "module x\n\ngo 1.26\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(context.Background(), "go", "run", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, src)
	}
	for _, want := range []string{"<nil>\n", `select: "A" is shorter than 2`, `select: "A" does not match its pattern`, "1st: 100 is more than 99",
		"1st: 100 is no multiple of 3", `type: "2020" is not a date`, "größe: 1.255 is no multiple of 0.01"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// DDL of services that do not run here is held against a grammar: what the
// importer reads as CREATE TABLE has every column, and nothing is left open.
func TestExportDDLOfServices(t *testing.T) {
	for _, target := range []string{"athena", "snowflake"} {
		t.Run(target, func(t *testing.T) {
			accepted(t, target+" DDL by a grammar")
			ddl := exported(t, target)
			if strings.Count(string(ddl), "CREATE ") != 1 || strings.Count(string(ddl), "'")%2 != 0 {
				t.Errorf("%s", ddl)
			}
			back, err := contract.Import("sql", target+".sql", ddl)
			if err != nil {
				t.Fatalf("%v\n%s", err, ddl)
			}
			d, err := contract.Parse(target, back)
			if err != nil {
				t.Fatalf("%v\n%s", err, back)
			}
			f, err := d.Feed("")
			if err != nil || len(f.Fields) != 14 {
				t.Errorf("%v: %d fields\n%s\n%s", err, len(f.Fields), ddl, back)
			}
		})
	}
}

// hiveType is the grammar of Glue's column types.
var hiveType = regexp.MustCompile(`^(string|int|bigint|smallint|tinyint|double|float|boolean|date|timestamp|decimal\([0-9]+,[0-9]+\)|(array|map|struct)<[^ ]+>)$`)

func TestExportGlue(t *testing.T) {
	accepted(t, "Glue table definition by its shape")
	var glue struct {
		Name              string
		StorageDescriptor struct{ Columns []struct{ Name, Type string } }
	}
	d := json.NewDecoder(bytes.NewReader(exported(t, "glue")))
	if err := d.Decode(&glue); err != nil || len(glue.StorageDescriptor.Columns) != 14 || glue.Name == "" {
		t.Fatalf("glue: %v %+v", err, glue)
	}
	seen := map[string]bool{}
	for _, c := range glue.StorageDescriptor.Columns {
		if !hiveType.MatchString(c.Type) || strings.Count(c.Type, "<") != strings.Count(c.Type, ">") {
			t.Errorf("%s: %q is no type of Hive", c.Name, c.Type)
		}
		if low := strings.ToLower(c.Name); seen[low] || c.Name == "" || len(c.Name) > 255 {
			t.Errorf("%q: Glue takes no such column", c.Name)
		}
		seen[strings.ToLower(c.Name)] = true
	}
}

func TestExportForPeople(t *testing.T) {
	accepted(t, "Markdown and HTML by their structure")
	md := string(exported(t, "markdown"))
	if strings.Count(md, "\n| ") != 1+14 { // header and fields
		t.Errorf("rows of the table broke:\n%s", md)
	}
	page := string(exported(t, "html"))
	if strings.Contains(page, "<b>") || !strings.Contains(page, html.EscapeString("<b>")) {
		t.Error("the description is not escaped")
	}
	if strings.Contains(page, "href=") || strings.Contains(page, "src=") || strings.Contains(page, "url(") || !strings.Contains(page, "prefers-color-scheme:dark") {
		t.Error("it is not one file with the look of the reports")
	}
	d, err := contract.Parse("x", []byte(nasty))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Export("", "csharp"); err == nil {
		t.Error("an unknown target is accepted")
	}
}
