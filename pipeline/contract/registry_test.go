package contract_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

const ordersV1 = `apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: amount, logicalType: number, logicalTypeOptions: {maximum: 10}}
      - {name: note, logicalType: string}
`

func edited(pairs ...string) []byte { return []byte(strings.NewReplacer(pairs...).Replace(ordersV1)) }

type clock struct{ now time.Time }

func registry(t *testing.T) (*contract.Registry, *clock) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "r.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return &contract.Registry{Store: db, Now: func() time.Time { return c.now }}, c
}

func code(t *testing.T, err error, want pipeline.Code, says string) {
	t.Helper()
	if pipeline.ErrorCode(err) != want || (err != nil && !strings.Contains(err.Error(), says)) {
		t.Errorf("error %v, want code %s saying %q", err, want, says)
	}
}

func TestPublish(t *testing.T) {
	ctx := context.Background()
	r, _ := registry(t)
	publish := func(src []byte, p contract.Publishing) (*contract.Comparison, error) {
		return r.Publish(ctx, "orders.odcs.yaml", src, p)
	}
	_, err := publish([]byte("a: b"), contract.Publishing{})
	code(t, err, pipeline.CodeInvalid, "is missing")
	_, err = publish(edited("1.0.0", "one"), contract.Publishing{})
	code(t, err, pipeline.CodeInvalid, "not semantic")

	_, err = publish([]byte(ordersV1), contract.Publishing{DryRun: true})
	code(t, err, "", "")
	if vs, err := r.Versions(ctx, ""); err != nil || len(vs) != 0 {
		t.Errorf("a dry run stored %v, %v", vs, err)
	}
	for range 2 { // the second time changes nothing
		_, err = publish([]byte(ordersV1), contract.Publishing{Actor: "ann"})
		code(t, err, "", "")
	}
	v, err := r.Version(ctx, "orders", "")
	if err != nil || string(v.Source) != ordersV1 || v.Actor != "ann" || !slices.Equal(v.Feeds, []string{"orders"}) {
		t.Errorf("%+v, %v", v, err)
	}
	code(t, r.Register(ctx, contract.Consumer{Name: "billing", Contract: "orders", Feed: "orders", Fields: []string{"amuont"}}), pipeline.CodeInvalid, "did you mean amount")
	code(t, r.Register(ctx, contract.Consumer{Name: "billing", Contract: "order"}), pipeline.CodeNotFound, "order")
	code(t, r.Register(ctx, contract.Consumer{Name: "billing", Contract: "orders", Fields: []string{"amount"}}), "", "")
	code(t, r.Register(ctx, contract.Consumer{Name: "print", Contract: "orders", Fields: []string{"note"}}), "", "")

	_, err = publish(edited("maximum: 10", "maximum: 20"), contract.Publishing{})
	code(t, err, pipeline.CodeConflict, "with other words")
	c, err := publish(edited("1.0.0", "1.1.0", "maximum: 10", "maximum: 20"), contract.Publishing{})
	code(t, err, pipeline.CodeConflict, "consumers")
	if c == nil || len(c.Changes) != 1 || !slices.Equal(c.Changes[0].Affected, []string{"billing"}) {
		t.Errorf("the change does not name whom it breaks: %+v", c)
	}
	_, err = publish(edited("1.0.0", "1.0.1", "      - {name: note, logicalType: string}\n", "      - {name: note, logicalType: string}\n      - {name: more}\n"), contract.Publishing{})
	code(t, err, pipeline.CodeConflict, "ask for a new minor version")
	c, err = publish(edited("1.0.0", "2.0.0", "maximum: 10", "maximum: 20"), contract.Publishing{})
	code(t, err, "", "")
	if c == nil || !c.Breaking() {
		t.Errorf("a new major version may break, and says so: %+v", c)
	}
	_, err = publish(edited("1.0.0", "1.5.0"), contract.Publishing{})
	code(t, err, pipeline.CodeConflict, "2.0.0 is published already, which is above")

	who, err := r.Affected(ctx, "orders", "orders", []string{"amount"})
	if err != nil || len(who) != 1 || who[0].Name != "billing" {
		t.Errorf("affected: %v, %v", who, err)
	}
	if who, err = r.Affected(ctx, "orders", "orders", nil); err != nil || len(who) != 2 {
		t.Errorf("a violation of the whole feed concerns all: %v, %v", who, err)
	}
}

