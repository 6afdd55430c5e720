package quantity

import "strings"

// A Pattern names the grammar of a designation.
type Pattern string

const (
	// Product: numbers joined by x, 25x52x15; parts are numbered "1", "2", ….
	Product Pattern = "product"
	// MetricThread: M10, M10x1.25, M10x1.5x50, M10 x 50; parts diameter,
	// pitch, length, in mm.
	MetricThread Pattern = "metric_thread"
	// InchThread: 1/2-13 UNC, 1/4"-20 x 1", #8-32; parts diameter ([in_i]),
	// threads (per inch), length ([in_i]), series.
	InchThread Pattern = "inch_thread"
	// PipeThread: G1/2, R 3/4, 1/2" NPT; parts size ([in_i]), series.
	PipeThread Pattern = "pipe_thread"
	// Cores: 3x2.5mm2, 4G1.5; parts count, cross_section (mm2).
	Cores Pattern = "cores"
	// Rated: letters and a number that name a size or class: DN50, PN16,
	// SCH40, IP65, CL150, IE3; part value, with the letters as Name.
	Rated Pattern = "rated"
)

// A Part is one number, or for a series one word, of a designation.
type Part struct {
	// Role is what the number stands for: diameter, pitch, length, count, ….
	Role string
	// Quantity has value, unit and span; its unit is the designation's where
	// the text leaves it out. The Value of a series is 0 and its Text counts.
	Quantity Quantity
}

// A Designation is a structured reading of several numbers and letters.
type Designation struct {
	Pattern Pattern
	// Name are the letters of a Rated designation in capitals: DN, PN, IP.
	Name       string
	Text       string
	Start, End int
	Parts      []Part
}

// Part returns the part of that role.
func (d Designation) Part(role string) (Part, bool) {
	for _, p := range d.Parts {
		if p.Role == role {
			return p, true
		}
	}
	return Part{}, false
}

// ratedPrefixes are the letters that make a Rated designation.
var ratedPrefixes = map[string]bool{
	"DN": true, "NW": true, "NB": true, "NPS": true, "PN": true, "SCH": true, "IP": true, "IK": true, "CL": true,
	"CLASS": true, "IE": true, "AWG": true, "SDR": true, "NG": true, "SW": true, "TX": true, "PH": true, "PZ": true,
}

// Designations reads the structured designations of a text from its
// quantities, as Scan returned them for the same text.
func Designations(text string, qs []Quantity) []Designation {
	return AppendDesignations(nil, text, qs)
}

// AppendDesignations is Designations into dst.
func AppendDesignations(dst []Designation, text string, qs []Quantity) []Designation {
	for i := 0; i < len(qs); {
		n := 1
		for i+n < len(qs) && qs[i].Group != 0 && qs[i+n].Group == qs[i].Group {
			n++
		}
		if d, used, ok := designation(text, qs[i:], n); ok {
			d.Text = text[d.Start:d.End]
			dst = append(dst, d)
			n = max(n, used)
		}
		i += n
	}
	return dst
}

// designation reads one designation at the front of qs, whose first n
// quantities form one product.
func designation(text string, qs []Quantity, n int) (d Designation, used int, ok bool) {
	q := qs[0]
	name := strings.ToUpper(prefixOf(text, q))
	start := q.Start - len(q.Prefix)
	if q.Prefix == "" {
		start = q.Start - spacedPrefix(text, q)
	}
	switch {
	case start > 1 && text[start-1] == '-' && isLetter(text[start-2]):
		name = "" // Cortex-M4
	case q.Glued && q.Prefix == "" && name != "IP":
		name = ""
	}
	switch {
	case name == "M" || name == "MF":
		return metricThread(qs, n, start)
	case (name == "G" || name == "R" || name == "RP" || name == "RC" || name == "BSP" || name == "NPT") && pipeSize(q):
		d = Designation{Pattern: PipeThread, Start: start, End: q.End}
		d.Parts = []Part{{"size", withUnit(q, inchUnit())}, {"series", Quantity{Text: text[start : start+len(name)], Start: start, End: start + len(name)}}}
		return d, 1, true
	case ratedPrefixes[name]:
		d = Designation{Pattern: Rated, Name: name, Start: start, End: q.End, Parts: []Part{{"value", q}}}
		return d, 1, true
	}
	if d, used, ok := inchThread(text, qs); ok {
		return d, used, true
	}
	if d, ok := cores(text, qs, n); ok {
		return d, max(n, 2), true
	}
	if n > 1 {
		d = Designation{Pattern: Product, Start: q.Start, End: qs[n-1].End}
		for k := range n {
			d.Parts = append(d.Parts, Part{Int(int64(k + 1)).String(), qs[k]})
		}
		return d, n, true
	}
	return Designation{}, 0, false
}

