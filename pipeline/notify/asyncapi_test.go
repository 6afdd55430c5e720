package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	library "github.com/assay-pipeline/assay/contracts"
)

var update = flag.Bool("update", false, "rewrite generated documentation")

// asyncAPI is what the tests read of contracts/events/asyncapi.yaml.
type asyncAPI struct {
	Channels map[string]struct {
		Messages map[string]ref `yaml:"messages"`
	} `yaml:"channels"`
	Components struct {
		Traits   map[string]eventMessage `yaml:"messageTraits"`
		Messages map[string]eventMessage `yaml:"messages"`
	} `yaml:"components"`
}

type ref struct {
	Ref string `yaml:"$ref"`
}

// An eventMessage is one type of event. What its trait says holds where it says
// nothing itself.
type eventMessage struct {
	Name       string `yaml:"name"`
	Title      string `yaml:"title"`
	Summary    string `yaml:"summary"`
	Traits     []ref  `yaml:"traits"`
	Key        string `yaml:"x-key"`
	Subject    string `yaml:"x-subject"`
	Order      string `yaml:"x-order"`
	Delivery   string `yaml:"x-delivery"`
	Dedupe     string `yaml:"x-dedupe"`
	Retry      string `yaml:"x-retry"`
	DeadLetter string `yaml:"x-dead-letter"`
	Payload    struct {
		Schema ref `yaml:"schema"`
	} `yaml:"payload"`
}

func readAsyncAPI(t *testing.T) (asyncAPI, any) {
	t.Helper()
	b, err := fs.ReadFile(library.FS, "events/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc asyncAPI
	var tree any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	if tree, err = jsonschema.UnmarshalJSON(bytes.NewReader(j)); err != nil {
		t.Fatal(err)
	}
	for name, m := range doc.Components.Messages {
		for _, r := range m.Traits {
			trait, ok := doc.Components.Traits[strings.TrimPrefix(r.Ref, "#/components/messageTraits/")]
			if !ok {
				t.Errorf("%s: no trait %s", name, r.Ref)
			}
			for _, f := range []struct{ own, common *string }{{&m.Delivery, &trait.Delivery}, {&m.Retry, &trait.Retry}, {&m.DeadLetter, &trait.DeadLetter}} {
				if *f.own == "" {
					*f.own = *f.common
				}
			}
		}
		doc.Components.Messages[name] = m
	}
	return doc, tree
}

// TestAsyncAPIIsValid: the document is what the schema of AsyncAPI 3.0.0 says.
func TestAsyncAPIIsValid(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "asyncapi-3.0.0.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("asyncapi.json", schema); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	_, tree := readAsyncAPI(t)
	if err := s.Validate(tree); err != nil {
		t.Errorf("contracts/events/asyncapi.yaml: %v", err)
	}
	tree.(map[string]any)["operations"].(map[string]any)["tell"].(map[string]any)["action"] = "shout"
	if s.Validate(tree) == nil {
		t.Error("the schema takes an action that AsyncAPI does not know")
	}
}

// TestAsyncAPIAndCode: document, schemas and event types name the same events.
func TestAsyncAPIAndCode(t *testing.T) {
	doc, _ := readAsyncAPI(t)
	documented := slices.Sorted(maps.Keys(doc.Components.Messages))
	schemas, err := fs.Glob(library.FS, "events/*.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for _, s := range schemas {
		described = append(described, strings.TrimSuffix(filepath.Base(s), ".schema.json"))
	}
	if d := cmp.Diff(described, documented); d != "" {
		t.Errorf("contracts/events has schemas (-) that asyncapi.yaml has no message for, or lacks (+):\n%s", d)
	}
	if d := cmp.Diff(eventTypes(t), documented); d != "" {
		t.Errorf("pipeline/event.go has types (-) that asyncapi.yaml has no message for, or lacks (+):\n%s", d)
	}
	for name, m := range doc.Components.Messages {
		if m.Name != "assay."+name || m.Payload.Schema.Ref != "./"+name+".schema.json" {
			t.Errorf("%s: name %q, schema %q", name, m.Name, m.Payload.Schema.Ref)
		}
		if got := doc.Channels["events"].Messages[name].Ref; got != "#/components/messages/"+name {
			t.Errorf("%s: the channel lists it as %q", name, got)
		}
		for what, text := range map[string]string{"title": m.Title, "summary": m.Summary, "x-key": m.Key, "x-subject": m.Subject, "x-order": m.Order,
			"x-delivery": m.Delivery, "x-dedupe": m.Dedupe, "x-retry": m.Retry, "x-dead-letter": m.DeadLetter} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s says nothing about %s", name, what)
			}
		}
	}
	if n := len(doc.Channels["events"].Messages); n != len(documented) {
		t.Errorf("the channel lists %d messages of %d", n, len(documented))
	}
}

// eventTypes are the types of events that pipeline/event.go declares, without
// their prefix.
func eventTypes(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "event.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, v := range spec.Values {
			lit, ok := v.(*ast.BasicLit)
			if !ok {
				continue
			}
			if s, err := strconv.Unquote(lit.Value); err == nil && strings.HasPrefix(s, "assay.") {
				out = append(out, strings.TrimPrefix(s, "assay."))
			}
		}
		return true
	})
	slices.Sort(out)
	return out
}

// TestEventsPage: docs/events.md says what asyncapi.yaml says.
func TestEventsPage(t *testing.T) {
	doc, _ := readAsyncAPI(t)
	var b strings.Builder
	b.WriteString(`# Events

What leaves Assay when its state changes: CloudEvents 1.0 in JSON, to where ` + "`ASSAY_EVENTS`" + ` says. The document is [contracts/events/asyncapi.yaml](../contracts/events/asyncapi.yaml) (AsyncAPI 3.0), from which this page is generated (` + "`go test ./pipeline/notify -run TestEventsPage -update`" + `); each event has a JSON Schema beside it.

An event that leaves is written in the transaction that makes the change, so there is none without the change and no change without it. No event carries a row, a value or a text of the data. Keys may be added to events; a test compares the schemas with what the program writes, and ` + "`make check-compat`" + ` refuses a change that breaks a reader.

`)
	common := doc.Components.Traits["event"]
	for _, x := range []struct{ what, text string }{{"Delivery", common.Delivery}, {"Retry", common.Retry}, {"Dead letter", common.DeadLetter}} {
		fmt.Fprintf(&b, "- **%s**: %s\n", x.what, strings.Join(strings.Fields(x.text), " "))
	}
	b.WriteString("- **Order**: events of one key (`partitionkey`) leave in the order they were written. Between keys there is none.\n\n")
	b.WriteString("| event | when | key | subject | order | dedupe by |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Messages)) {
		m := doc.Components.Messages[name]
		fmt.Fprintf(&b, "| [`%s`](../contracts/events/%s.schema.json) | %s | %s | `%s` | %s | %s |\n", m.Name, name, m.Summary, m.Key, m.Subject, m.Order, m.Dedupe)
	}
	file := filepath.Join("..", "..", "docs", "events.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b.String(), strings.ReplaceAll(string(got), "\r\n", "\n")); d != "" {
		t.Errorf("docs/events.md is out of date, run go test ./pipeline/notify -run TestEventsPage -update:\n%s", d)
	}
}
