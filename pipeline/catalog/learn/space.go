package learn

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// A role is what a column is used for, told by its name.
type role int

const (
	title role = iota
	body
	maker
	part
	price
	class
	roles
)

func roleOf(column string) role {
	switch column {
	case "name", "title", "text", "short_text", "product":
		return title
	case "manufacturer", "brand", "maker", "vendor":
		return maker
	case "modelno", "model", "part_number", "mpn", "sku", "partno":
		return part
	case "price", "amount":
		return price
	case "category", "class", "group":
		return class
	}
	return body
}

// A record is a row prepared for comparison.
type record struct {
	title, full, maker, class bag
	raw                       [roles]string // folded, joined
	squash                    string        // everything without spaces
	squashTitle               string
	codes                     []string // words that mix letters and digits, or long numbers
	parts                     []string // part numbers, squashed
	numbers                   []string // plain numbers of the title, sorted
	words                     []string // words of the title in order
	price                     float64
	grams                     bag
	measures                  map[string][]string // unit → numbers
	colours, years            []string
	plainGrams                []string // of the title without codes, sorted
	cores                     []string // runs of digits in what names it
}

// A bag is a set of terms with weights, sorted by term, of length 1.
type bag struct {
	terms   []int32
	weights []float32
	mass    float64 // sum of the IDF of the terms
}

// A Space holds two tables prepared for comparison, with one vocabulary.
type Space struct {
	a, b    *Table
	recs    [2][]*record
	vocab   map[string]int32
	names   []string
	idf     []float64
	gram    map[string]int32
	gidf    []float64
	coreIDF map[string]float64 // rarity of the runs of digits
	// How many records, and how many of them have each word, 3-gram and run of
	// digits.
	records int
	df, gdf []int
	cores   map[string]int
	post    [2][][]posting // by term of the full texts
	gpost   [2][][]posting // by 3-gram of the titles
}

// A posting says that a record has a term, and with what weight.
type posting struct {
	record int32
	weight float32
}

// NewSpace prepares two tables, or one against itself where both are the same.
func NewSpace(a, b *Table) *Space { return newSpace(a, b, nil) }

// newSpace takes how rare terms are from r, or where it is nil from the tables
// themselves.
func newSpace(a, b *Table, r *Rarity) *Space {
	s := &Space{a: a, b: b, vocab: map[string]int32{}, gram: map[string]int32{}, coreIDF: map[string]float64{}, cores: map[string]int{}}
	texts := [2][][roles]string{fold(a), fold(b)}
	n := len(texts[0]) + len(texts[1])
	var df, gdf []int
	for side := range texts {
		for _, t := range texts[side] {
			seen := map[int32]bool{}
			for _, w := range strings.Fields(strings.Join(t[:], " ")) {
				id, ok := s.vocab[w]
				if !ok {
					id = int32(len(s.names))
					s.vocab[w] = id
					s.names = append(s.names, w)
					df = append(df, 0)
				}
				if !seen[id] {
					seen[id] = true
					df[id]++
				}
			}
			gs := map[string]bool{}
			for _, g := range grams(t[title]) {
				if !gs[g] {
					gs[g] = true
					id, ok := s.gram[g]
					if !ok {
						id = int32(len(gdf))
						s.gram[g] = id
						gdf = append(gdf, 0)
					}
					gdf[id]++
				}
			}
		}
	}
	s.df, s.gdf, s.records = df, gdf, n
	if r != nil {
		n = r.Records
		for w, id := range s.vocab {
			df[id] = r.count(r.Words, w)
		}
		for g, id := range s.gram {
			gdf[id] = r.count(r.Grams, g)
		}
	}
	s.idf, s.gidf = make([]float64, len(df)), make([]float64, len(gdf))
	for i, d := range df {
		s.idf[i] = math.Log(1 + float64(n)/float64(d))
	}
	for i, d := range gdf {
		s.gidf[i] = math.Log(1 + float64(n)/float64(d))
	}
	for side := range texts {
		s.post[side] = make([][]posting, len(s.idf))
		s.gpost[side] = make([][]posting, len(s.gidf))
		for i, t := range texts[side] {
			x := s.prepare(t)
			s.recs[side] = append(s.recs[side], x)
			for n, w := range x.full.terms {
				s.post[side][w] = append(s.post[side][w], posting{int32(i), x.full.weights[n]})
			}
			for n, g := range x.grams.terms {
				s.gpost[side][g] = append(s.gpost[side][g], posting{int32(i), x.grams.weights[n]})
			}
		}
	}
	for _, rs := range s.recs {
		for _, x := range rs {
			for _, c := range x.cores {
				s.cores[c]++
			}
		}
	}
	for c, d := range s.cores {
		if r != nil {
			d = r.count(r.Cores, c)
		}
		s.coreIDF[c] = math.Log(1 + float64(n)/float64(d))
	}
	return s
}