func prefixOf(text string, q Quantity) string {
	if q.Prefix != "" {
		return q.Prefix
	}
	w := spacedPrefix(text, q)
	if w == 0 {
		return ""
	}
	return strings.TrimRight(text[q.Start-w:q.Start], " .-:")
}

// spacedPrefix is the width of letters and one space, point or hyphen before
// q: the "DN " of DN 50.
func spacedPrefix(text string, q Quantity) int {
	i := q.Start
	if i < 2 || q.Value.Sign() < 0 {
		return 0
	}
	switch text[i-1] {
	case ' ', '.', '-', ':':
	default:
		return 0
	}
	j := i - 1
	if j > 1 && text[j] == ' ' && text[j-1] == '.' {
		j--
	}
	k := j
	for k > 0 && isLetter(text[k-1]) {
		k--
	}
	if k == j || j-k > 5 || k > 0 && isWordByte(text[k-1]) {
		return 0
	}
	return i - k
}

var inchUnit = func() Unit { u, _ := lookupCode("[in_i]", Length); return u }

func withUnit(q Quantity, u Unit) Quantity {
	if !q.HasUnit() {
		q.Unit = u
	}
	return q
}

func metricThread(qs []Quantity, n, start int) (Designation, int, bool) {
	mm := Canonical(Length)
	d := Designation{Pattern: MetricThread, Start: start, End: qs[n-1].End}
	d.Parts = append(d.Parts, Part{"diameter", withUnit(qs[0], mm)})
	switch {
	case n == 2 && isPitch(qs[0].Value, qs[1]):
		d.Parts = append(d.Parts, Part{"pitch", withUnit(qs[1], mm)})
	case n == 2:
		d.Parts = append(d.Parts, Part{"length", withUnit(qs[1], mm)})
	case n == 3:
		d.Parts = append(d.Parts, Part{"pitch", withUnit(qs[1], mm)}, Part{"length", withUnit(qs[2], mm)})
	case n > 3:
		return Designation{}, 0, false
	}
	return d, n, true
}

// isPitch reports whether the second number of M10x1.25 is a pitch: at most a
// third of the diameter and one of the pitches of ISO 261.
func isPitch(diameter Decimal, q Quantity) bool {
	if q.Value.Mul(Int(3)).Cmp(diameter) > 0 {
		return false
	}
	for _, p := range isoPitches {
		if q.Value.Cmp(p) == 0 {
			return true
		}
	}
	return false
}

// isoPitches are the thread pitches of ISO 261 in mm.
var isoPitches = func() (all []Decimal) {
	for _, hundredths := range []int64{20, 25, 30, 35, 40, 45, 50, 60, 70, 75, 80, 100, 125, 150, 175, 200, 250, 300, 350, 400, 450, 500, 550, 600, 800} {
		all = append(all, Ratio(hundredths, 100))
	}
	return all
}()

// pipeSize reports whether q can be the size of a pipe thread: a fraction or
// a whole number up to 6 inches.
func pipeSize(q Quantity) bool {
	return q.Kind == Fraction || q.Value.Cmp(Int(6)) <= 0 && q.Value.Sign() > 0 && q.Value.Exact() && q.Value.Round(0).Cmp(q.Value) == 0
}

