package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/chromedp/chromedp/kb"
)

// A picture is a page that is kept as a file.
type picture struct{ name, scheme string }

// pageFlows look at every page, and go through those that decide nothing.
func pageFlows() []flow {
	return []flow{
		{"every page: WCAG AA in light and dark, no wider than a phone", everyPage},
		{"search: answers as one types, the address follows", func(t *tab, _ *visit) {
			t.visit("/search")
			t.press("/")
			t.press("Rillenkugellager")
			t.until("answers without a button", `document.querySelectorAll(".hits li").length > 0`)
			t.press(" bore=25mm")
			t.until("the filter", `document.querySelector(".chips") && document.querySelector("#results").innerText.includes("bore=25mm")`)
			t.until("the address", `location.search.includes("bore%3D25mm") || location.search.includes("bore=25mm")`)
			t.has("of", "deep groove ball bearing")
		}},
		{"search: by keys, without a script", func(t *tab, _ *visit) {
			t.scriptless()
			t.visit("/search")
			t.tabTo("#q")
			t.press("bearing bore>=25mm")
			t.leads(kb.Enter)
			t.has("1 to")
			t.tabTo(".facet a")
			t.leads(kb.Enter)
			t.has("remove", "1 to")
			t.tabTo(".hits a")
			t.leads(kb.Enter)
			t.has("what was read", "neighbours")
			t.visit("/search?q=bore%3D5kg")
			t.has("kg")
		}},
		{"item, its like, its cluster: by keys, without a script", func(t *tab, v *visit) {
			t.scriptless()
			t.visit("/clusters")
			t.tabTo("main th a")
			t.leads(kb.Enter)
			t.has("what the cluster knows", "its items")
			t.tabTo(".thing a")
			t.leads(kb.Enter)
			t.has("one thing with", "confidence")
			t.tabTo(`main a[href^="/compare"]`)
			t.leads(kb.Enter)
			t.has("attributes", "what speaks for and against")
		}},
		{"catalog: by keys, without a script", func(t *tab, _ *visit) {
			t.scriptless()
			t.visit("/catalog?by=plant")
			t.has("incomplete", "bre")
			t.tabTo("main th a")
			t.leads(kb.Enter)
			t.has("1 to")
		}},
	}
}

// A shown page, and the pictures of it that are kept.
type shown struct {
	path     string
	pictures []picture
}

// name is the page's in the names of files.
func (s shown) name() string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(s.path))
	return strings.Trim(name[:min(len(name), 40)], "-")
}

// everyPage is held against WCAG, and drawn.
func everyPage(t *tab, v *visit) {
	t.visit("/search?q=" + url.QueryEscape("bearing bore=25mm"))
	item := t.link("/items/")
	t.visit("/clusters")
	cluster := t.link("/clusters/")
	pair, record, question := t.first("pair").ID, t.first("record").ID, t.first("question").ID
	pages := []shown{
		{"/", []picture{{"overview", "light"}}},
		{"/feeds/orders", nil},
		{"/feeds/orders/batches", nil},
		{"/batches/" + t.batches("orders", "held")[0].ID, nil},
		{"/batches/" + t.batches("spares", "waiting")[0].ID, nil},
		{"/batches/" + t.batches("orders", "done")[0].ID, nil},
		{"/reviews", nil},
		{"/reviews?state=decided&category=nothing", nil},
		{"/reviews/" + pair + "?kind=pair", []picture{{"review", "light"}, {"review-dark", "dark"}}},
		{"/reviews/" + record, nil},
		{"/reviews/" + question, nil},
		{"/search?q=" + url.QueryEscape("Rillenkugellager bore=25mm"), []picture{{"search", "light"}}},
		{"/search?q=" + url.QueryEscape("bore=5kg"), nil},
		{item, nil},
		{cluster, nil},
		{"/clusters", nil},
		{"/catalog", nil},
		{"/nothing-here", nil},
	}
	var places []string // of the navigation
	t.js(`[...document.querySelectorAll("header nav a")].map(a => a.getAttribute("href"))`, &places)
	for _, to := range places {
		if !slices.ContainsFunc(pages, func(p shown) bool { return p.path == to }) {
			pages = append(pages, shown{to, nil})
		}
	}
	for _, p := range pages {
		for _, scheme := range []string{"light", "dark"} {
			t.scheme(scheme)
			t.visit(p.path)
			if gone := t.text("h1") == "There is nothing here"; gone != (p.path == "/nothing-here") {
				t.fail("there is no such page")
			}
			v.look(t, p.path+" "+scheme)
			t.whole(v.every, p.name()+"-"+scheme)
			for _, s := range p.pictures {
				if s.scheme == scheme {
					t.shot(v.pictures, s.name)
				}
			}
		}
		t.scheme("light")
		// 1,280 points at 200 and 400 %, and a phone: nothing has to be scrolled sideways.
		for _, width := range []int64{640, 320, 390} {
			t.size(width, 844, width == 390)
			var wide int64
			t.js(`document.documentElement.scrollWidth`, &wide)
			if wide > width {
				t.fail("%s is %d wide in a window of %d", p.path, wide, width)
			}
			t.whole(v.every, fmt.Sprintf("%s-%d", p.name(), width))
		}
		if len(p.pictures) > 1 {
			t.shot(v.pictures, p.pictures[0].name+"-phone")
		}
		if p.pictures != nil {
			v.look(t, p.path+" on a phone")
		}
		t.size(1280, 860, false)
		if t.err != nil {
			t.err = fmt.Errorf("%s: %w", p.path, t.err)
			return
		}
	}
}
