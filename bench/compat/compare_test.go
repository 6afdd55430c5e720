package main

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const api = `openapi: 3.0.3
info: {title: Parts, version: 1.0.0}
paths:
  /v1/parts:
    get:
      operationId: listParts
      security: [{jwt: [read]}]
      parameters:
      - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 500}}
      - {name: sort, in: query, schema: {type: string, enum: [name, age]}}
      responses:
        '200':
          description: Parts.
          content:
            application/json: {schema: {$ref: '#/components/schemas/Parts'}}
        '503': {description: Could not look.}
    post:
      operationId: makePart
      security: [{jwt: [write]}]
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/New'}}
      responses:
        '201':
          description: Made.
          content:
            application/json: {schema: {$ref: '#/components/schemas/Part'}}
  /v1/parts/{part}:
    get:
      operationId: getPart
      security: [{jwt: [read]}]
      parameters:
      - {name: part, in: path, required: true, schema: {type: string}}
      responses:
        '200':
          description: A part.
          content:
            application/json: {schema: {$ref: '#/components/schemas/Part'}}
components:
  securitySchemes:
    jwt: {type: http, scheme: bearer}
  schemas:
    Parts:
      type: object
      required: [parts]
      properties:
        parts: {type: array, items: {$ref: '#/components/schemas/Part'}}
        next: {type: string}
    Part:
      type: object
      required: [id, state]
      properties:
        id: {type: string}
        state: {type: string, enum: [new, used]}
        weight: {type: number}
    New:
      type: object
      required: [name]
      properties:
        name: {type: string, maxLength: 100}
        kind: {type: string, enum: [screw, nut]}
        count: {type: number}
`

