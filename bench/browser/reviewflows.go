package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/chromedp/chromedp/kb"
)

// ready waits until the page takes decisions: not before it was there for a moment.
func (t *tab) ready() { t.until("the page to take keys", `document.body.dataset.ready`) }

// begin starts a sitting over the entries of a kind and returns the first.
func (t *tab) begin(kind string) string {
	t.visit("/reviews?kind=" + kind)
	t.leads(kb.Enter)
	id := t.here()
	if id == "" {
		t.fail("the start leads to %s", t.where())
	}
	return id
}

// stands fails the flow unless an entry was decided so, and once.
func (t *tab) stands(id, decision string) {
	if e := t.review(id); t.err == nil && (e.Decision != decision || decisions(e) != 1) {
		t.fail("%s is %q after %d decisions, not %q after one", id, e.Decision, decisions(e), decision)
	}
}

func decisions(e entry) int {
	n := 0
	for _, h := range e.History {
		switch h.Action {
		case "decide":
			n++
		case "undo":
			n--
		}
	}
	return n
}

func reviewFlows() []flow {
	return []flow{
		{"review: j k d n u s by keys", func(t *tab, _ *visit) {
			one := t.begin("pair")
			t.has("yours until", "what speaks for and against")
			t.leads("j")
			two := t.here()
			t.leads("k")
			if t.here() != one || two == one {
				t.fail("j and k lead to %s and %s", two, t.here())
			}
			t.ready()
			t.leads("n")
			t.stands(one, "different")
			t.ready()
			t.leads("u")
			if e := t.review(one); t.here() != one || e.State == "decided" {
				t.fail("u leads to %s, the entry is %s", t.here(), e.State)
			}
			t.ready()
			t.leads("s")
			if t.here() == one || t.review(one).State != "open" {
				t.fail("skipped, it is %s", t.review(one).State)
			}
			three := t.here()
			t.ready()
			t.leads("d")
			t.stands(three, "same")
		}},
		{"review: keys can be turned off, and do nothing while one types", func(t *tab, _ *visit) {
			id := t.begin("pair")
			t.ready()
			t.tabTo("input[name=note]")
			t.press("dns")
			t.tabTo("[data-keys]")
			t.press(kb.Enter)
			t.press("d")
			if t.here() != id || t.review(id).State == "decided" {
				t.fail("a key has decided though keys are off")
			}
			t.press(kb.Enter)
		}},
		{"review: by tabulator, without a script", func(t *tab, _ *visit) {
			t.scriptless()
			t.visit("/reviews?kind=pair")
			t.tabTo("main .actions button")
			t.leads(kb.Enter)
			id := t.here()
			t.tabTo("button[value=distinct]")
			t.leads(kb.Enter)
			t.stands(id, "different")
			t.tabTo(`form[action*="/undo"] button`)
			t.leads(kb.Enter)
			if t.here() != id || t.review(id).State == "decided" {
				t.fail("undo leads to %s", t.where())
			}
			t.tabTo(`form[action*="/skip"] button`)
			t.leads(kb.Enter)
			if t.here() == id {
				t.fail("skip leads nowhere")
			}
		}},
		{"review: a double click decides once, with and without a script", func(t *tab, _ *visit) {
			for _, scripts := range []bool{true, false} {
				if !scripts {
					t.scriptless()
				}
				id := t.begin2(scripts)
				if scripts {
					t.ready()
				}
				t.settled(func() { t.click("button[value=duplicate]", 2) })
				t.stands(id, "same")
			}
		}},
		{"review: the back button, then the same, then the other", func(t *tab, _ *visit) {
			id := t.begin("pair")
			t.ready()
			t.leads("d")
			next := t.here()
			t.back()
			t.ready()
			t.leads("d")
			t.stands(id, "same")
			if t.here() != next {
				t.fail("the same once more leads to %s, not %s", t.here(), next)
			}
			t.back()
			t.ready()
			t.leads("n")
			t.has("nothing was changed", "decided meanwhile")
			t.stands(id, "same")
		}},
		{"review: decided meanwhile by another", func(t *tab, v *visit) {
			id := t.first("pair").ID
			t.visit("/reviews/" + id + "?kind=pair")
			t.do(v, "review", "decide", id, "same", "--as", "bob")
			t.ready()
			t.leads("n")
			t.has("nothing was changed", "decided meanwhile", "by bob")
			t.stands(id, "same")
		}},
		{"review: an expired lease, and one that another took", func(t *tab, v *visit) {
			e := t.first("pair")
			t.visit("/reviews/" + e.ID + "?kind=pair")
			t.do(v, "review", "claim", e.ID, "--as", "bob", "--lease", "1s")
			t.ready()
			t.leads("d")
			t.has("nothing was changed", "bob has it until")
			time.Sleep(1100 * time.Millisecond)
			t.ready()
			t.leads("d")
			t.stands(e.ID, "same")
		}},
		{"review: a record, right and corrected", func(t *tab, _ *visit) {
			id := t.first("record", func(e entry) bool { return e.Category == "screw" }).ID
			t.visit("/reviews/" + id + "?kind=record")
			t.tabTo("summary")
			t.press(kb.Enter)
			t.tabTo(`input[name="set.standard"]`)
			t.press("DIN 933")
			t.leads(kb.Enter)
			t.stands(id, "corrected")
			id = t.first("record").ID
			t.visit("/reviews/" + id + "?kind=record")
			t.ready()
			t.leads("d")
			t.stands(id, "right")
		}},
		{"review: a question, answered wrongly, then well", func(t *tab, _ *visit) {
			id := t.first("question", func(e entry) bool { return e.Data.Unit == "mm" }).ID
			t.visit("/reviews/" + id + "?kind=question")
			t.tabTo("#answer")
			t.press("5 kg")
			t.leads(kb.Enter)
			t.has("nothing was changed", "kg")
			var kept string
			t.js(`document.querySelector("#answer").value`, &kept)
			if kept != "5 kg" {
				t.fail("what was typed is %q now", kept)
			}
			t.js(`document.querySelector("#answer").value = ""`, nil)
			t.tabTo("#answer")
			t.press("40 mm")
			t.leads(kb.Enter)
			t.stands(id, "40 mm")
			t.ready()
			t.leads("n")
		}},
		{"review: fifty decisions by keys, disturbed", fifty},
	}
}

