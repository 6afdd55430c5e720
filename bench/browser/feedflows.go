package main

import (
	"net/url"
	"strings"

	"github.com/chromedp/chromedp/kb"
)

// A batch, as far as it is looked at.
type batch struct{ ID, Feed, Stage, Decision string }

func (t *tab) batches(feed, stage string) []batch {
	var list struct{ Data []batch }
	t.ask("/v1/batches?limit=100&feed="+url.QueryEscape(feed)+"&stage="+stage, &list)
	if len(list.Data) == 0 {
		t.fail("no batch of %s is %s", feed, stage)
		return make([]batch, 2)
	}
	return list.Data
}

func (t *tab) batch(id string) (b batch) {
	t.ask("/v1/batches/"+url.PathEscape(id), &b)
	return b
}

// feedFlows look at feeds and batches, and decide those that wait: by keys, and
// without a script.
func feedFlows() []flow {
	return []flow{
		{"overview, feed, batch: by keys, without a script", func(t *tab, _ *visit) {
			t.scriptless()
			t.visit("/")
			t.has("orders", "spares")
			t.tabTo(`main a[href="/feeds/orders"]`)
			t.leads(kb.Enter)
			t.has("checks", "profile", "breaker")
			t.tabTo(`main a[href^="/batches/"]`)
			t.leads(kb.Enter)
			t.has("rejected records", "columns")
		}},
		{"batch: approved, and rejected, by keys, without a script", func(t *tab, _ *visit) {
			t.scriptless()
			for _, word := range []string{"approve", "reject"} {
				id := t.batches("spares", "waiting")[0].ID
				t.visit("/batches/" + id)
				t.tabTo("#reason")
				t.press("as agreed by phone")
				t.tabTo(`button[formaction$="/` + word + `"]`)
				t.leads(kb.Enter)
				if b := t.batch(id); b.Stage == "waiting" {
					t.fail("%sd, the batch is still %s", strings.TrimSuffix(word, "e"), b.Stage)
				}
				if strings.Contains(t.text("main"), "waits for a person") {
					t.fail("the page does not say what was decided")
				}
			}
		}},
		{"batch: judged again, by keys, without a script", func(t *tab, _ *visit) {
			t.scriptless()
			t.visit("/batches/" + t.batches("orders", "held")[0].ID)
			t.tabTo(`form[action$="/replay"] button`)
			t.leads(kb.Enter)
			t.has("held")
		}},
		{"feed: its breaker opened and closed by keys, without a script", func(t *tab, _ *visit) {
			t.scriptless()
			for _, x := range []struct{ word, position string }{{"trip", "open"}, {"reset", "closed"}} {
				t.visit("/feeds/orders")
				t.tabTo("#reason")
				t.press("a look at the supplier")
				t.tabTo(`button[formaction$="/` + x.word + `"]`)
				t.leads(kb.Enter)
				t.has("breaker " + x.position)
			}
		}},
	}
}