// fold joins the columns of each row by role.
func fold(t *Table) [][roles]string {
	out := make([][roles]string, len(t.Rows))
	for i, row := range t.Rows {
		var parts [roles][]string
		for c, v := range row {
			r := roleOf(t.Columns[c])
			if r == price {
				parts[r] = append(parts[r], v)
				continue
			}
			parts[r] = append(parts[r], string(embed.Fold(nil, v)))
		}
		for r := range parts {
			out[i][r] = strings.TrimSpace(strings.Join(parts[r], " "))
		}
		if out[i][title] == "" {
			out[i][title] = out[i][body]
		}
	}
	return out
}

func grams(s string) []string {
	s = strings.ReplaceAll(s, " ", "")
	var out []string
	for i := 0; i+3 <= len(s); i++ {
		out = append(out, s[i:i+3])
	}
	return out
}

func (s *Space) prepare(t [roles]string) *record {
	r := &record{raw: t}
	all := strings.Join([]string{t[title], t[maker], t[part], t[body]}, " ")
	r.title = s.bag(t[title])
	r.full = s.bag(all)
	r.maker = s.bag(t[maker])
	r.class = s.bag(t[class])
	var gs []int32
	for _, g := range grams(t[title]) {
		gs = append(gs, s.gram[g])
	}
	r.grams = weigh(gs, s.gidf)
	r.squash = strings.ReplaceAll(all, " ", "|")
	r.squash = strings.NewReplacer("|", "", ".", "").Replace(r.squash)
	r.squashTitle = strings.NewReplacer(" ", "", ".", "").Replace(t[title])
	r.words = strings.Fields(t[title])
	r.codes = codes(t[title] + " " + t[part])
	if p := strings.ReplaceAll(t[part], " ", ""); p != "" {
		r.parts = []string{p}
	}
	for _, w := range r.words {
		if isNumber(w) {
			r.numbers = append(r.numbers, w)
		}
	}
	r.cores = cores(t[title] + " " + t[part] + " " + t[body])
	r.measures = measured(t[title] + " " + t[body])
	var plain []string
	for _, w := range r.words {
		if colours[w] {
			r.colours = append(r.colours, w)
		}
		if len(w) == 4 && (strings.HasPrefix(w, "19") || strings.HasPrefix(w, "20")) && digits(w) == 4 {
			r.years = append(r.years, w)
		}
		if !isCode(w) {
			plain = append(plain, w)
		}
	}
	slices.Sort(r.colours)
	slices.Sort(r.years)
	r.plainGrams = grams(strings.Join(plain, " "))
	slices.Sort(r.plainGrams)
	r.plainGrams = slices.Compact(r.plainGrams)
	slices.Sort(r.numbers)
	r.numbers = slices.Compact(r.numbers)
	r.price, _ = strconv.ParseFloat(strings.TrimLeft(strings.ReplaceAll(t[price], ",", ""), "$€ "), 64)
	return r
}

func (s *Space) bag(text string) bag {
	var ids []int32
	for _, w := range strings.Fields(text) {
		ids = append(ids, s.vocab[w])
	}
	return weigh(ids, s.idf)
}

func weigh(ids []int32, idf []float64) bag {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	b := bag{terms: ids, weights: make([]float32, len(ids))}
	sq := 0.0
	for _, id := range ids {
		b.mass += idf[id]
		sq += idf[id] * idf[id]
	}
	n := math.Sqrt(sq)
	for i, id := range ids {
		b.weights[i] = float32(idf[id] / n)
	}
	return b
}

