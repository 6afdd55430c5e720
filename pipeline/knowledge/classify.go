package knowledge

import (
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// Evidence is one thing that speaks for a category.
type Evidence struct {
	Category string
	// Text is the folded word, pattern or column that was seen.
	Text string
	// Why: noun, value, pattern, example, metadata.
	Why    string
	Weight float64
}

const (
	nounWeight = 3.0
	// headBonus goes to the first noun of a text: PUMP, MOTOR 1.5KW is a pump.
	headBonus = 1.0
	// valueWeight is shared by the categories that know the term.
	valueWeight = 0.8
	// standardWeight goes to the categories that a named standard belongs to.
	standardWeight = 2.5
	// exampleWeight is the most that one word of the examples says.
	exampleWeight = 0.5
	metaWeight    = 2.5
	// unitWeight goes to the categories that are stocked in such a unit.
	unitWeight = 0.6
	// highWeight multiplies what a trusted column says, lowText what a text says
	// that is not, and columnScore is the score where a trusted column decides.
	highWeight  = 2
	lowText     = 0.5
	columnScore = 0.9
	// classMargin is what the best category must lead by, and classLeast what
	// it must have at all.
	classMargin = 0.5
	// firmNoun is the score from which a noun of four letters or more is a word of
	// the dictionary, its beginning, or a slip in a longer one; a term of several
	// words is firm in any case, and so is an abbreviation of minListed letters or
	// more that the dictionary lists as it stands (PMP). Any other was guessed, and speaks for no more than unbacked
	// where fewer things than enough, of the weight backing or more, speak for
	// its category.
	firmNoun  = 0.855
	minListed = 3
	backing   = 0.2
	enough    = 2
	unbacked  = 0.9
	// firmPattern is the weight of a form that nothing else has: 6205-2RS.
	firmPattern = 1.0
	classLeast  = 1.1
	// sureLead is a lead after which the costlier evidence is not asked.
	sureLead = 3.0
)

// Sure is the weight from which the text alone names a category.
const Sure = nounWeight

// A classifier scores categories over the dictionaries and the examples.
type classifier struct {
	pack *Pack
	// nouns of all categories, and values that are not everywhere; a
	// meaning's Attribute is the category's index.
	nouns, values *Lexicon
	// words of examples: log-odds per category.
	words map[string][]wordWeight
	// spread counts the categories of a value meaning, by its spelling.
	patterns []classPattern
}

type wordWeight struct {
	category int
	weight   float64
}

type classPattern struct {
	category int
	pattern  *Pattern
}

func newClassifier(p *Pack) *classifier {
	c := &classifier{pack: p, nouns: newLexicon(), values: newLexicon(), words: map[string][]wordWeight{}}
	counts := map[string]map[int]int{}
	for i, name := range p.categories {
		s := p.schemas[name]
		c.harvest(&s.lexicon.root, nil, i, name)
		for short, longs := range s.lexicon.alias {
			for _, l := range longs {
				for _, m := range s.lexicon.lookup(l) {
					if m.Role == RoleNoun {
						c.nouns.addAtoms(strings.Fields(short), Meaning{Role: RoleNoun, Attribute: i, Entry: name})
					}
				}
			}
		}
		for k := range s.Patterns {
			if s.Patterns[k].Weight > 0 {
				c.patterns = append(c.patterns, classPattern{i, &s.Patterns[k]})
			}
		}
		for _, e := range s.Examples {
			for _, a := range atomTexts(e.Text) {
				if len(a) < 2 || isDigit(a[0]) || p.common[a] {
					continue
				}
				if counts[a] == nil {
					counts[a] = map[int]int{}
				}
				counts[a][i]++
			}
		}
	}
	for w, per := range counts {
		total := 0
		for _, n := range per {
			total += n
		}
		for cat, n := range per {
			share := float64(n) / float64(total)
			c.words[w] = append(c.words[w], wordWeight{cat, exampleWeight * share * math.Min(1, float64(n)/3)})
		}
		sort.Slice(c.words[w], func(i, j int) bool { return c.words[w][i].category < c.words[w][j].category })
	}
	c.nouns.freeze()
	c.values.freeze()
	return c
}

// harvest copies the nouns and values of one lexicon.
func (c *classifier) harvest(n *trieNode, path []string, category int, name string) {
	for _, m := range n.meanings {
		switch m.Role {
		case RoleNoun:
			c.nouns.addAtoms(path, Meaning{Role: RoleNoun, Attribute: category, Entry: name})
		case RoleValue, RoleStandard:
			c.values.addAtoms(path, Meaning{Role: m.Role, Attribute: category, Entry: name})
		}
	}
	for a, next := range n.next {
		c.harvest(next, append(path[:len(path):len(path)], a), category, name)
	}
}

// Classify says what category an item belongs to: by the metadata where that
// names one, and by what its text says. The score lies in 0..1; the category
// is pipeline.Unknown where the best does not lead by a margin. The evidence
// is sorted by weight.
func (p *Pack) Classify(item pipeline.Item) (category string, score float64, evidence []Evidence) {
	var f Folded
	f.Fold(item.Source)
	return p.classify(&f, item.Meta, true)
}

// ClassifyFolded is Classify of a text that is folded already. Its evidence is
// that of the metadata, and beside it the best category of the text alone.
func (p *Pack) ClassifyFolded(f *Folded, meta pipeline.Meta) (category string, score float64, evidence []Evidence) {
	return p.classify(f, meta, false)
}

// classify gathers the evidence of the text only for people: most items need
// none of it.
func (p *Pack) classify(f *Folded, meta pipeline.Meta, all bool) (category string, score float64, evidence []Evidence) {
	c := p.classifier
	meta = meta.Believed()
	w := weighing{points: make([]float64, len(p.categories)), backed: make([]int, len(p.categories)), named: make([]bool, len(p.categories)), f: f, names: p.categories, all: all}
	c.text(f, &w)
	if best, _ := leader(w.points); !all && best >= 0 && w.points[best] > 0 {
		w.evidence = append(w.evidence, Evidence{p.categories[best], "", "text", w.points[best]})
	}
	points := w.points
	if meta.Trust.Of(pipeline.NounText) == pipeline.Low {
		for i := range points {
			points[i] *= lowText
		}
	}
	// The word that says what it is may be the one in disguise.
	disguised := f.disguised()
	for i, n := range w.backed {
		if n < enough || disguised && !w.named[i] {
			points[i] = min(points[i], unbacked)
		}
	}
	alone := decided(points)
	named, high, evidence := c.meta(meta, points, w.evidence)
	sort.SliceStable(evidence, func(i, j int) bool { return evidence[i].Weight > evidence[j].Weight })
	if named >= 0 {
		return p.categories[named], columnScore, evidence
	}
	best, second := leader(points)
	if alone >= 0 && alone != best && !high { // columns of low trust do not speak against the text
		return p.categories[alone], (points[alone] / (points[alone] + points[best])) * lowText, evidence
	}
	if decided(points) < 0 {
		if best >= 0 && points[best] > 0 {
			score = points[best] / (points[best] + second + classLeast)
		}
		return pipeline.Unknown, score, evidence
	}
	return p.categories[best], (points[best] - second) / (points[best] + classMargin), evidence
}

// meta adds what the columns say. named is the category that a trusted column
// names and no other beside it, or -1: that column decides. high: a trusted
// column named a category.
func (c *classifier) meta(m pipeline.Meta, points []float64, evidence []Evidence) (named int, high bool, _ []Evidence) {
	p := c.pack
	named = -1
	add := func(cat int, w float64, text, why string) {
		points[cat] += w
		evidence = append(evidence, Evidence{p.categories[cat], text, why, w})
	}
	for _, word := range []struct {
		noun, text string
		weight     float64
	}{
		{pipeline.NounCategory, m.Category, metaWeight}, {pipeline.NounGroup, m.Group, metaWeight / 2}, {pipeline.NounProcurement, m.Procurement, metaWeight / 2},
	} {
		if word.text == "" {
			continue
		}
		trusted := m.Trust.Of(word.noun) == pipeline.High
		if trusted {
			word.weight *= highWeight
		}
		if s, ok := p.schemas[word.text]; ok {
			i := sort.SearchStrings(p.categories, s.Category)
			add(i, word.weight, word.text, "metadata")
			high = high || trusted
			if trusted && word.noun == pipeline.NounCategory {
				named = i
			}
			continue
		}
		var g Folded
		g.Fold(word.text)
		seen := map[int]bool{}
		meant := weighing{points: make([]float64, len(p.categories)), backed: make([]int, len(p.categories)), named: make([]bool, len(p.categories)), f: &g, names: p.categories, all: true}
		c.nounsOf(&g, &meant)
		for _, e := range meant.evidence {
			if cat := sort.SearchStrings(p.categories, e.Category); !seen[cat] {
				seen[cat] = true
				add(cat, word.weight*min(1, e.Weight/nounWeight), e.Text, "metadata")
			}
		}
		high = high || trusted && len(seen) > 0
		if trusted && word.noun == pipeline.NounCategory && len(seen) == 1 {
			for cat := range seen {
				named = cat
			}
		}
	}
	if d := stockDimension(m.UnitOfMeas); d != quantity.None {
		w := unitWeight
		if m.Trust.Of(pipeline.NounUnitOfMeas) == pipeline.High {
			w *= highWeight
			high = true
		}
		for i, name := range p.categories {
			if p.schemas[name].Stocked == d {
				add(i, w, m.UnitOfMeas, "metadata")
			}
		}
	}
	return named, high, evidence
}

// stockDimension is the dimension of a unit of measure that is none of pieces.
func stockDimension(unit string) quantity.Dimension {
	if unit == "" {
		return quantity.None
	}
	for _, u := range quantity.LookupUnit(unit) {
		if u.Dimension == quantity.Length { // M is the metre of a stock, not mega
			return u.Dimension
		}
	}
	return quantity.None
}

// decided is the category that leads by the margin, or -1.
func decided(points []float64) int {
	best, second := leader(points)
	if best < 0 || points[best] < classLeast || points[best]-second < classMargin {
		return -1
	}
	return best
}

// leader is the category with most points, and the points of the next.
func leader(points []float64) (best int, second float64) {
	best = -1
	for i, w := range points {
		switch {
		case best < 0 || w > points[best]:
			if best >= 0 {
				second = points[best]
			}
			best = i
		case w > second:
			second = w
		}
	}
	return best, second
}

// weighing adds up what speaks for each category.
type weighing struct {
	points []float64
	// backed says of each category how far its nouns are more than a guess: a
	// word as the dictionary has it is backing enough, one that was expanded
	// needs a second thing that speaks for the same category.
	backed []int
	// named: a noun speaks for the category, as the dictionary has it.
	named    []bool
	f        *Folded
	names    []string
	all      bool // keep the evidence, too
	evidence []Evidence
}

// add counts w for a category; from and to are offsets in the folded text.
func (w *weighing) add(category int, weight float64, from, to int, why string) {
	w.points[category] += weight
	switch {
	case why == "example" || weight < backing:
	case why == "pattern" && weight >= firmPattern:
		w.backed[category] += enough
	default:
		w.backed[category]++
	}
	if w.all {
		w.evidence = append(w.evidence, Evidence{w.names[category], string(w.f.Text[from:to]), why, weight})
	}
}

func leads(points []float64) (best int, lead float64) {
	best, second := leader(points)
	if best < 0 {
		return best, 0
	}
	return best, points[best] - second
}

// text scores the words of an item.
func (c *classifier) text(f *Folded, to *weighing) {
	c.nounsOf(f, to)
	points := to.points
	var buf []Match
	var spread []bool
	for i := 0; i < len(f.Atoms); {
		buf = c.values.MatchesAt(buf[:0], f.Atoms, i, false, nil)
		m, ok := longest(buf)
		if !ok {
			i++
			continue
		}
		spread = append(spread[:0], make([]bool, len(c.pack.categories))...)
		n := 0
		for _, me := range m.Meanings {
			if !spread[me.Attribute] {
				spread[me.Attribute] = true
				n++
			}
		}
		chars := 0
		for k := m.From; k < m.To; k++ {
			chars += len(f.Atoms[k].Text)
		}
		w := valueWeight * min(1, float64(chars)/4) / float64(n)
		if m.Meanings[0].Role == RoleStandard {
			w = standardWeight / float64(n)
		}
		for cat, has := range spread {
			if has {
				to.add(cat, w, f.Atoms[m.From].Pos, f.Atoms[m.To-1].Stop, "value")
			}
		}
		i = m.To
	}
	if best, lead := leads(points); lead >= sureLead && to.backed[best] >= enough {
		return // patterns and examples would not change the answer
	}
	for i := range f.Atoms {
		a := f.Atoms[i]
		for _, w := range c.words[a.Text] {
			to.add(w.category, w.weight, a.Pos, a.Stop, "example")
		}
	}
	for _, cp := range c.patterns {
		if !cp.pattern.Possible(f) {
			continue
		}
		for i := range f.Atoms {
			a := &f.Atoms[i]
			if _, end := cp.pattern.MatchAt(nil, f.Text, a.Pos); end > 0 {
				to.add(cp.category, cp.pattern.Weight, a.Pos, end, "pattern")
			}
		}
	}
}

// nounsOf finds what a text calls the thing. The first noun weighs more, and
// a noun that was read by expansion less.
func (c *classifier) nounsOf(f *Folded, to *weighing) {
	var buf []Match
	var cats []int
	skip := func(w string) bool { return c.pack.common[w] || c.pack.everyday[w] || c.values.Knows(w) }
	head := headBonus
	for i := 0; i < len(f.Atoms); {
		if f.Atoms[i].Digits {
			i++
			continue
		}
		buf = c.nouns.MatchesAt(buf[:0], f.Atoms, i, true, skip)
		m, ok := clearest(buf, func(a, b Meaning) bool { return a.Attribute == b.Attribute })
		firm := ok && (m.To > m.From+1 || m.Score >= firmNoun && len(f.Atoms[i].Text) >= minVocable || m.Score == 1 && len(f.Atoms[i].Text) >= minListed)
		if !ok {
			m, ok = c.compound(f, i)
			firm = ok
		}
		if !ok {
			i++
			continue
		}
		cats = cats[:0]
		for _, me := range m.Meanings {
			if !slices.Contains(cats, me.Attribute) {
				cats = append(cats, me.Attribute)
			}
		}
		slices.Sort(cats)
		for _, cat := range cats {
			to.add(cat, (nounWeight+head)*m.Score*m.Score/float64(len(cats)), f.Atoms[m.From].Pos, f.Atoms[m.To-1].Stop, "noun")
			if firm {
				to.named[cat] = true
				to.backed[cat] += enough
			}
		}
		head = 0
		i = m.To
	}
}

// compoundScore is that of a noun at the end of a longer word.
const compoundScore = 0.9

// compound reads the noun at the end of a German compound that no dictionary
// lists: the last part says what it is (Kupferdichtring is a Dichtring).
func (c *classifier) compound(f *Folded, i int) (Match, bool) {
	w := f.Atoms[i].Text
	for j := max(3, len(w)-maxWord); j+5 <= len(w); j++ {
		n := c.nouns.root.next[w[j:]]
		if n != nil && len(n.meanings) > 0 {
			return Match{From: i, To: i + 1, Meanings: n.meanings, Score: compoundScore}, true
		}
	}
	return Match{}, false
}

// longest is the match that covers most atoms.
func longest(ms []Match) (best Match, ok bool) {
	for _, m := range ms {
		if !ok || m.To > best.To {
			best, ok = m, true
		}
	}
	return best, ok
}

// clearest is the best match of those that start at one atom, if its meaning
// leads every other by the margin. More atoms beat a better score.
func clearest(ms []Match, same func(a, b Meaning) bool) (best Match, ok bool) {
	key := func(m Match) float64 { return float64(m.To-m.From) + m.Score }
	for _, m := range ms {
		if !ok || key(m) > key(best) {
			best, ok = m, true
		}
	}
	if !ok || best.Score == 1 {
		return best, ok
	}
	for _, m := range ms {
		if m.To != best.To || m.Score < best.Score-Margin {
			continue
		}
		if !same(m.Meanings[0], best.Meanings[0]) {
			return Match{}, false
		}
	}
	return best, true
}
