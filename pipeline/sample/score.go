package sample

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline"
)

// Groups in the order of the tables; the first three are known in depth.
var Groups = []string{"bearings", "fasteners", "motors", "others"}

// Group of a category.
func Group(category string) string {
	switch category {
	case "bearing":
		return "bearings"
	case "screw", "nut", "washer":
		return "fasteners"
	case "motor":
		return "motors"
	}
	return "others"
}

// RowFigures score the gate.
type RowFigures struct {
	Files  int `json:"files"`
	Faults int `json:"faults"`
	// Caught faults were rejected; Right ones for the seeded reason and no
	// other.
	Caught int `json:"caught"`
	Right  int `json:"right_reason"`
	Clean  int `json:"clean_rows"`
	// CleanRejected rows should have passed; the harmless twins are among the
	// clean.
	CleanRejected int `json:"clean_rejected"`
	// Unbalanced files did not account for every row, or were not judged.
	Unbalanced int `json:"unbalanced_files"`
	// Held files that must be held, and WrongDecisions on the others.
	BadDays        int `json:"bad_days"`
	BadDaysHeld    int `json:"bad_days_held"`
	BreakersOpened int `json:"breakers_opened"`
	// Misses say what went wrong, the first few.
	Misses []string `json:"misses,omitempty"`
}

const maxMisses = 20

func (f *RowFigures) miss(format string, args ...any) {
	if len(f.Misses) < maxMisses {
		f.Misses = append(f.Misses, fmt.Sprintf(format, args...))
	}
}

// ScoreRows compares rejects with the seeded faults. The rows of a bad day are
// left out of the counts of rows: the file is judged as one.
func ScoreRows(t *Truth, judged []Judged, tripped []string) RowFigures {
	var out RowFigures
	faults := map[string]map[int64]Fault{}
	for _, f := range t.Faults {
		at := f.Feed + "/" + f.File
		if faults[at] == nil {
			faults[at] = map[int64]Fault{}
		}
		faults[at][int64(f.Row)] = f
	}
	found := map[string]Judged{}
	for _, j := range judged {
		found[j.Feed+"/"+j.File] = j
	}
	for _, b := range t.Batches {
		out.Files++
		at := b.Feed + "/" + b.File
		j, ok := found[at]
		if !ok || j.Rows.Read != int64(b.Rows) || !j.Rows.Balanced() {
			out.Unbalanced++
			out.miss("%s: %d rows, read %d, accepted %d, rejected %d", at, b.Rows, j.Rows.Read, j.Rows.Accepted, j.Rows.Rejected)
		}
		if b.Held {
			out.BadDays++
			if j.Decision == pipeline.Hold {
				out.BadDaysHeld++
			} else {
				out.miss("%s: decided %q, must be held", at, j.Decision)
			}
			for _, feed := range tripped {
				if feed == b.Feed {
					out.BreakersOpened++
					break
				}
			}
			continue
		}
		out.rows(at, b, faults[at], j.Rejects)
	}
	return out
}

func (f *RowFigures) rows(at string, b Batch, faults map[int64]Fault, rejects []Reject) {
	f.Faults += len(faults)
	f.Clean += b.Rows - len(faults)
	reasons := map[int64][]string{}
	for _, r := range rejects {
		id := r.Code
		if r.Column != "" {
			id = r.Column + "." + r.Code
		}
		reasons[r.Row] = append(reasons[r.Row], id)
	}
	rows := make([]int64, 0, len(reasons))
	for row := range reasons {
		rows = append(rows, row)
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i] < rows[j] })
	for _, row := range rows {
		fault, ok := faults[row]
		if !ok {
			f.CleanRejected++
			f.miss("%s row %d: rejected (%s), it is clean", at, row, strings.Join(reasons[row], ", "))
			continue
		}
		f.Caught++
		if len(reasons[row]) == 1 && reasons[row][0] == fault.ID() {
			f.Right++
		} else {
			f.miss("%s row %d (%s): rejected for %s, must be %s", at, row, fault.Kind, strings.Join(reasons[row], ", "), fault.ID())
		}
	}
	for _, row := range sortedRows(faults) {
		if reasons[row] == nil {
			f.miss("%s row %d (%s): passed, must be rejected for %s", at, row, faults[row].Kind, faults[row].ID())
		}
	}
}

