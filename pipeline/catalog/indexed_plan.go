package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/catalog/postings"
)

// A source is a set of items with what being in it weighs.
type source struct {
	blocks []*postings.Bits // by block, nil where none is in it
	weight float64
}

func (s *source) at(block int) *postings.Bits {
	if block < len(s.blocks) {
		return s.blocks[block]
	}
	return nil
}

func (s *source) add(r *postings.Row) error {
	for len(s.blocks) <= r.Block {
		s.blocks = append(s.blocks, nil)
	}
	if s.blocks[r.Block] == nil {
		s.blocks[r.Block] = new(postings.Bits)
	}
	return s.blocks[r.Block].Add(r.Raw)
}

func (s *source) count() int {
	n := 0
	for _, b := range s.blocks {
		if b != nil {
			n += b.Count()
		}
	}
	return n
}

// A plan is a query as sets of the index.
type plan struct {
	index SearchIndex
	s     *Searcher
	all   source
	// What is found is in each of must, and in one of some where there are any.
	must    []*source
	some    []*source
	skipped source
	// loose: a set of must is more than what meets its filter. cut: one of some
	// is less than what has the word.
	loose, cut bool
}

// read adds the rows of each key to the source that stands at it.
func (p *plan) read(ctx context.Context, at map[string][]*source) error {
	if len(at) == 0 {
		return nil
	}
	keys := make([]string, 0, len(at))
	for k := range at {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	rows, err := p.index.Postings(ctx, keys)
	if err != nil {
		return err
	}
	for i := range rows {
		for _, s := range at[rows[i].Key] {
			if err := s.add(&rows[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip leaves out what is in the index as it was.
func (p *plan) skip(n int) {
	if n < 0 {
		return
	}
	block := n / postings.Block
	for len(p.skipped.blocks) <= block {
		p.skipped.blocks = append(p.skipped.blocks, nil)
	}
	if p.skipped.blocks[block] == nil {
		p.skipped.blocks[block] = new(postings.Bits)
	}
	p.skipped.blocks[block].Set(n % postings.Block)
}

// words reads who has the words of text, and how rare each is.
func (p *plan) words(ctx context.Context, text string) error {
	words := wordsOf(text)
	at := map[string][]*source{keyAll: {&p.all}}
	exact, begun := make([]*source, len(words)), make([]*source, len(words))
	for i, w := range words {
		exact[i], begun[i] = &source{}, &source{}
		key := wordKey(w)
		at[key] = append(at[key], exact[i])
		if len(w) < minPrefix {
			continue
		}
		keys, err := p.index.KeysIn(ctx, key, key+last, maxPrefixed+1)
		if err != nil {
			return err
		}
		if len(keys) > maxPrefixed {
			keys, p.cut = keys[:maxPrefixed], true
		}
		for _, k := range keys {
			if k != key {
				at[k] = append(at[k], begun[i])
			}
		}
	}
	if err := p.read(ctx, at); err != nil {
		return err
	}
	p.s.n = p.all.count()
	near := map[string][]*source{}
	for i, w := range words {
		if n := exact[i].count(); n > 0 {
			p.s.idf[w] = idf(p.s.n, n)
		}
		exact[i].weight = p.s.weight(w)
		begun[i].weight = prefixed * exact[i].weight
		for b, x := range exact[i].blocks {
			if x != nil && begun[i].at(b) != nil {
				begun[i].blocks[b].AndNot(x)
			}
		}
		p.some = append(p.some, exact[i], begun[i])
		if len(exact[i].blocks)+len(begun[i].blocks) > 0 {
			continue
		}
		keys, err := p.spelled(ctx, w)
		if err != nil {
			return err
		}
		s := &source{weight: exact[i].weight / 2}
		for _, k := range keys {
			near[k] = append(near[k], s)
		}
		p.some = append(p.some, s)
	}
	return p.read(ctx, near)
}

// last is behind every text that a key may go on with.
const last = "\U0010FFFF"

// spelled are the keys of the words that begin as w does and are spelt nearly as
// it is: an edit apart, or two where it is long.
func (p *plan) spelled(ctx context.Context, w string) ([]string, error) {
	if len(w) < 4 || strings.ContainsAny(w, "0123456789") {
		return nil, nil
	}
	from := keyWord + w[:2]
	keys, err := p.index.KeysIn(ctx, from, from+last, maxSpelled)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(keys, func(k string) bool { return edits(k[len(keyWord):], w) > 1+len(w)/8 }), nil
}

// edits is the distance of two words in letters put in, left out, changed, and
// neighbours that changed places.
func edits(a, b string) int {
	if max(len(a), len(b))-min(len(a), len(b)) > 2 {
		return 3
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := range len(a) {
		before, above, row := rows[i%3], rows[(i+1)%3], rows[(i+2)%3]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}

// meaning reads who is what the words of q mean, and who has its values.
func (p *plan) meaning(ctx context.Context, q *question) error {
	of := 0.65 / max(q.total, 1e-9)
	if q.view != nil {
		of *= 0.45
	}
	for _, s := range p.some {
		s.weight *= of
	}
	if q.view == nil {
		return nil
	}
	at := map[string][]*source{}
	want := func(weight float64, keys ...string) {
		s := &source{weight: weight}
		for _, k := range keys {
			at[k] = append(at[k], s)
		}
		p.some = append(p.some, s)
	}
	stated := 1.0
	for j := range q.view.vals {
		if v := &q.view.vals[j]; v.known && !v.implied {
			stated++
		}
	}
	weight := 0.55 / stated
	want(weight, keyOf(keyMeta, "category", plain(q.view.category)))
	for j := range q.view.vals {
		v, c := &q.view.vals[j], &q.view.crit.list[j]
		switch {
		case !v.known || v.implied:
		case v.number:
			want(weight, keyNumber+stem(q.view.category, c.name)+"\t"+ordered(v.num))
		case c.maker:
			want(weight, keyOf(keyMeta, "maker", plain(v.show)))
		default:
			want(weight, keyOf(keyText, stem(q.view.category, c.name), plain(v.show)))
		}
	}
	return p.read(ctx, at)
}

// best are the numbers of what the plan finds: all, where that is no more than
// most, else those that weigh the most, the first in the index before the others.
// total counts all.
func (p *plan) best(ranked bool, most int) (numbers []int, total int, whole bool) {
	blocks := len(p.all.blocks)
	found := make([]*postings.Bits, blocks)
	for b := range found {
		d := p.inside(b)
		if d == nil {
			continue
		}
		if ranked {
			var some postings.Bits
			for _, s := range p.some {
				if x := s.at(b); x != nil {
					some.Or(x)
				}
			}
			d.And(&some)
		}
		if n := d.Count(); n > 0 {
			found[b], total = d, total+n
		}
	}
	if whole = total <= most; !ranked || whole {
		for b, d := range found {
			if d == nil {
				continue
			}
			d.All(func(i int) bool {
				numbers = append(numbers, b*postings.Block+i)
				return len(numbers) < most
			})
			if len(numbers) >= most {
				break
			}
		}
		return numbers, total, whole
	}
	by := slices.DeleteFunc(slices.Clone(p.some), func(s *source) bool { return len(s.blocks) == 0 })
	slices.SortStableFunc(by, func(a, b *source) int { return cmp.Compare(a.weight, b.weight) })
	top := &heaviest{most: most}
	for b, d := range found {
		if d == nil {
			continue
		}
		// What is only in sets that together weigh no more than the least that is
		// kept cannot come in.
		sum, light := 0.0, 0
		for light < len(by) && top.full() && sum+by[light].weight <= top.least() {
			sum += by[light].weight
			light++
		}
		var heavy postings.Bits
		var here []*postings.Bits
		var weights []float64
		for i, s := range by {
			x := s.at(b)
			if x == nil {
				continue
			}
			here, weights = append(here, x), append(weights, s.weight)
			if i >= light {
				heavy.Or(x)
			}
		}
		heavy.And(d)
		heavy.All(func(i int) bool {
			w := 0.0
			for j, x := range here {
				if x.Has(i) {
					w += weights[j]
				}
			}
			top.offer(w, b*postings.Block+i)
			return true
		})
	}
	return top.numbers(), total, false
}

// inside are the items of a block that meet the filters, nil where none does.
func (p *plan) inside(b int) *postings.Bits {
	d := p.all.at(b)
	if d == nil {
		return nil
	}
	in := *d
	for _, s := range p.must {
		x := s.at(b)
		if x == nil {
			return nil
		}
		in.And(x)
	}
	if x := p.skipped.at(b); x != nil {
		in.AndNot(x)
	}
	return &in
}
