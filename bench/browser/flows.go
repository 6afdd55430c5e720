package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// flows are all, in the order in which they change the sample least.
func flows() []flow {
	return slices.Concat(pageFlows(), reviewFlows(), feedFlows(), hostileFlows())
}

// look holds the page against WCAG, in the scheme that it has.
func (v *visit) look(t *tab, name string) {
	if v.options.axe == "" || t.err != nil {
		return
	}
	found := t.axe(v.axe)
	v.seen++
	v.wrong += len(found)
	for _, x := range found {
		fmt.Printf("      %s: %s (%s): %s\n", name, x.ID, x.Impact, x.Help)
		for _, n := range x.Nodes[:min(3, len(x.Nodes))] {
			fmt.Printf("        %.160s\n          %.300s\n", n.HTML, n.Summary)
		}
	}
}

// ask reads an answer of the API.
func (t *tab) ask(path string, into any) {
	if t.err != nil {
		return
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.ctx), http.MethodGet, t.b.base+path, nil)
	if err == nil {
		var res *http.Response
		if res, err = http.DefaultClient.Do(r); err == nil {
			defer res.Body.Close()
			err = json.NewDecoder(res.Body).Decode(into)
			if res.StatusCode != http.StatusOK && err == nil {
				err = fmt.Errorf("%s", res.Status)
			}
		}
	}
	if err != nil {
		t.fail("GET %s: %w", path, err)
	}
}

// An entry of the review queue, as far as it is looked at.
type entry struct {
	ID, Kind, Subject, State, Decision, Decider string
	Category                                    string
	Data                                        struct{ Unit string }
	History                                     []struct{ Action, Decision, Actor string }
}

func (t *tab) review(id string) (e entry) {
	t.ask("/v1/reviews/"+url.PathEscape(id), &e)
	return e
}

// first is the first of the open entries of a kind that is as it should be.
func (t *tab) first(kind string, is ...func(entry) bool) entry {
	var list struct{ Data []entry }
	t.ask("/v1/reviews?state=open&limit=200&kind="+kind, &list)
	for _, e := range list.Data {
		if len(is) == 0 || is[0](e) {
			return e
		}
	}
	t.fail("no such entry of kind %s is open", kind)
	return entry{}
}

// here is the id of the entry that the page is about.
func (t *tab) here() string {
	path, _, _ := strings.Cut(t.where(), "?")
	id, ok := strings.CutPrefix(path, "/reviews/")
	if !ok || strings.Contains(id, "/") {
		return ""
	}
	return id
}

// link is where the first link of the page whose address begins with a prefix
// leads.
func (t *tab) link(prefix string) string {
	var to string
	t.js(`(document.querySelector("main a[href^='`+prefix+`']") || {getAttribute: () => ""}).getAttribute("href")`, &to)
	if to == "" {
		t.fail("%s has no link to %s…", t.where(), prefix)
	}
	return to
}
