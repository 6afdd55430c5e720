package storetest

import (
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

func contracts(t *testing.T, p Place) {
	s := p(t)
	v1 := contract.Version{Contract: "urn:orders", Version: "1.0.0", Source: []byte("id: urn:orders # é\r\n\ttab\x00"), File: "orders.odcs.yaml", Hash: "h1",
		Feeds: []string{"orders", "lines"}, Published: at(0), Actor: "ann"}
	v2, other := v1, v1
	v2.Version, v2.Hash, v2.Published, v2.Feeds = "1.10.0", "h2", at(2), []string{}
	other.Contract, other.Published = "urn:parts", at(1)
	v9 := v1
	v9.Version, v9.Hash, v9.Published, v9.Feeds = "1.9.0", "h9", at(1), nil
	for _, v := range []contract.Version{v2, other, v9, v1} {
		ok(t, s.PutContract(ctx, v))
	}
	equal(t, "of one, in the order published", must(s.Contracts(ctx, "urn:orders"))(t), []contract.Version{v1, v9, v2})
	equal(t, "of all", must(s.Contracts(ctx, ""))(t), []contract.Version{v1, v9, v2, other})
	equal(t, "of none", len(must(s.Contracts(ctx, "urn:nothing"))(t)), 0)

	// A published version never changes, but it may end.
	ended := v1
	ended.Deprecated, ended.Actor = at(100), "bob"
	ok(t, s.PutContract(ctx, ended))
	ended.Actor = "ann"
	equal(t, "deprecated", must(s.Contracts(ctx, "urn:orders"))(t)[0], ended)
	changed := v1
	changed.Hash = "another"
	code(t, "other words", s.PutContract(ctx, changed), pipeline.CodeConflict)
	code(t, "no id", s.PutContract(ctx, contract.Version{Version: "1"}), pipeline.CodeInvalid)

	b := contract.Consumer{Name: "bi", Feed: "orders", Contact: "bi@example.org", Fields: []string{"id", "größe"}, Contract: "urn:orders"}
	a := contract.Consumer{Name: "ads", Contract: "urn:orders"}
	far := contract.Consumer{Name: "bi", Contract: "urn:parts"}
	for _, c := range []contract.Consumer{b, a, far} {
		ok(t, s.PutConsumer(ctx, c))
	}
	equal(t, "consumers, by name", must(s.Consumers(ctx, "urn:orders"))(t), []contract.Consumer{a, b})
	b.Fields = nil
	ok(t, s.PutConsumer(ctx, b))
	equal(t, "replaced", must(s.Consumers(ctx, "urn:orders"))(t), []contract.Consumer{a, b})
	code(t, "nobody", s.PutConsumer(ctx, contract.Consumer{Contract: "urn:orders"}), pipeline.CodeInvalid)

	// One draft for each contract; a later one takes its place.
	draft := v1
	draft.Version, draft.Hash, draft.Actor = "1.11.0", "d1", ""
	another := draft
	another.Contract = "urn:parts"
	ok(t, s.PutDraft(ctx, another))
	ok(t, s.PutDraft(ctx, draft))
	draft.Version, draft.Source, draft.Hash, draft.Published = "1.12.0", []byte("id: urn:orders\n"), "d2", at(5)
	ok(t, s.PutDraft(ctx, draft))
	equal(t, "drafts", must(s.Drafts(ctx, ""))(t), []contract.Version{draft, another})
	equal(t, "draft of one", must(s.Drafts(ctx, "urn:orders"))(t), []contract.Version{draft})
	equal(t, "draft of none", len(must(s.Drafts(ctx, "urn:nothing"))(t)), 0)
	code(t, "draft of nobody", s.PutDraft(ctx, contract.Version{}), pipeline.CodeInvalid)
}