// begin2 is begin with or without a script.
func (t *tab) begin2(scripts bool) string {
	if scripts {
		return t.begin("pair")
	}
	t.visit("/reviews?kind=pair")
	t.tabTo("main .actions button")
	t.leads(kb.Enter)
	return t.here()
}

// do runs the program beside the server, as another would.
func (t *tab) do(v *visit, args ...string) {
	if t.err == nil {
		if err := v.sample.command(context.WithoutCancel(t.ctx), nil, args...); err != nil {
			t.fail("%w", err)
		}
	}
}

// fifty is a reviewer who decides by keys, and to whom happens what happens: the
// key pressed twice, the back button, a lease that has ended and went to another
// for a while.
func fifty(t *tab, v *visit) {
	want := map[string]string{}
	start := time.Now()
	id := t.begin("pair")
	for n := 1; n <= v.decisions && t.err == nil; n++ {
		key, word := "n", "different"
		if n%3 == 0 {
			key, word = "d", "same"
		}
		want[id] = word
		t.ready()
		switch n % 10 {
		case 4: // twice, as fast as it goes
			t.settled(func() { t.press(key); t.press(key) })
		case 7: // back, and once more
			t.leads(key)
			t.back()
			t.ready()
			t.leads(key)
		case 9: // the lease has ended, and somebody else had it since
			if n%20 == 9 {
				t.give(id)
				t.do(v, "review", "claim", id, "--as", "bob", "--lease", "1s")
				time.Sleep(1100 * time.Millisecond)
			}
			t.leads(key)
		default:
			t.leads(key)
		}
		if n < v.decisions {
			if id = t.here(); id == "" {
				t.fail("after %d decisions the page is %s", n, t.where())
			}
		}
	}
	v.Seconds = time.Since(start).Seconds()
	if t.err != nil {
		return
	}
	v.Decisions = len(want)
	for id, word := range want {
		if e := t.review(id); e.Decision != word || e.Decider != "reviewer" || decisions(e) != 1 {
			v.Lost++
			fmt.Printf("      lost: %s is %q by %q, not %q\n", id, e.Decision, e.Decider, word)
		}
	}
	if len(want) != v.decisions {
		t.fail("%d entries were decided, not %d", len(want), v.decisions)
	}
}

// give ends the reviewer's lease on an entry.
func (t *tab) give(id string) {
	if t.err != nil {
		return
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.ctx), http.MethodPost, t.b.base+"/v1/reviews/"+id+":release", strings.NewReader("{}"))
	if err != nil {
		t.fail("%w", err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.fail("%w", err)
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.fail("release of %s: %s", id, res.Status)
	}
}
