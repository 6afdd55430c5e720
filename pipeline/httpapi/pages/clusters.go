package pages

import (
	_ "embed"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed cluster.html
var clusterSource string

//go:embed clusters.html
var clustersSource string

//go:embed catalog.html
var catalogSource string

var (
	clusterTemplate  = thingTemplate("cluster", clusterSource)
	clustersTemplate = template("clusters", clustersSource)
	catalogTemplate  = template("catalog", catalogSource+flow.GroupsTemplate)
)

// clusterPage is a cluster with its golden record.
type clusterPage struct {
	ID, Category, Text, TextFrom, TextTo string
	Values                               []goldenLine
	Meta                                 []goldenLine
	Items                                []thing
	More                                 int
	Gone                                 bool
	Events                               []eventLine
	Older                                bool // there are more of them
}

type goldenLine struct {
	Title, Value, From, FromTo string
	Critical                   bool
	Agree                      int
	Differ                     []link
}

// shownItems bounds how many items of a cluster a page shows whole.
const shownItems = 20

func (v *visit) cluster() (*screen, error) {
	id := v.PathValue("cluster")
	cs, err := v.p.opt.Store.ClusterPage(v.Context(), catalog.ClusterQuery{ID: id, Limit: 1})
	if err != nil {
		return nil, err
	}
	events, _, older, err := v.history(catalog.HistoryQuery{Cluster: id})
	if err != nil {
		return nil, err
	}
	if len(cs) == 0 && len(events) > 0 {
		return &screen{Title: "Cluster", Here: "/catalog", t: clusterTemplate, Main: &clusterPage{ID: page.Short(id, 80), Gone: true, Events: events, Older: older}}, nil
	}
	if len(cs) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no cluster %q", cut(id)).WithHint("it may have been merged into another or dissolved; an item's page names the one it is in now")
	}
	es, err := v.p.opt.Store.Entries(v.Context(), catalog.Query{IDs: cs[0].Items, Live: true})
	if err != nil {
		return nil, err
	}
	g := v.p.opt.Use.People.Match.Matcher.Golden(cs[0], es)
	s := v.p.schema(g.Category)
	main := clusterPage{ID: page.Short(g.Cluster, 80), Category: g.Category, Text: page.Text(g.Text), TextFrom: page.Short(g.TextFrom, 200), TextTo: itemAddress(g.TextFrom), Events: events, Older: older}
	for _, x := range g.Values {
		l := goldenLine{Title: s.title(x.Name), Value: valueOf(x.Value, x.Unit), From: page.Short(x.From, 200), FromTo: itemAddress(x.From), Critical: s.critical(x.Name), Agree: len(x.Agree)}
		for _, d := range x.Differ[:min(len(x.Differ), shownItems)] {
			l.Differ = append(l.Differ, link{itemAddress(d), page.Short(d, 200)})
		}
		main.Values = append(main.Values, l)
	}
	for _, x := range g.Meta {
		main.Meta = append(main.Meta, goldenLine{Title: map[string]string{"manufacturer": "Manufacturer", "part_number": "Part number"}[x.Field], Value: page.Short(x.Value, 200), From: page.Short(x.From, 200), FromTo: itemAddress(x.From)})
	}
	for i := range es[:min(len(es), shownItems)] {
		main.Items = append(main.Items, v.p.thingOf(&es[i].Item, &es[i].Record, listSource))
	}
	main.More = max(len(es)-shownItems, 0)
	return &screen{Title: "Cluster", Here: "/catalog", t: clusterTemplate, Main: &main}, nil
}

// clustersPage lists what is one thing several times.
type clustersPage struct {
	Lines              []clusterLine
	Next, First, Label string
}

type clusterLine struct {
	To, Name, Text string
	Items          int
}

