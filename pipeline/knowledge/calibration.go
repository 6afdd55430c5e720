package knowledge

import (
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/stats"
)

// A Calibration says what share of the records that a pack makes at some
// confidence is right. It is part of the pack (calibration.yaml), and so of its
// hash: a record names the calibration that it was judged by.
type Calibration struct {
	stats.Calibration
	// Source names the labelled data, Date when it was fitted, and Answers on how
	// many records.
	Source  string
	Date    string
	Answers string
}

// Calibration of the pack; the zero one where it has none.
func (p *Pack) Calibration() Calibration { return p.calibration }

func (r *reader) calibrated(p *Pack) func(node) {
	return func(n node) {
		c := &p.calibration
		if len(c.Points) > 0 {
			r.fail(n, "the pack has a second calibration")
			return
		}
		r.fields(n, "a calibration", map[string]func(node){
			"source": r.str(&c.Source), "date": r.str(&c.Date), "answers": r.str(&c.Answers),
			"points": func(n node) {
				r.each(n, "points", func(n node) {
					var xy []float64
					r.each(n, "a point", func(n node) {
						var v pipeline.Value
						r.number(&v)(n)
						xy = append(xy, v.Float())
					})
					if len(xy) != 2 {
						r.fail(n, "a point is two numbers: the confidence, and what share of such records is right")
						return
					}
					c.Points = append(c.Points, [2]float64{xy[0], xy[1]})
				})
			},
		})
		if _, err := time.Parse(time.DateOnly, c.Date); err != nil || c.Source == "" || len(c.Points) < 2 {
			r.fail(n, "a calibration needs source, date (2006-01-02) and two points or more")
			return
		}
		if err := c.Check(); err != nil {
			r.fail(n, "%s", pipeline.ErrorMessage(err))
		}
	}
}