const event = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:part:moved",
  "type": "object",
  "properties": {
    "type": {"const": "part.moved"},
    "data": {
      "type": "object",
      "properties": {
        "part": {"type": "string"},
        "place": {"enum": ["shelf", "bin"]},
        "count": {"type": "integer"},
        "note": {"type": "string"}
      },
      "required": ["part", "place"]
    }
  },
  "required": ["type", "data"]
}`

// state is the earlier state that the cases change.
func state() fstest.MapFS {
	tree := fstest.MapFS{
		document:                         {Data: []byte(api)},
		"contracts/events/asyncapi.yaml": {Data: []byte("asyncapi: 3.0.0\n")},
		"contracts/events/part.moved.schema.json": {Data: []byte(event)},
		"contracts/reports/gate.schema.json":      {Data: []byte(event)},
	}
	for _, dir := range migrations {
		tree[dir+"/0001_first.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE parts (id TEXT);\n")}
		tree[dir+"/0003_places.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE places (id TEXT);\n")}
		tree[dir+"/fingerprints"] = &fstest.MapFile{Data: []byte("1 aaaa\n3 bbbb\n")}
	}
	return tree
}

const (
	moved  = "contracts/events/part.moved.schema.json"
	lite   = "pipeline/store/sqlite/migrations"
	remove = "\x00" // as the new text: the file goes
)

// TestCompare has one change each. want is a part of what is said of it, empty
// where nothing breaks.
func TestCompare(t *testing.T) {
	for _, c := range []struct{ name, file, old, now, want string }{
		// The API breaks its clients.
		{"an operation goes", document, "    post:\n      operationId: makePart", "    put:\n      operationId: makePart", "POST /v1/parts: api removed"},
		{"a path goes", document, "/v1/parts/{part}:", "/v1/part/{part}:", "GET /v1/parts/{part}: api path removed"},
		{"the document goes", document, api, remove, "the document is gone"},
		{"a field of an answer goes", document, "        weight: {type: number}\n", "", "'weight'"},
		{"a field in a list goes", document, "        next: {type: string}\n", "", "'next'"},
		{"a field of an answer is renamed", document, "        weight: {", "        mass: {", "'weight'"},
		{"a field of an answer is not always there any more", document, "required: [id, state]", "required: [id]", "'state'"},
		{"a field of an answer has another type", document, "        id: {type: string}", "        id: {type: integer}", "'id'"},
		{"a field of an answer may be null", document, "        id: {type: string}", "        id: {type: string, nullable: true}", "'id'"},
		{"a status of success goes", document, "        '201':", "        '202':", "'201'"},
		{"a field of a request is required now", document, "      required: [name]", "      required: [name, kind]", "'kind'"},
		{"a new required field of a request", document, "      required: [name]\n      properties:\n", "      required: [name, plant]\n      properties:\n        plant: {type: string}\n", "'plant'"},
		{"a field of a request goes", document, "        count: {type: number}\n", "", "'count'"},
		{"a value of a request goes", document, "enum: [screw, nut]", "enum: [screw]", "'nut'"},
		{"a field of a request takes less", document, "        count: {type: number}", "        count: {type: integer}", "'count'"},
		{"a text of a request is shorter", document, "maxLength: 100", "maxLength: 50", "maxLength was decreased to '50'"},
		{"a parameter goes", document, "      - {name: sort, in: query, schema: {type: string, enum: [name, age]}}\n", "", "'sort'"},
		{"a value of a parameter goes", document, "enum: [name, age]", "enum: [name]", "'age'"},
		{"a parameter takes less", document, "maximum: 500", "maximum: 100", "decreased from '500.00' to '100.00'"},
		{"a new required parameter", document, "      - {name: limit,", "      - {name: feed, in: query, required: true, schema: {type: string}}\n      - {name: limit,", "'feed'"},
		{"an operation needs another scope", document, "security: [{jwt: [write]}]", "security: [{jwt: [admin]}]", "'admin'"},
		{"a form of the body goes", document, "          application/json: {schema: {$ref: '#/components/schemas/New'}}", "          application/xml: {schema: {$ref: '#/components/schemas/New'}}", "application/json"},

		// It does not.
		{"nothing", document, "openapi: 3.0.3", "openapi: 3.0.3", ""},
		{"a new operation", document, "  /v1/parts/{part}:\n", "  /v1/places:\n    get:\n      operationId: places\n      responses: {'200': {description: Places.}}\n  /v1/parts/{part}:\n", ""},
		{"a new optional parameter", document, "      - {name: limit,", "      - {name: feed, in: query, schema: {type: string}}\n      - {name: limit,", ""},
		{"a new field of an answer", document, "        weight: {type: number}\n", "        weight: {type: number}\n        colour: {type: string}\n", ""},
		{"a new optional field of a request", document, "        count: {type: number}\n", "        count: {type: number}\n        plant: {type: string}\n", ""},
		{"a new value of a request", document, "enum: [screw, nut]", "enum: [screw, nut, washer]", ""},
		{"a field of an answer is always there now", document, "required: [id, state]", "required: [id, state, weight]", ""},
		{"a field of a request is optional now", document, "      required: [name]\n", "", ""},
		{"a parameter takes more", document, "maximum: 500", "maximum: 1000", ""},
		{"another description", document, "description: Parts.", "description: All parts.", ""},
		{"a new status of failure", document, "        '503': {description: Could not look.}", "        '503': {description: Could not look.}\n        '429': {description: Too many.}", ""},

		// Events break their readers.
		{"an event goes", moved, event, remove, "the schema is gone"},
		{"a key of an event goes", moved, `,
        "note": {"type": "string"}`, "", "'data/note'"},
		{"a key of an event is renamed", moved, `"note"`, `"remark"`, "'data/note'"},
		{"a key of an event is not always there any more", moved, `["part", "place"]`, `["part"]`, "'data/place'"},
		{"a key of an event has another type", moved, `"count": {"type": "integer"}`, `"count": {"type": "string"}`, "'data/count'"},
		{"a key of an event may have fractions", moved, `"count": {"type": "integer"}`, `"count": {"type": "number"}`, "'data/count'"},
		{"the type of an event is another", moved, `"part.moved"`, `"part.shifted"`, "'type'"},
		{"the data of an event goes", moved, `["type", "data"]`, `["type"]`, "'data'"},
		{"a report loses a key", "contracts/reports/gate.schema.json", `,
        "note": {"type": "string"}`, "", "'data/note'"},

		// They do not.
		{"a new key of an event", moved, `"note": {`, `"reason": {"type": "string"}, "note": {`, ""},
		{"a key of an event is always there now", moved, `["part", "place"]`, `["part", "place", "count"]`, ""},
		{"a key of an event gets a description", moved, `"note": {"type": "string"`, `"note": {"type": "string", "description": "What else."`, ""},

		// Migrations break stores.
		{"a migration is edited", lite + "/0001_first.sql", "TEXT", "TEXT NOT NULL", "was edited"},
		{"a comment of a migration is edited", lite + "/0001_first.sql", "CREATE", "-- parts\nCREATE", "was edited"},
		{"a migration goes", lite + "/0003_places.sql", "CREATE TABLE places (id TEXT);\n", remove, "the migration is gone"},
		{"a migration comes in between", lite + "/0002_between.sql", "", "CREATE TABLE x (id TEXT);\n", "not above 3"},
		{"a fingerprint is another", lite + "/fingerprints", "3 bbbb", "3 cccc", "version 3: the fingerprint is another"},

		// They do not.
		{"a new migration", lite + "/0004_more.sql", "", "CREATE TABLE more (id TEXT);\n", ""},
		{"a new fingerprint", lite + "/fingerprints", "3 bbbb", "3 bbbb\n4 cccc", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := state()
			switch f := after[c.file]; {
			case c.now == remove:
				delete(after, c.file)
			case f == nil:
				after[c.file] = &fstest.MapFile{Data: []byte(c.now)}
			default:
				if !bytes.Contains(f.Data, []byte(c.old)) {
					t.Fatalf("%s does not hold %q", c.file, c.old)
				}
				after[c.file] = &fstest.MapFile{Data: []byte(strings.Replace(string(f.Data), c.old, c.now, 1))}
			}
			breaks, err := Compare(state(), after)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, b := range breaks {
				said = append(said, b.String())
			}
			text := strings.Join(said, "\n")
			if c.want == "" && text != "" {
				t.Errorf("it breaks nobody, and is refused:\n%s", text)
			}
			if c.want != "" && (!strings.Contains(text, c.want) || !strings.HasPrefix(text, c.file)) {
				t.Errorf("want %q of %s, got:\n%s", c.want, c.file, text)
			}
		})
	}
}

func TestEverythingIsNew(t *testing.T) {
	breaks, err := Compare(fstest.MapFS{}, state())
	if err != nil || len(breaks) != 0 {
		t.Errorf("%v, %v", breaks, err)
	}
}

func TestUnreadable(t *testing.T) {
	for _, name := range []string{document, moved} {
		after := state()
		after[name] = &fstest.MapFile{Data: []byte("{")}
		if _, err := Compare(state(), after); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRun is the whole command on a repository: tags, branches, accepted breaks.
func TestRun(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	ctx := t.Context()
	root := t.TempDir()
	write := func(tree fstest.MapFS) {
		t.Helper()
		for name := range maps.Keys(tree) {
			file := filepath.Join(root, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, tree[name].Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	do := func(args ...string) {
		t.Helper()
		if _, err := git(ctx, root, append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	try := func(step, rev string, code int, want string) {
		t.Helper()
		var out bytes.Buffer
		got, err := run(ctx, root, rev, &out)
		if err != nil || got != code || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit %d, %v; want %d with %q:\n%s", step, got, err, code, want, out.String())
		}
	}
	broken := func(old, now string) fstest.MapFS {
		return fstest.MapFS{document: {Data: []byte(strings.Replace(api, old, now, 1))}}
	}
	do("init", "-q", "-b", "main")
	write(fstest.MapFS{"README.md": {Data: []byte("x")}})
	do("add", ".")
	do("commit", "-q", "-m", "first")
	try("the first commit", "", 0, "nothing to compare with")
	write(state())
	do("add", ".")
	do("commit", "-q", "-m", "second")
	try("everything is new", "", 0, "nothing breaks")
	do("tag", "v1.0.0")
	write(broken("enum: [screw, nut]", "enum: [screw]"))
	do("commit", "-q", "-a", "-m", "third")
	try("since the tag", "", 1, "since v1.0.0 that break")
	write(broken("description: Parts.", "description: All."))
	do("commit", "-q", "-a", "-m", "fourth")
	try("mended", "", 0, "nothing breaks what was built on v1.0.0")
	try("against another revision", "HEAD^", 0, "nothing breaks")
	write(broken("        weight: {type: number}\n", ""))
	try("in the working tree", "", 1, "removed the optional property 'weight'")
	var out bytes.Buffer
	if _, err := run(ctx, root, "", &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	write(fstest.MapFS{"bench/compat/accepted.txt": {Data: []byte("# weights were never right\n" + strings.Join(lines[:len(lines)-3], "\n") + "\n")}})
	try("accepted", "", 0, "accepted: "+document)

	do("checkout", "-q", "--", ".")
	do("tag", "-d", "v1.0.0")
	do("checkout", "-q", "-b", "topic")
	write(broken("maxLength: 100", "maxLength: 50"))
	do("commit", "-q", "-a", "-m", "fifth")
	write(fstest.MapFS{"README.md": {Data: []byte("y")}})
	do("commit", "-q", "-a", "-m", "sixth")
	try("a branch, since it left main", "", 1, "maxLength was decreased to '50'")
	if _, err := run(ctx, root, "nowhere", &out); err == nil {
		t.Error("a revision that does not exist")
	}
}

// TestHere: the documents of this repository read, and break nothing of
// themselves.
func TestHere(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	for _, dir := range migrations {
		if names, err := fs.Glob(root, dir+"/*.sql"); err != nil || len(names) == 0 {
			t.Errorf("%s has no migrations (%v)", dir, err)
		}
	}
	names, err := fs.Glob(root, events+"/*.schema.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no schemas of events (%v)", err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := asAnswer(name, b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(name, "now", doc); err != nil {
			t.Error(err)
		}
	}
	if breaks, err := Compare(root, root); err != nil || len(breaks) > 0 {
		t.Errorf("%v, %v", breaks, err)
	}
}
