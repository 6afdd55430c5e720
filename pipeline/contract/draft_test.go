package contract_test

import (
	"context"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

const draftable = `# orders of the shop
apiVersion: v3.1.0
kind: DataContract
id: urn:orders
version: 1.2.3   # raise me
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer}
      - {name: day, logicalType: date}   # last
`

func TestDraft(t *testing.T) {
	t.Parallel()
	d, err := contract.Parse("orders.odcs.yaml", []byte(draftable))
	if err != nil {
		t.Fatal(err)
	}
	next, err := d.Draft("orders", []contract.NewColumn{{Name: "id"}, {Name: "Größe, cm", Type: contract.Decimal}, {Name: "due", Type: contract.Date, Format: "dd.MM.yyyy"}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("1.2.3", `"1.3.0"`, "status: active", "status: draft", "# last\n", `# last
      - {name: "Größe, cm", logicalType: number, description: "came with the data; say what it means"}
      - {name: due, logicalType: date, logicalTypeOptions: {format: dd.MM.yyyy}, description: "came with the data; say what it means"}
`).Replace(draftable)
	if got := string(next.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if string(d.Bytes()) != draftable {
		t.Error("the contract itself was changed")
	}
	if none, err := d.Draft("orders", []contract.NewColumn{{Name: "day", Type: contract.String}}); none != nil || err != nil {
		t.Error(none, err)
	}
	c, err := contract.Diff(d, next, contract.ForBoth)
	if err != nil || c.Breaking() || c.VersionProblem != "" {
		t.Errorf("a draft that breaks someone: %+v %v", c, err)
	}
}

func TestEvolve(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := registry(t)
	d, err := contract.Parse("orders.odcs.yaml", []byte(draftable))
	if err != nil {
		t.Fatal(err)
	}
	evolve := func(base *contract.Document, want string, names ...string) {
		t.Helper()
		var cols []contract.NewColumn
		for _, n := range names {
			cols = append(cols, contract.NewColumn{Name: n, Type: contract.String})
		}
		if v, err := r.Evolve(ctx, base, "orders", cols); err != nil || v != want {
			t.Errorf("%v: draft %q, want %q; %v", names, v, want, err)
		}
	}
	evolve(d, "", "id")
	evolve(d, "1.3.0", "note")
	evolve(d, "", "note") // the draft has it
	evolve(d, "1.3.0", "note", "channel")
	drafts, err := r.Drafts(ctx, "urn:orders")
	if err != nil || len(drafts) != 1 || !strings.Contains(string(drafts[0].Source), "name: note") || !strings.Contains(string(drafts[0].Source), "name: channel") {
		t.Fatalf("%v %v", drafts, err)
	}
	// What was published meanwhile takes the place of the draft.
	published := strings.NewReplacer("1.2.3", "1.4.0").Replace(draftable)
	if _, err := r.Publish(ctx, "orders.odcs.yaml", []byte(published), contract.Publishing{}); err != nil {
		t.Fatal(err)
	}
	if drafts, err := r.Drafts(ctx, ""); err != nil || len(drafts) != 0 {
		t.Error("a draft below what is published:", drafts, err)
	}
	p, err := contract.Parse("orders.odcs.yaml", []byte(published))
	if err != nil {
		t.Fatal(err)
	}
	evolve(p, "1.5.0", "note")
	odd, err := contract.Parse("odd.odcs.yaml", []byte(strings.Replace(draftable, "1.2.3", "latest", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Evolve(ctx, odd, "orders", []contract.NewColumn{{Name: "x"}}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Error(err)
	}
}