// codes are the words of s that look like part numbers: letters and digits
// mixed, or at least five digits; adjacent pieces of one are glued too.
func codes(s string) []string {
	words := strings.Fields(s)
	var out []string
	for i, w := range words {
		w = strings.ReplaceAll(w, ".", "")
		if isCode(w) {
			out = append(out, w)
		}
		if i+1 < len(words) {
			if j := w + strings.ReplaceAll(words[i+1], ".", ""); isCode(j) && len(j) >= 5 && len(j) <= 16 && len(w) <= 5 {
				out = append(out, j)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func isCode(w string) bool {
	d := digits(w)
	return len(w) >= 4 && d > 0 && d < len(w) || d >= 5 && d == len(w)
}

func digits(w string) int {
	n := 0
	for i := range len(w) {
		if '0' <= w[i] && w[i] <= '9' {
			n++
		}
	}
	return n
}

func isNumber(w string) bool {
	return w != "" && strings.Trim(w, "0123456789.") == ""
}

// indices finds the rows of the labels. Error: invalid for an unknown id.
func (s *Space) indices(labels []Label) ([]pair, error) {
	out := make([]pair, len(labels))
	for i, l := range labels {
		a, ok := s.a.at[l.A]
		if !ok {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "label %d: %s has no record %q", i+1, s.a.Name, l.A)
		}
		b, ok := s.b.at[l.B]
		if !ok {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "label %d: %s has no record %q", i+1, s.b.Name, l.B)
		}
		out[i] = pair{int32(a), int32(b)}
	}
	return out, nil
}

// candidates returns the k records of the other side most alike to record i
// of side, by the cosine of words and of character 3-grams together.
func (s *Space) candidates(side int, i int32, k int) []int32 {
	r := s.recs[side][i]
	other := 1 - side
	score := make([]float32, len(s.recs[other]))
	var touched []int32
	limit := max(200, len(score)/8)
	add := func(b *bag, post [][]posting) {
		for n, t := range b.terms {
			p := post[t]
			if len(p) > limit {
				continue
			}
			w := b.weights[n]
			for _, x := range p {
				if score[x.record] == 0 {
					touched = append(touched, x.record)
				}
				score[x.record] += float32(w * x.weight)
			}
		}
	}
	add(&r.full, s.post[other])
	add(&r.grams, s.gpost[other])
	better := func(x, y int32) int { return cmp.Or(cmp.Compare(score[y], score[x]), cmp.Compare(x, y)) }
	best := make([]int32, 0, k+1)
	for _, j := range touched {
		if s.a == s.b && j == i {
			continue // in one catalog nobody competes with itself
		}
		if len(best) == k && better(j, best[k-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, j, better)
		best = slices.Insert(best, at, j)
		if len(best) > k {
			best = best[:k]
		}
	}
	return best
}

// colours are the words for colours in shop titles.
var colours = set("black white silver red blue green pink purple orange yellow grey gray brown beige gold titanium graphite " +
	"charcoal burgundy magenta cyan clear ivory navy violet teal bronze copper platinum tan chrome cherry mahogany oak walnut espresso")

// units are what stands behind a number, each with its common name.
var units = map[string]string{
	"gb": "gb", "g": "gb", "gig": "gb", "gigabyte": "gb", "mb": "mb", "tb": "tb", "kb": "kb",
	"inch": "in", "inches": "in", "in": "in", "ft": "ft", "feet": "ft", "foot": "ft", "mm": "mm", "cm": "cm", "m": "m",
	"mp": "mp", "megapixel": "mp", "megapixels": "mp", "ghz": "ghz", "mhz": "mhz", "rpm": "rpm", "hz": "hz",
	"w": "w", "watt": "w", "watts": "w", "v": "v", "volt": "v", "volts": "v", "mah": "mah", "amp": "amp", "amps": "amp", "va": "va",
	"pack": "pk", "pk": "pk", "packs": "pk", "pcs": "pk", "ct": "pk", "count": "pk", "bx": "bx", "box": "bx",
	"port": "port", "ports": "port", "x": "x", "user": "user", "users": "user", "license": "user", "cu": "cu", "oz": "oz", "lb": "lb", "lbs": "lb",
	"btu": "btu", "qt": "qt", "quart": "qt", "cup": "cup", "capacity": "cap", "page": "page", "pages": "page", "sheet": "sheet", "sheets": "sheet",
	"day": "day", "year": "year", "yr": "year", "channel": "ch", "ch": "ch", "bit": "bit", "k": "k", "p": "p", "i": "p",
}

// measured collects the numbers of s by the unit that follows them.
func measured(s string) map[string][]string {
	words := strings.Fields(s)
	out := map[string][]string{}
	for i, w := range words {
		n := 0
		for n < len(w) && (w[n] == '.' || '0' <= w[n] && w[n] <= '9') {
			n++
		}
		if n == 0 {
			continue
		}
		unit := w[n:]
		if unit == "" && i+1 < len(words) {
			unit = words[i+1]
		}
		if u, ok := units[unit]; ok {
			out[u] = append(out[u], strings.TrimSuffix(w[:n], ".0"))
		}
	}
	for u := range out {
		slices.Sort(out[u])
		out[u] = slices.Compact(out[u])
	}
	return out
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
