package flow_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

const rowContract = `apiVersion: v3.1.0
kind: DataContract
id: urn:orders
version: 1.0.0
status: active
schema:
  - name: orders
    quality:
      - {metric: rowCount, mustBeGreaterThan: 1000}
      - {name: sane, type: custom, engine: assay, implementation: "amount < 100.0", severity: warning}
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {maximum: 1000}}
      - {name: mail, logicalType: string, classification: restricted, logicalTypeOptions: {format: email}}
`

func TestValidateRows(t *testing.T) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "r.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	now := func() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }
	set := contract.NewSet()
	set.Add("orders.odcs.yaml", []byte(rowContract))
	v := &flow.Validate{Contracts: set, Registry: &contract.Registry{Store: db, Now: now}, Now: now}
	rows := func(texts ...string) (out [][]byte) {
		for _, s := range texts {
			out = append(out, []byte(s))
		}
		return out
	}
	got, err := v.Rows(ctx, "urn:orders", "", "", rows(`{"id":1,"amount":5}`, `{"id":1,"amount":1001,"mail":"no mail"}`, `{"id":3}`, `not json`, `{"id":4,"amount":500}`))
	if err != nil {
		t.Fatal(err)
	}
	var says []string
	for _, r := range got.Results {
		var codes []string
		for _, why := range r.Reasons {
			codes = append(codes, why.Column+" "+why.Code)
			if why.Column == "mail" && why.Value != "[masked]" {
				t.Errorf("a classified value is shown: %q", why.Value)
			}
		}
		says = append(says, strings.Join(codes, ", "))
	}
	if want := "|id unique, amount maximum, mail format|amount required| json_syntax|"; strings.Join(says, "|") != want && !sameReasons(says, want) {
		t.Errorf("%q, want %q", strings.Join(says, "|"), want)
	}
	if got.Valid || got.Rows != (pipeline.Rows{Read: 5, Accepted: 2, Rejected: 3}) || got.Contract.Version != "1.0.0" || got.Contract.Rule != contract.RuleConfigured {
		t.Errorf("%+v", got)
	}
	// The registry comes first, and a version that has ended judges no more.
	for _, src := range []string{rowContract, strings.NewReplacer("1.0.0", "2.0.0", "maximum: 1000", "maximum: 10").Replace(rowContract)} {
		if _, err := v.Registry.Publish(ctx, "orders.odcs.yaml", []byte(src), contract.Publishing{}); err != nil && pipeline.ErrorCode(err) != pipeline.CodeConflict {
			t.Fatal(err)
		}
	}
	if got, err := v.Rows(ctx, "urn:orders", "", "", rows(`{"id":1,"amount":50}`)); err != nil || got.Valid || got.Contract.Version != "2.0.0" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := v.Rows(ctx, "urn:orders", "1.0.0", "", rows(`{"id":1,"amount":50}`)); err != nil || !got.Valid {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := v.Rows(ctx, "urn:orders", "", "orders", nil); err != nil || !got.Valid || len(got.Results) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	many := make([][]byte, flow.RowsAtOnce+1)
	for _, c := range []struct {
		id, version, feed string
		rows              [][]byte
		code              pipeline.Code
	}{
		{"urn:nothing", "", "", rows(`{}`), pipeline.CodeNotFound}, {"urn:orders", "7.0.0", "", rows(`{}`), pipeline.CodeNotFound},
		{"urn:orders", "", "lines", rows(`{}`), pipeline.CodeNotFound}, {"urn:orders", "", "", many, pipeline.CodeInvalid},
	} {
		if _, err := v.Rows(ctx, c.id, c.version, c.feed, c.rows); pipeline.ErrorCode(err) != c.code {
			t.Errorf("%s %s %s: %v, want %s", c.id, c.version, c.feed, err, c.code)
		}
	}
}

// sameReasons compares without the order of reasons within a row.
func sameReasons(says []string, want string) bool {
	wants := strings.Split(want, "|")
	if len(wants) != len(says) {
		return false
	}
	for i := range says {
		for _, w := range strings.Split(wants[i], ", ") {
			if !strings.Contains(says[i], w) {
				return false
			}
		}
	}
	return true
}