func sortedRows(m map[int64]Fault) []int64 {
	out := make([]int64, 0, len(m))
	for r := range m {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

// ParseFigures score records against the facts of their items.
type ParseFigures struct {
	Items int `json:"items"`
	// Category: items told right, taken for another category, left unknown.
	Category      int `json:"category_right"`
	CategoryWrong int `json:"category_wrong"`
	// Stated facts stand in the text; Found are those that were read right.
	Stated int `json:"stated"`
	Found  int `json:"found"`
	// Right and Wrong count every value that was given, also those that follow
	// from a standard or by custom.
	Right         int `json:"right"`
	Wrong         int `json:"wrong"`
	WrongCritical int `json:"wrong_critical"`
}

// Precision of the values given.
func (f ParseFigures) Precision() float64 { return ratio(f.Right, f.Right+f.Wrong) }

// Recall of the facts that stand in the text.
func (f ParseFigures) Recall() float64 { return ratio(f.Found, f.Stated) }

// F1 is the harmonic mean of the two, over values (micro).
func (f ParseFigures) F1() float64 {
	p, r := f.Precision(), f.Recall()
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

// ratio is 1 for nothing out of nothing.
func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// A ParseMiss is one fact that was not read, or read wrong.
type ParseMiss struct {
	ID, Text, Category, Attribute, Want, Got string
	Critical                                 bool
}

// ScoreParse compares records with the truth, by group. Items without a record
// count as read empty.
func ScoreParse(t *Truth, records []pipeline.Record, v Vocabulary) (map[string]ParseFigures, []ParseMiss) {
	byID := map[string]*pipeline.Record{}
	for i := range records {
		byID[bare(records[i].ID)] = &records[i]
	}
	out := map[string]ParseFigures{}
	var misses []ParseMiss
	for _, id := range t.ids() {
		it := t.Items[id]
		g := out[Group(it.Category)]
		g.Items++
		r := byID[id]
		if r == nil {
			r = &pipeline.Record{Category: pipeline.Unknown}
		}
		switch r.Category {
		case v.category(it.Category):
			g.Category++
		case pipeline.Unknown, "":
		default:
			g.CategoryWrong++
		}
		if r.Category != v.category(it.Category) {
			misses = append(misses, ParseMiss{ID: id, Text: it.Text, Category: it.Category, Attribute: "category", Want: v.category(it.Category), Got: r.Category})
		}
		for _, f := range it.Facts {
			name := v.attribute(it.Category, f.Name)
			if name == "-" {
				continue
			}
			if f.Source == InText {
				g.Stated++
			}
			a, ok := r.Attribute(name)
			miss := ParseMiss{id, it.Text, it.Category, name, f.Value, a.Value.String() + a.Unit, f.Critical}
			switch {
			case !ok:
				if f.Source == InText {
					misses = append(misses, miss)
				}
			case agrees(f, a, v.values(it.Category, f), it.Text):
				g.Right++
				if f.Source == InText {
					g.Found++
				}
			default:
				g.Wrong++
				if f.Critical {
					g.WrongCritical++
				}
				misses = append(misses, miss)
			}
		}
		out[Group(it.Category)] = g
	}
	return out, misses
}

func (t *Truth) ids() []string {
	out := make([]string, 0, len(t.Items))
	for id := range t.Items {
		out = append(out, id)
	}
	sort.Strings(out)
	return out
}

// toCanonical are the factors from units that a record may carry to the unit
// of the fact.
var toCanonical = map[string]map[string]float64{
	"mm":   {"mm": 1, "cm": 10, "m": 1000, "[in_i]": 25.4, "[in_us]": 25.4},
	"m":    {"m": 1, "cm": 0.01, "mm": 0.001},
	"kW":   {"kW": 1, "W": 0.001, "[HP]": 0.745699872, "MW": 1000},
	"V":    {"V": 1, "kV": 1000},
	"Hz":   {"Hz": 1},
	"/min": {"/min": 1, "{rpm}": 1, "1/min": 1, "min-1": 1, "{rev}/min": 1},
}

// agrees compares a value with the fact: numbers within half a percent (a
// horsepower is paired with the nearest standard kilowatt, within three), words
// without case, spaces and hyphens. Of a pair such as 230/400 either number
// will do.
func agrees(f Fact, a pipeline.Attribute, accepted []string, text string) bool {
	got := a.Value.String()
	for _, want := range accepted {
		if squeeze(got) == squeeze(want) && a.Unit == "" {
			return true
		}
		for _, part := range strings.Split(want, "/") {
			w, err := strconv.ParseFloat(part, 64)
			g, err2 := strconv.ParseFloat(got, 64)
			if err != nil || err2 != nil {
				continue
			}
			if k := toCanonical[f.Unit][a.Unit]; k != 0 {
				g *= k
			}
			tolerance := 0.005
			if f.Name == "power" && strings.Contains(strings.ToLower(text), "hp") {
				tolerance = 0.03
			}
			if math.Abs(g-w) <= tolerance*math.Abs(w) {
				return true
			}
		}
		if squeeze(got) == squeeze(want) {
			return true
		}
	}
	return false
}

func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
