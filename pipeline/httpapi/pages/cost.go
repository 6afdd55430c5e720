package pages

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed cost.html
var costSource string

var costPage = template("cost", costSource)

// groupsShown bounds the lines of one table of costs.
const groupsShown = 25

func (p *Pages) costRoutes() {
	p.page("cost", "GET /cost", "listFeeds", p.cost)
}

type costView struct {
	Days    []choice
	Since   string
	Tables  []costTable
	Budgets []budgetRow
	Any     bool
	Saved   *savedView
}

// savedView is what was not asked, in words.
type savedView struct{ Answers, Tokens, Money, Items, Since string }

type costTable struct {
	Title, By, More string
	Rows            []costRow
}

type costRow struct{ Group, Calls, Failed, In, Cached, Out, Cost, Share string }

type budgetRow struct {
	Name, Spent, Most, Percent, Share string
	Bound                             bool
}

// cost shows what models were asked and what that cost.
func (p *Pages) cost(v *visit) (*screen, error) {
	days, _ := strconv.Atoi(v.URL.Query().Get("days"))
	if !slices.Contains([]int{1, 7, 30, 90}, days) {
		days = 7
	}
	now := p.opt.Use.Overview.Now()
	since := now.Add(-time.Duration(days) * 24 * time.Hour)
	out := costView{Since: moment(since)}
	for _, d := range []int{1, 7, 30, 90} {
		out.Days = append(out.Days, choice{strconv.Itoa(d), fmt.Sprintf("%d days", d), d == days})
	}
	out.Days[0].Name = "day"
	for _, t := range []costTable{{Title: "By model", By: "model"}, {Title: "By stage", By: "purpose"}, {Title: "By feed", By: "feed"}, {Title: "By day", By: "day"}} {
		sums, err := p.opt.Store.SumCalls(v.Context(), t.By, since)
		if err != nil {
			return nil, err
		}
		total := int64(0)
		for _, s := range sums {
			total += s.Micros
		}
		if t.By == "day" {
			slices.SortFunc(sums, func(a, b model.Sum) int { return strings.Compare(b.Group, a.Group) })
		}
		for _, s := range sums[:min(len(sums), groupsShown)] {
			t.Rows = append(t.Rows, rowOfSum(s, total))
		}
		if n := len(sums) - len(t.Rows); n > 0 {
			t.More = fmt.Sprintf("and %d more; assay cost --by %s lists them", n, t.By)
		}
		out.Any = out.Any || len(sums) > 0
		out.Tables = append(out.Tables, t)
	}
	zone := p.opt.Budget.Zone
	if zone == nil {
		zone = time.UTC
	}
	saved, err := model.SavedSince(v.Context(), p.opt.Store, since.In(zone).Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	if saved.Any() {
		out.Saved = &savedView{Answers: count(saved.Answers), Tokens: count(saved.Tokens), Money: model.Money(saved.Micros), Items: count(saved.Items), Since: since.In(zone).Format(time.DateOnly)}
	}
	today, err := model.Today(v.Context(), p.opt.Store, now, zone)
	if err != nil {
		return nil, err
	}
	out.Budgets = []budgetRow{
		budgetOf("money", today.Micros, p.opt.Budget.Micros, model.Money),
		budgetOf("tokens", today.Tokens, p.opt.Budget.Tokens, count),
	}
	return &screen{Title: "Cost", Here: "/cost", Main: out, t: costPage}, nil
}

func budgetOf(name string, spent, most int64, show func(int64) string) budgetRow {
	b := budgetRow{Name: name, Spent: show(spent)}
	if most >= 0 {
		used := 1.0
		if most > 0 {
			used = float64(spent) / float64(most)
		}
		b.Bound, b.Most, b.Percent, b.Share = true, show(most), rate(used), fmt.Sprintf("%.4f", min(used, 1))
	}
	return b
}

func rowOfSum(s model.Sum, total int64) costRow {
	r := costRow{Group: page.Short(s.Group, 120), Calls: count(s.Calls), Failed: count(s.Failed), In: count(int64(s.Usage.In)), Cached: count(int64(s.Usage.Cached)), Out: count(int64(s.Usage.Out)), Cost: model.Money(s.Micros), Share: "0"}
	if s.Group == "" {
		r.Group = "(none)"
	}
	if s.Unpriced == s.Calls {
		r.Cost = "no price"
	} else if s.Unpriced > 0 {
		r.Cost += fmt.Sprintf(" + %d without a price", s.Unpriced)
	}
	if total > 0 {
		r.Share = fmt.Sprintf("%.4f", float64(s.Micros)/float64(total))
	}
	return r
}