// Which version judges a batch: a table of rule and day.
func TestChoose(t *testing.T) {
	ctx := context.Background()
	r, c := registry(t)
	set, err := contract.Load(fstest.MapFS{"orders.odcs.yaml": {Data: []byte(ordersV1)}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Choose(ctx, contract.Request{Feed: "orders", At: c.now}, set)
	if err != nil || got.Rule != "embedded" || got.Version != "1.0.0" {
		t.Fatalf("nothing is published, so the folder's contract judges: %+v, %v", got, err)
	}
	_, err = r.Choose(ctx, contract.Request{Feed: "orders"}, nil)
	code(t, err, pipeline.CodeNotFound, "orders")

	day := func(n int) time.Time { return time.Date(2026, 1, n, 12, 0, 0, 0, time.UTC) }
	c.now = day(1)
	if _, err := r.Publish(ctx, "a", []byte(ordersV1), contract.Publishing{}); err != nil {
		t.Fatal(err)
	}
	code(t, r.Deprecate(ctx, "orders", "1.0.0", day(20)), pipeline.CodeConflict, "only version")
	c.now = day(10)
	if _, err := r.Publish(ctx, "a", edited("1.0.0", "2.0.0", "maximum: 10", "maximum: 20"), contract.Publishing{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Deprecate(ctx, "orders", "1.0.0", day(20)); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		why, metadata, path string
		now, at             int
		version, rule       string
		fails               string
		warns               bool
	}{
		{"the newest at the batch's time", "", "", 11, 11, "2.0.0", "active by date", "", false},
		{"an older batch is judged by what was active then", "", "", 11, 5, "1.0.0", "active by date", "", false},
		{"metadata before path", "1.0.0", "2.0.0", 11, 11, "1.0.0", "object metadata", "", false},
		{"the path segment", "", "1.0.0", 11, 11, "1.0.0", "path segment", "", false},
		{"only among active versions", "0.9.0", "", 11, 11, "", "", "not active", false},
		{"on its last day", "1.0.0", "", 20, 20, "1.0.0", "object metadata", "", false},
		{"after it, with a warning", "1.0.0", "", 25, 25, "1.0.0", "object metadata", "", true},
		{"after the time of grace no more", "1.0.0", "", 62, 62, "", "", "active: 2.0.0", false},
	} {
		c.now = day(k.now)
		got, err := r.Choose(ctx, contract.Request{Feed: "orders", Metadata: k.metadata, Path: k.path, At: day(k.at)}, set)
		if k.fails != "" {
			code(t, err, pipeline.CodeInvalid, k.fails)
			continue
		}
		if err != nil || got.Version != k.version || got.Rule != k.rule || (got.Warning != "") != k.warns || got.Feed.Version != k.version {
			t.Errorf("%s: %+v, %v", k.why, got, err)
		}
	}
}

func TestSet(t *testing.T) {
	set, err := contract.Load(fstest.MapFS{
		"c/orders.odcs.yaml":    {Data: []byte(ordersV1)},
		"c/broken.odcs.yaml":    {Data: []byte("apiVersion: v3.1.0\nid: [")},
		"c/sub/half.odcs.yml":   {Data: edited("name: orders", "name: half", "logicalType: number", "logicalType: decimal")},
		"c/other.odcs.yaml":     {Data: edited("id: orders", "id: other", "name: orders", "name: twice")},
		"c/another.odcs.yaml":   {Data: edited("id: orders", "id: another", "name: orders", "name: twice")},
		"c/copy-a.odcs.yaml":    {Data: edited("id: orders", "id: copied", "name: orders", "name: copied")},
		"c/copy-b.odcs.yaml":    {Data: edited("id: orders", "id: copied", "name: orders", "name: copied", "minimum: 0", "minimum: 1")},
		"c/newer.odcs.yaml":     {Data: edited("id: orders", "id: v", "name: orders", "name: versions", "1.0.0", "1.10.0")},
		"c/older.odcs.yaml":     {Data: edited("id: orders", "id: v", "name: orders", "name: versions", "1.0.0", "1.9.0")},
		"c/draft.odcs.yaml":     {Data: edited("id: orders", "id: v", "name: orders", "name: versions", "1.0.0", "2.0.0", "active", "draft")},
		"c/relations.odcs.yaml": {Data: edited("id: orders", "id: rel", "name: orders", "name: rel", "{name: note, logicalType: string}", "{name: note, logicalType: string, relationships: [{to: ordres.id}, {to: orders.amount}]}")},
		"c/readme.md":           {Data: []byte("no contract")},
	}, "c")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(set.Feeds(), " "), "orders rel versions"; got != want {
		t.Errorf("feeds %s, want %s", got, want)
	}
	_, err = set.Feed("broken")
	code(t, err, pipeline.CodeInvalid, "c/broken.odcs.yaml:2:")
	_, err = set.Feed("half")
	code(t, err, pipeline.CodeInvalid, `"decimal" is not allowed`)
	_, err = set.Feed("twice")
	code(t, err, pipeline.CodeInvalid, "two contracts define the feed twice")
	_, err = set.Feed("copied")
	code(t, err, pipeline.CodeInvalid, "two contracts define the feed copied: c/copy-a.odcs.yaml and c/copy-b.odcs.yaml")
	_, err = set.Feed("order")
	code(t, err, pipeline.CodeNotFound, "did you mean orders?")
	if f, err := set.Feed("versions"); err != nil || f.Version != "1.10.0" {
		t.Errorf("the highest active version counts: %+v, %v", f, err)
	}
	var lint []string
	for _, f := range set.Lint() {
		if f.Rule == "relationship" {
			lint = append(lint, f.What+"; "+f.Do)
		}
	}
	want := []string{
		"several rows of orders may have the same amount; mark it as primaryKey or unique there",
		"note is a string, orders.amount a number; give both the same logicalType",
		"the foreign key leads to the feed ordres, for which there is no usable contract; did you mean orders?",
	}
	slices.Sort(lint)
	slices.Sort(want)
	if !slices.Equal(lint, want) {
		t.Errorf("relationships: %q", lint)
	}
	for _, s := range set.Scorecard() {
		if s.Feed == "orders" && (!s.Answers["valid"] || !s.Answers["key"] || s.Answers["owner"] || s.Yes < 4) {
			t.Errorf("scorecard of orders: %+v", s)
		}
	}
	_, err = contract.Load(fstest.MapFS{}, "nowhere")
	code(t, err, pipeline.CodeNotFound, "nowhere")
}
