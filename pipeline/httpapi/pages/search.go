package pages

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed search.html
var searchSource string

var searchTemplate = thingTemplate("search", searchSource)

// searchPage is a query and what it found.
type searchPage struct {
	Query   string
	Asked   bool
	Total   int
	More    bool // there are more than Total
	Of      int  // of how many results the facets are; 0 for all
	From    int  // the first result that is shown, counted from 1
	To      int
	Hits    []hit
	Facets  []facet
	Filters []link // that stand in the query; the address is the query without
	Next    string
	First   string
	Label   string
	Bad     string // why the query does not read
	Hint    string
}

// A hit is one result.
type hit struct {
	To, Name, Category string
	Spans              []span
	Values             []value
	Why                []string
	Score              string
}

// A facet is an attribute by whose values the result can be narrowed.
type facet struct {
	Title  string
	Values []facetValue
	Open   bool
}

type facetValue struct {
	To, Value string
	Count     int
}

const (
	hitsPerPage   = 20
	valuesPerHit  = 8
	facetValues   = 12
	openFacets    = 3
	deepestSearch = 2000
	longestQuery  = 1000
)

// search answers a query by text and typed filters; with part=results it is only
// what stands below the field, for who types.
func (v *visit) search() (*screen, error) {
	q := v.URL.Query()
	main := searchPage{Query: page.Short(q.Get("q"), longestQuery), Label: "More results"}
	status := 0
	if asked := strings.TrimSpace(q.Get("q")); asked != "" {
		if len(asked) > longestQuery {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "the query has %d bytes, %d are taken", len(asked), longestQuery)
		}
		from, err := strconv.Atoi(q.Get("from"))
		if err != nil || from < 0 || from > deepestSearch {
			from = 0
		}
		main.Asked = true
		err = v.find(asked, from, &main)
		if is(err, pipeline.CodeInvalid) {
			pr := httpapi.ProblemOf(err)
			main.Bad, main.Hint, status = page.Text(pr.Detail), page.Text(pr.Hint), pr.Status
		} else if err != nil {
			return nil, err
		}
	}
	s := &screen{Status: status, Title: "Search", Here: "/search", t: searchTemplate, Main: &main}
	if q.Get("part") != "results" {
		return s, nil
	}
	var b bytes.Buffer
	if err := s.t.Part(&b, "results", &main); err != nil {
		return nil, err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("X-Part", "results")
	send(v.w, v.Request, http.StatusOK, b.Bytes(), nil)
	return nil, nil
}

func searchAddress(query string, from int) string {
	q := url.Values{"q": {query}}
	if from > 0 {
		q.Set("from", fmt.Sprint(from))
	}
	return "/search?" + q.Encode()
}

// find runs a query.
func (v *visit) find(query string, from int, main *searchPage) error {
	use := v.p.opt.Use.Search
	text, filters, err := catalog.ParseQuery(use.Pack, query)
	if err != nil {
		return err
	}
	res, err := use.Query(v.Context(), query, from+hitsPerPage)
	if err != nil {
		return err
	}
	found := res.Found[min(from, len(res.Found)):]
	main.Total, main.More, main.Of, main.From, main.To = res.Total, res.AtLeast, res.FacetsOf, from+1, from+len(found)
	for i := range filters {
		rest := text
		for j := range filters {
			if j != i {
				rest += " " + written(filters[j])
			}
		}
		main.Filters = append(main.Filters, link{searchAddress(strings.TrimSpace(rest), 0), page.Short(filters[i].String(), 100)})
	}
	for _, f := range found {
		main.Hits = append(main.Hits, v.p.hitOf(f, text != ""))
	}
	for i, f := range res.Facets {
		if slices.ContainsFunc(filters, func(x catalog.Filter) bool { return x.Attribute == f.Attribute && x.Op == "=" }) {
			continue
		}
		x := facet{Title: page.Short(strings.ReplaceAll(f.Attribute, "_", " "), 60), Open: i < openFacets}
		for _, val := range f.Values[:min(len(f.Values), facetValues)] {
			shown := val.Value
			if f.Unit != "" {
				shown += " " + unitOf(f.Unit)
			}
			x.Values = append(x.Values, facetValue{searchAddress(query+" "+val.Filter, 0), page.Short(shown, 60), val.Count})
		}
		main.Facets = append(main.Facets, x)
	}
	if end := from + hitsPerPage; res.Total > end && end < deepestSearch && (res.FacetsOf == 0 || end < res.FacetsOf) {
		main.Next = searchAddress(query, end)
	}
	if from > 0 {
		main.First = searchAddress(query, 0)
	}
	return nil
}

// written is a filter as a query has it.
func written(f catalog.Filter) string {
	if strings.ContainsAny(f.Value, " \t") {
		return f.Attribute + f.Op + `"` + f.Value + `"`
	}
	return f.String()
}

func (p *Pages) hitOf(f catalog.Found, ranked bool) hit {
	e := f.Entry
	t := p.thingOf(&e.Item, &e.Record, listSource)
	h := hit{To: t.To, Name: t.ID, Category: t.Category, Spans: t.Spans}
	if ranked {
		h.Score = percent(f.Score)
	}
	for _, x := range t.Values {
		if !x.Missing && len(h.Values) < valuesPerHit {
			h.Values = append(h.Values, x)
		}
	}
	for _, w := range f.Why[:min(len(f.Why), 12)] {
		h.Why = append(h.Why, page.Short(w, 60))
	}
	return h
}
