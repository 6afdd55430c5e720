package learn

import (
	"math"
	"slices"
	"sort"
	"strings"
)

// A Dictionary is what was learnt. It is immutable and safe for concurrent use.
type Dictionary struct {
	// Threshold is the least score of a value that Find returns.
	Threshold  float64
	categories map[string]*category
}

// category holds the counts of one category.
type category struct {
	examples int
	// all pieces of all texts, by feature.
	all    map[feature]int
	pieces int
	// occurs counts the texts that a piece stands in; words the words.
	occurs map[string]int
	words  map[string]int
	attrs  map[string]*attribute
}

// attribute holds the counts of one attribute.
type attribute struct {
	name     string
	features map[feature]int
	found    int // values that were found in their texts
	stated   int // values
	absent   int // examples that were looked at and state none
	values   map[string]*entry
	words    map[string]int
	forms    *forms
}

// entry is one piece of text that is a value.
type entry struct {
	seen   int // as a value of the attribute
	texts  map[string]int
	values map[string]int
}

// Learn counts examples. The same examples in the same order give the same
// dictionary.
func Learn(examples []Example) *Dictionary {
	d := count(examples)
	d.Threshold = threshold(examples)
	return d
}

func count(examples []Example) *Dictionary {
	d := &Dictionary{categories: map[string]*category{}}
	for i := range examples {
		e := &examples[i]
		if len(e.Attributes) == 0 {
			continue
		}
		c := d.categories[e.Category]
		if c == nil {
			c = &category{all: map[feature]int{}, occurs: map[string]int{}, words: map[string]int{}, attrs: map[string]*attribute{}}
			d.categories[e.Category] = c
		}
		c.learn(e)
	}
	for _, c := range d.categories {
		for _, a := range c.attrs {
			a.forms.settle()
		}
	}
	return d
}

func (c *category) learn(e *Example) {
	ws := wordsOf(e.Text)
	c.examples++
	for i := range ws {
		c.words[ws[i].folded]++
	}
	seen := map[string]bool{}
	pieces(e.Text, ws, func(p piece, fs []feature) {
		c.pieces++
		for _, f := range fs {
			c.all[f]++
		}
		if !seen[p.plain] {
			seen[p.plain] = true
			c.occurs[p.plain]++
		}
	})
	for _, name := range e.names() {
		a := c.attrs[name]
		if a == nil {
			a = &attribute{name: name, features: map[feature]int{}, values: map[string]*entry{}, words: map[string]int{}, forms: newForms()}
			c.attrs[name] = a
		}
		labels := e.Attributes[name]
		if len(labels) == 0 {
			a.absent++
		}
		for _, l := range labels {
			a.learn(e.Text, ws, l)
		}
	}
}

func (a *attribute) learn(text string, ws []word, l Label) {
	a.stated++
	key := plain(l.Text)
	v := a.values[key]
	if v == nil {
		v = &entry{texts: map[string]int{}, values: map[string]int{}}
		a.values[key] = v
	}
	v.seen++
	v.texts[l.Text]++
	v.values[l.Value]++
	a.forms.learn(l)
	p, ok := locate(text, ws, l.Text)
	if !ok {
		return
	}
	a.found++
	var buf [12]feature
	for _, f := range features(buf[:0], ws, p) {
		a.features[f]++
	}
	for i := p.from; i < p.to; i++ {
		a.words[ws[i].folded]++
	}
}

// locate finds where a value stands, on the edges of words.
func locate(text string, ws []word, value string) (piece, bool) {
	low, want := strings.ToLower(text), strings.ToLower(value)
	if len(low) != len(text) || want == "" {
		low, want = text, value // letters whose lower case has another length
	}
	for from := 0; ; {
		k := strings.Index(low[from:], want)
		if k < 0 {
			return piece{}, false
		}
		start, end := from+k, from+k+len(want)
		i, ok1 := slices.BinarySearchFunc(ws, start, func(w word, at int) int { return w.start - at })
		j, ok2 := slices.BinarySearchFunc(ws, end, func(w word, at int) int { return w.end - at })
		if ok1 && ok2 && j-i < maxPiece && j >= i {
			return piece{from: i, to: j + 1, text: text[start:end], plain: plain(value)}, true
		}
		from = start + 1
	}
}

