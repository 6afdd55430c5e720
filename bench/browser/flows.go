package main

import (
	"fmt"
)

// flows are all, in the order in which they change the sample least.
func flows() []flow {
	return []flow{
		{"the interface is documented", func(t *tab, v *visit) {
			t.visit("/openapi.yaml")
		}},
	}
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