// inchSeries are the words that name a series of inch threads.
var inchSeries = []string{"UNC", "UNF", "UNEF", "UN", "BSW", "BSF", "NPT", "NPTF", "BSPT", "BSPP", "BSP"}

func seriesAt(text string, i int) (start, end int, ok bool) {
	for i < len(text) && (text[i] == ' ' || text[i] == '-') {
		i++
	}
	e := wordEnd(text, i)
	for _, s := range inchSeries {
		if strings.EqualFold(text[i:e], s) {
			return i, e, true
		}
	}
	return 0, 0, false
}

func inchThread(text string, qs []Quantity) (Designation, int, bool) {
	q := qs[0]
	inch := q.Unit.Code == "[in_i]" || !q.HasUnit() && len(q.Readings) == 0
	if !inch || q.Prefix != "" {
		return Designation{}, 0, false
	}
	gauge := q.Kind != Fraction && q.Start > 0 && text[q.Start-1] == '#'
	if s, e, ok := seriesAt(text, q.End); ok && (q.Kind == Fraction || q.HasUnit()) {
		series := strings.ToUpper(text[s:e])
		p := PipeThread
		if strings.HasPrefix(series, "UN") || series == "BSW" || series == "BSF" {
			p = InchThread
		}
		d := Designation{Pattern: p, Start: q.Start, End: e}
		role := "size"
		if p == InchThread {
			role = "diameter"
		}
		d.Parts = []Part{{role, withUnit(q, inchUnit())}, {"series", Quantity{Text: text[s:e], Start: s, End: e}}}
		return d, 1, true
	}
	if len(qs) < 2 || q.Kind != Fraction && !gauge && !q.HasUnit() || text[q.End:qs[1].Start] != "-" || qs[1].HasUnit() {
		return Designation{}, 0, false
	}
	tpi := qs[1]
	if tpi.Value.Cmp(Int(3)) < 0 || tpi.Value.Cmp(Int(120)) > 0 || tpi.Kind == Fraction {
		return Designation{}, 0, false
	}
	d := Designation{Pattern: InchThread, Start: q.Start, End: tpi.End}
	if gauge {
		d.Start--
		d.Parts = []Part{{"gauge", q}}
	} else {
		d.Parts = []Part{{"diameter", withUnit(q, inchUnit())}}
	}
	d.Parts = append(d.Parts, Part{"threads", tpi})
	at := tpi.End
	if s, e, ok := seriesAt(text, at); ok {
		d.Parts = append(d.Parts, Part{"series", Quantity{Text: text[s:e], Start: s, End: e}})
		d.End, at = e, e
	}
	if len(qs) > 2 {
		if j, ok := product(text, at); ok && j == qs[2].Start {
			d.Parts = append(d.Parts, Part{"length", withUnit(qs[2], inchUnit())})
			d.End = qs[2].End
			return d, 3, true
		}
	}
	return d, 2, true
}

// cores reads 3x2.5mm2 and 3G1.5.
func cores(text string, qs []Quantity, n int) (Designation, bool) {
	if len(qs) < 2 || qs[0].HasUnit() || qs[0].Prefix != "" || qs[0].Value.Exact() && qs[0].Value.Round(0).Cmp(qs[0].Value) != 0 {
		return Designation{}, false
	}
	between := text[qs[0].NumEnd:qs[1].Start]
	g := between == "G" || between == "g"
	x := n == 2 && qs[1].Unit.Code == "mm2"
	if !g && !x || g && qs[0].Value.Cmp(Int(100)) > 0 {
		return Designation{}, false
	}
	mm2, err := lookupCode("mm2", Area)
	if err != nil {
		return Designation{}, false
	}
	c := qs[1]
	if g && c.HasUnit() && c.Unit.Code != "mm2" {
		return Designation{}, false
	}
	return Designation{Pattern: Cores, Start: qs[0].Start, End: c.End,
		Parts: []Part{{"count", qs[0]}, {"cross_section", withUnit(c, mm2)}}}, true
}