// A Found value.
type Found struct {
	// Text stands at Start..End; Value is its normal form.
	Text, Value string
	Start, End  int
	// Score is a sum of log-likelihood ratios.
	Score float64
}

// Find returns the most likely value of an attribute in a text of a category,
// if it scores above the threshold.
func (d *Dictionary) Find(category, attribute, text string) (Found, bool) {
	best := d.find(category, attribute, text)
	return best, best.Text != "" && best.Score >= d.Threshold
}

func (d *Dictionary) find(categoryName, attributeName, text string) (best Found) {
	c := d.categories[categoryName]
	if c == nil || c.attrs[attributeName] == nil {
		return best
	}
	a := c.attrs[attributeName]
	ws := wordsOf(text)
	best.Score = math.Inf(-1)
	pieces(text, ws, func(p piece, fs []feature) {
		if s := c.score(a, ws, p, fs); s > best.Score {
			best = Found{Text: p.text, Start: ws[p.from].start, End: ws[p.to-1].end, Score: s}
		}
	})
	if best.Text != "" {
		best.Value = a.value(best.Text)
	}
	return best
}

const (
	entryWeight = 1.5 // of what is known of the piece itself
	elsewhere   = 0.7 // of its being a value of another attribute
	wordWeight  = 0.8 // of the words that it is made of
)

// score is how much more a piece looks like the values of a than like the other
// pieces of the category.
func (c *category) score(a *attribute, ws []word, p piece, fs []feature) float64 {
	s := 0.0
	for _, f := range fs {
		prior := (float64(c.all[f]) + 0.5) / float64(c.pieces+1)
		k := 2.0
		switch f.kind {
		case 'B', 'N', 'F', 'E':
			k = 4 // words are rarer than forms
		}
		s += weights[f.kind] * math.Log((float64(a.features[f])+k*prior)/(float64(a.found)+k)/prior)
	}
	seen := 0
	if v := a.values[p.plain]; v != nil {
		seen = v.seen
	}
	occurs := max(c.occurs[p.plain], seen)
	if seen > 0 {
		s += entryWeight * (math.Log((float64(seen)+0.5)/(float64(occurs-seen)+1)) + 3 + 0.5*math.Log1p(float64(seen)))
	} else {
		s -= entryWeight * 0.3 * math.Log1p(float64(occurs))
	}
	others := 0
	for _, b := range c.attrs {
		if b != a {
			if v := b.values[p.plain]; v != nil {
				others += v.seen
			}
		}
	}
	s -= elsewhere * math.Log1p(float64(others))
	w := 0.0
	for i := p.from; i < p.to; i++ {
		if n := c.words[ws[i].folded]; n > 0 {
			in := a.words[ws[i].folded]
			w += math.Log(2 * (float64(in) + 0.3) / (float64(n-min(n, in)) + 0.6))
		}
	}
	return s + wordWeight*w/float64(p.to-p.from)
}

// innerFolds of the examples choose the threshold.
const innerFolds = 3

// threshold is where F1 over held-out parts of the examples is best, rounded to
// a quarter. With too few examples to tell it is zero: as likely as not.
func threshold(examples []Example) float64 {
	if len(examples) < 10*innerFolds {
		return 0
	}
	type outcome struct {
		score         float64
		right, stated bool
	}
	var all []outcome
	stated := 0
	for f := range innerFolds {
		var train, test []Example
		for i := range examples {
			if i%innerFolds == f {
				test = append(test, examples[i])
			} else {
				train = append(train, examples[i])
			}
		}
		d := count(train)
		for i := range test {
			e := &test[i]
			for _, name := range e.names() {
				got := d.find(e.Category, name, e.Text)
				o := outcome{score: got.Score, stated: len(e.Attributes[name]) > 0}
				for _, l := range e.Attributes[name] {
					o.right = o.right || strings.EqualFold(got.Value, l.Value)
				}
				if o.stated {
					stated++
				}
				if got.Text != "" {
					all = append(all, o)
				}
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].score > all[j].score })
	best, at, right := -1.0, 0.0, 0
	for i, o := range all {
		if o.right {
			right++
		}
		if i+1 < len(all) && all[i+1].score == o.score {
			continue
		}
		if f := 2 * float64(right) / float64(i+1+stated); f > best {
			best, at = f, o.score
		}
	}
	return math.Floor(at*4) / 4
}
