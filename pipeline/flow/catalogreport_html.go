package flow

import (
	_ "embed"
	"fmt"
	"io"
	"time"

	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed catalogreport.html
var catalogReportSource string

// GroupsTemplate defines "groups", which shows a GroupsView: in the report, and on
// the page that the server answers with.
//
//go:embed cataloggroups.html
var GroupsTemplate string

var catalogReportPage = page.Report("catalog", catalogReportSource, GroupsTemplate)

// A GroupsView are the groups by one thing in words, as templates show them.
type GroupsView struct {
	By, Name string // feed, Feed
	Groups   []GroupView
}

// A GroupView is a ReportGroup in words; To leads to its items where that is given.
type GroupView struct {
	Name, To                              string
	Items                                 int
	Incomplete, LowConfidence, Duplicates string
	Missing                               []string
	Trend                                 page.Line // the share of incomplete items
	Moved                                 bool      // there is a trend
}

// missingShown bounds the attributes that a group's line names.
const missingShown = 3

// View says in words what a group holds.
func (g *ReportGroup) View() GroupView {
	v := GroupView{Name: page.Short(g.Name, 80), Items: g.Items, Incomplete: inPercent(g.Incomplete), LowConfidence: inPercent(g.LowConfidence), Duplicates: inPercent(g.Duplicates)}
	for _, m := range g.Missing[:min(len(g.Missing), missingShown)] {
		v.Missing = append(v.Missing, fmt.Sprintf("%s %s (%d of %d)", page.Short(m.Attribute, 80), inPercent(m.Share), m.Items, m.Of))
	}
	if len(g.Trend) == 0 {
		return v
	}
	points := make([]page.Value, 0, len(g.Trend)+1)
	for _, t := range g.Trend {
		points = append(points, page.Value{Y: t.Incomplete, Title: minute(t.At) + ": " + inPercent(t.Incomplete)})
	}
	points = append(points, page.Value{Y: g.Incomplete, Title: "now: " + v.Incomplete})
	v.Moved = true
	v.Trend = page.Draw(fmt.Sprintf("incomplete after %d earlier batches, now %s", len(g.Trend), v.Incomplete), 120, 24, 0, 0, 0.05, points)
	return v
}

// NewGroupsView are the groups of a report by category, plant or source.
func NewGroupsView(by string, groups []ReportGroup) GroupsView {
	v := GroupsView{By: by, Name: map[string]string{"category": "Category", "plant": "Plant", "source": "Feed"}[by]}
	if by == "source" {
		v.By = "feed"
	}
	for i := range groups {
		if groups[i].By == by {
			v.Groups = append(v.Groups, groups[i].View())
		}
	}
	return v
}

// WriteHTML writes the report, as counted at a time, as one page that needs nothing
// but itself.
func (r *CatalogReport) WriteHTML(w io.Writer, at time.Time) error {
	view := struct {
		Items    int
		At       string
		Sections []GroupsView
	}{Items: r.Items, At: minute(at)}
	for _, by := range []string{"category", "plant", "source"} {
		if g := NewGroupsView(by, r.Groups); len(g.Groups) > 0 {
			view.Sections = append(view.Sections, g)
		}
	}
	return catalogReportPage.Execute(w, view)
}

func inPercent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
