package pages

import (
	"fmt"
	"net/url"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/page"
)

// An eventLine is one change of a cluster.
type eventLine struct {
	At, What, Class string
	Cluster         link
	Moves           []eventMove
	By              link // To is empty where a person did it elsewhere than in the queue
}

// An eventMove are the items or clusters of one side of a change.
type eventMove struct {
	Label string
	Links []link
	More  string // how many more, in words; some have no name any more
}

// shownEvents bounds how much of the history of clusters a page shows.
const shownEvents = 30

// history is what happened to the clusters that q selects, the newest first, and
// whether there is more of it.
func (v *visit) history(q catalog.HistoryQuery) (lines []eventLine, es []catalog.ClusterEvent, more bool, err error) {
	q.Limit = shownEvents + 1
	es, err = v.p.opt.Store.ClusterEvents(v.Context(), q)
	if err != nil {
		return nil, nil, false, err
	}
	more = len(es) > shownEvents
	es = es[:min(len(es), shownEvents)]
	for i := range es {
		lines = append(lines, eventLineOf(&es[i]))
	}
	return lines, es, more, nil
}

func eventLineOf(e *catalog.ClusterEvent) eventLine {
	l := eventLine{At: moment(e.At), What: string(e.Kind), Cluster: clusterLink(e.Cluster)}
	if e.Items > 0 {
		l.What += ", now " + countOf(e.Items, "item")
	}
	l.Class = map[catalog.EventKind]string{catalog.ClusterSplit: "warned", catalog.ClusterGone: "warned"}[e.Kind]
	move := func(label string, s catalog.Some) {
		if s.Count == 0 {
			return
		}
		m := eventMove{Label: label}
		for _, id := range s.Items {
			m.Links = append(m.Links, link{itemAddress(id), page.Short(id, 200)})
		}
		switch more := s.Count - len(s.Items); {
		case more > 0 && len(s.Items) > 0:
			m.More = fmt.Sprintf(" and %d more", more)
		case more > 0:
			m.More = countOf(more, "item")
		}
		l.Moves = append(l.Moves, m)
	}
	clusters := func(label string, ids []string) {
		if len(ids) == 0 {
			return
		}
		m := eventMove{Label: label}
		for _, id := range ids {
			m.Links = append(m.Links, clusterLink(id))
		}
		l.Moves = append(l.Moves, m)
	}
	move("came", e.Came)
	clusters("from", e.From)
	move("went", e.Went)
	clusters("to", e.To)
	switch {
	case e.Batch != "":
		l.By = link{"/batches/" + url.PathEscape(e.Batch), "batch " + pipeline.ShortID(e.Batch)}
	case e.Review != "":
		l.By = link{"/reviews/" + url.PathEscape(e.Review), page.Short(e.Actor, 80)}
	default:
		l.By = link{Name: page.Short(e.Actor, 80)}
	}
	return l
}

func clusterLink(id string) link {
	return link{"/clusters/" + url.PathEscape(id), page.Short(pipeline.ShortID(id), 80)}
}

func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