func (v *visit) clusters() (*screen, error) {
	after := v.URL.Query().Get("after")
	cs, err := v.p.opt.Store.ClusterPage(v.Context(), catalog.ClusterQuery{After: after, Limit: perPage + 1})
	if err != nil {
		return nil, err
	}
	main := clustersPage{Label: "More clusters"}
	if len(cs) > perPage {
		cs = cs[:perPage]
		main.Next = "/clusters?" + url.Values{"after": {cs[perPage-1].ID}}.Encode()
	}
	if after != "" {
		main.First = "/clusters"
	}
	first := make([]string, len(cs))
	for i, c := range cs {
		first[i] = c.Items[0]
	}
	texts := map[string]string{}
	if len(first) > 0 {
		es, err := v.p.opt.Store.Entries(v.Context(), catalog.Query{IDs: first})
		if err != nil {
			return nil, err
		}
		for i := range es {
			texts[es[i].Item.ID] = es[i].Item.Source
		}
	}
	for _, c := range cs {
		main.Lines = append(main.Lines, clusterLine{"/clusters/" + url.PathEscape(c.ID), pipeline.ShortID(c.ID), page.Short(texts[c.Items[0]], 200), len(c.Items)})
	}
	return &screen{Title: "Clusters", Here: "/catalog", t: clustersTemplate, Main: &main}, nil
}

// catalogPage says how complete and how clean the catalog is.
type catalogPage struct {
	Items   int
	At      string
	Batch   string
	BatchTo string
	Bys     []option
	Groups  flow.GroupsView

	Next, First, Label string
}

// groupsPerPage is how many groups a page of the catalog has: there may be one
// for each of a thousand feeds.
const groupsPerPage = 200

// trendOf is how many batches a trend looks back.
const trendOf = 12

// pastReport is what the trend has of a report: with a thousand feeds the rest
// takes most of the time.
type pastReport struct {
	Groups []struct {
		By         string  `json:"by"`
		Name       string  `json:"name"`
		Incomplete float64 `json:"incomplete"`
	} `json:"groups"`
}

func readReport(s catalog.Snapshot, r any) error {
	if err := json.Unmarshal(s.Figures, r); err != nil {
		return pipeline.Errorf(pipeline.CodeCorrupt, "the report of batch %s does not read: %w", s.Batch, err)
	}
	return nil
}

// catalog shows the report that is kept after each batch: counting the catalog
// anew is what the API and the command line do.
func (v *visit) catalog() (*screen, error) {
	by := v.URL.Query().Get("by")
	main := catalogPage{Label: "More groups"}
	for _, o := range []option{{Value: "", Name: "category"}, {Value: "plant", Name: "plant"}, {Value: "source", Name: "feed"}} {
		o.Selected = o.Value == by
		main.Bys = append(main.Bys, o)
	}
	if !slices.ContainsFunc(main.Bys, func(o option) bool { return o.Selected }) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "groups by %q are not known", cut(by)).WithHint("leave it out for categories, or use plant or source")
	}
	if by == "" {
		by = "category"
	}
	snaps, err := v.p.opt.Store.Snapshots(v.Context(), trendOf)
	if err != nil {
		return nil, err
	}
	was := map[string][]flow.ReportTrend{}
	var now []flow.ReportGroup
	for i, s := range snaps {
		if i < len(snaps)-1 {
			var r pastReport
			if err := readReport(s, &r); err != nil {
				return nil, err
			}
			for _, g := range r.Groups {
				if g.By == by {
					was[g.Name] = append(was[g.Name], flow.ReportTrend{Batch: s.Batch, At: s.At, Incomplete: g.Incomplete})
				}
			}
			continue
		}
		var r catalog.Report
		if err := readReport(s, &r); err != nil {
			return nil, err
		}
		for _, g := range r.Groups {
			if g.By == by {
				now = append(now, flow.ReportGroup{Group: g, Trend: was[g.Name]})
			}
		}
		main.Items, main.Batch, main.BatchTo, main.At = r.Items, pipeline.ShortID(s.Batch), "/batches/"+url.PathEscape(s.Batch), moment(s.At)
	}
	from, err := strconv.Atoi(v.URL.Query().Get("from"))
	if err != nil || from < 0 || from >= len(now) {
		from = 0
	}
	at := func(from int) string {
		return "/catalog?" + url.Values{"by": {v.URL.Query().Get("by")}, "from": {strconv.Itoa(from)}}.Encode()
	}
	if from > 0 {
		main.First = at(0)
	}
	if now = now[from:]; len(now) > groupsPerPage {
		now, main.Next = now[:groupsPerPage], at(from+groupsPerPage)
	}
	main.Groups = flow.NewGroupsView(by, now)
	filter := map[string]string{"category": "category", "plant": "plant", "source": "feed"}[by]
	for i := range now {
		main.Groups.Groups[i].To = searchAddress(filter+`="`+now[i].Name+`"`, 0)
	}
	return &screen{Title: "Catalog", Here: "/catalog", t: catalogTemplate, Main: &main}, nil
}
