package page

import (
	"fmt"
	"strings"
)

// A Line is a figure over time as a small drawing (template "line").
type Line struct {
	Label         string // what it shows, for who does not see it
	Width, Height int
	Points        string // of the polyline
	Dots          []Dot
	Rules         []Rule
}

// A Dot is one value of a line.
type Dot struct {
	X, Y, Class, Title string
}

// A Rule is a vertical line at a moment.
type Rule struct {
	X, Class, Title string
}

// A Value is a point before it is drawn: At and Y in any unit; Class is a class of
// the stylesheet such as failed, Title what the point says of itself.
type Value struct {
	At, Y        float64
	Class, Title string
}

// Draw draws values between from and to (on the axis of At), with 0 at the bottom
// and top, or the highest value where that is more, at the top. Where from is to,
// the values stand side by side in their order.
func Draw(label string, width, height int, from, to, top float64, values []Value) Line {
	l := Line{Label: label, Width: width, Height: height}
	for _, v := range values {
		top = max(top, v.Y)
	}
	if top <= 0 {
		top = 1
	}
	var points strings.Builder
	for i, v := range values {
		x := l.place(from, to, v.At)
		if from == to {
			x = l.place(0, float64(max(len(values)-1, 1)), float64(i))
		}
		y := fmt.Sprintf("%.1f", 2+float64(height-4)*(1-v.Y/top))
		if i > 0 {
			points.WriteByte(' ')
		}
		points.WriteString(x + "," + y)
		if v.Class != "" || v.Title != "" || len(values) == 1 {
			l.Dots = append(l.Dots, Dot{x, y, v.Class, v.Title})
		}
	}
	l.Points = points.String()
	return l
}

// Rule adds a vertical line at a moment of the axis from..to.
func (l *Line) Rule(from, to, at float64, class, title string) {
	l.Rules = append(l.Rules, Rule{l.place(from, to, at), class, title})
}

func (l *Line) place(from, to, at float64) string {
	span := to - from
	if span <= 0 {
		span = 1
	}
	return fmt.Sprintf("%.1f", 2+float64(l.Width-4)*min(max((at-from)/span, 0), 1))
}

// Bars are a distribution as a drawing (template "bars").
type Bars struct {
	Label string
	Bars  []Bar
}

// A Bar is one of Bars, in a field of 200 by 60.
type Bar struct {
	X, Y, W, H, Title string
}

// Histogram draws counts of equal steps between low and high.
func Histogram(label string, low, high float64, counts []int) Bars {
	out := Bars{Label: label}
	top := 1
	for _, n := range counts {
		top = max(top, n)
	}
	step, width := 200/float64(max(len(counts), 1)), (high-low)/float64(max(len(counts), 1))
	for i, n := range counts {
		h := 60 * float64(n) / float64(top)
		lo := low + width*float64(i)
		out.Bars = append(out.Bars, Bar{number(step * float64(i)), number(60 - h), number(step * 0.9), number(h), fmt.Sprintf("%.6g to %.6g: %d", lo, lo+width, n)})
	}
	return out
}

func number(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }
