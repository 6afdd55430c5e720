package pages

import (
	"context"
	_ "embed"
	"github.com/assay-pipeline/assay/pipeline/page"
	"net/url"
	"path"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// thingParts are the templates of items: spans, values, source, thing, comparison.
//
//go:embed things.html
var thingParts string

//go:embed compare.html
var compareSource string

var compareTemplate = thingTemplate("compare", compareSource)

func thingTemplate(name, source string) *page.Template { return template(name, thingParts+source) }

// itemAddress is the page of an item. A name that no path can hold is a parameter.
func itemAddress(id string) string {
	if id == "" || path.Clean("/"+id) != "/"+id {
		return "/items/?" + url.Values{"id": {id}}.Encode()
	}
	parts := strings.Split(id, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/items/" + strings.Join(parts, "/")
}

func compareAddress(a, b string) string { return "/compare?" + url.Values{"a": {a}, "b": {b}}.Encode() }

// entries are the live items of these ids, in their order. Error: not_found.
func (p *Pages) entries(ctx context.Context, ids ...string) ([]catalog.Entry, error) {
	found, err := p.opt.Store.Entries(ctx, catalog.Query{IDs: ids})
	if err != nil {
		return nil, err
	}
	out := make([]catalog.Entry, 0, len(ids))
	for _, id := range ids {
		n := len(out)
		for _, e := range found {
			if e.Item.ID == id {
				out = append(out, e)
				break
			}
		}
		if len(out) == n {
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no item %q in the catalog", cut(id)).WithHint("it never was there, or was erased; search for it")
		}
	}
	return out, nil
}
