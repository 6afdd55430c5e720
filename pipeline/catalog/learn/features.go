package learn

import (
	"math"
	"slices"
	"strings"
)

// featureNames are the columns of a feature vector, in order.
var featureNames = []string{
	"title_cosine", "title_gram_cosine", "full_cosine",
	"title_in_other_a", "title_in_other_b", "title_in_title_a", "title_in_title_b",
	"missing_max_a", "missing_max_b", "missing_sum_a", "missing_sum_b",
	"soft_a", "soft_b",
	"code_shared", "code_found_a", "code_found_b", "code_conflict", "code_near", "codes_a", "codes_b",
	"part_equal", "part_near", "part_found_a", "part_found_b", "part_known",
	"maker_cosine", "maker_found", "maker_known",
	"price_ratio", "price_close", "price_known",
	"numbers_jaccard", "numbers_conflict", "numbers_a", "numbers_b",
	"class_cosine", "words_ratio", "words_a", "words_b", "first_word", "body_cosine",
	"longest_run", "shared_max", "number_order",
	"measures_agree", "measures_conflict", "colours_agree", "colours_conflict", "year_conflict",
	"code_tail", "bare_title_gram",
	"core_shared", "core_conflict", "code_sibling",
}

// features compares two records.
func (s *Space) features(ai, bi int32) []float64 {
	a, b := s.recs[0][ai], s.recs[1][bi]
	f := make([]float64, 0, len(featureNames)+8)
	titles := cosine(&a.title, &b.title)
	f = append(f, titles, cosine(&a.grams, &b.grams), cosine(&a.full, &b.full))

	inA, maxA, sumA := s.contained(&a.title, &b.full, b.squash)
	inB, maxB, sumB := s.contained(&b.title, &a.full, a.squash)
	ttA, _, _ := s.contained(&a.title, &b.title, b.squashTitle)
	ttB, _, _ := s.contained(&b.title, &a.title, a.squashTitle)
	f = append(f, inA, inB, ttA, ttB, maxA, maxB, sumA, sumB)
	f = append(f, s.soft(a, b), s.soft(b, a))

	shared, foundA, foundB, near := codeMatch(a, b)
	conflict := 0.0
	if len(a.codes) > 0 && len(b.codes) > 0 && shared == 0 && foundA == 0 && foundB == 0 {
		conflict = 1
	}
	f = append(f, shared, foundA, foundB, conflict, near, float64(min(len(a.codes), 5)), float64(min(len(b.codes), 5)))

	var pe, pn, pfa, pfb, pk float64
	if len(a.parts) > 0 && len(b.parts) > 0 {
		pk = 2
		x, y := a.parts[0], b.parts[0]
		if x == y {
			pe = 1
		} else if len(x) >= 4 && len(y) >= 4 && (strings.Contains(x, y) || strings.Contains(y, x)) {
			pe = 0.8
		}
		pn = near2(x, y)
	} else if len(a.parts)+len(b.parts) > 0 {
		pk = 1
	}
	if len(a.parts) > 0 && len(a.parts[0]) >= 4 && strings.Contains(b.squash, a.parts[0]) {
		pfa = 1
	}
	if len(b.parts) > 0 && len(b.parts[0]) >= 4 && strings.Contains(a.squash, b.parts[0]) {
		pfb = 1
	}
	f = append(f, pe, pn, pfa, pfb, pk)

	mk := 0.0
	if a.raw[maker] != "" {
		mk++
	}
	if b.raw[maker] != "" {
		mk++
	}
	found := 0.0
	for _, x := range [][2]*record{{a, b}, {b, a}} {
		m := strings.Fields(x[0].raw[maker])
		if len(m) > 0 && strings.Contains(x[1].squash, m[0]) {
			found++
		}
	}
	f = append(f, cosine(&a.maker, &b.maker), found, mk)

	ratio, closeTo, known := -1.0, 0.0, 0.0
	if a.price > 0 && b.price > 0 {
		known = 1
		ratio = math.Abs(math.Log(a.price / b.price))
		if ratio < 0.02 {
			closeTo = 1
		}
	}
	f = append(f, ratio, closeTo, known)

	nj, nc := sets(a.numbers, b.numbers)
	f = append(f, nj, nc, float64(len(a.numbers)), float64(len(b.numbers)))
	f = append(f, cosine(&a.class, &b.class))
	la, lb := float64(len(a.words)), float64(len(b.words))
	f = append(f, math.Min(la, lb)/math.Max(1, math.Max(la, lb)), la, lb)
	first := 0.0
	if len(a.words) > 0 && len(b.words) > 0 && a.words[0] == b.words[0] {
		first = 1
	}
	bodies := 0.0
	if a.raw[body] != "" && b.raw[body] != "" {
		x, y := s.bag(a.raw[body]), s.bag(b.raw[body])
		bodies = cosine(&x, &y)
	} else {
		bodies = -1
	}
	f = append(f, first, bodies)
	f = append(f, float64(longestRun(a.words, b.words)), s.sharedMax(a, b), numberOrder(a.words, b.words))
	agree, clash := measures(a, b)
	ca, cc := overlap(a.colours, b.colours)
	_, yc := overlap(a.years, b.years)
	f = append(f, agree, clash, ca, cc, yc, codeTail(a, b), gramsWithoutCodes(a, b))
	rarest, none := s.coreMatch(a, b)
	f = append(f, rarest, none, sibling(a, b))
	return f
}

// shape is the runs of letters and digits of a code: epson123 is "a0".
func shape(code string) string {
	var out []byte
	for i := range len(code) {
		c := byte('a')
		if '0' <= code[i] && code[i] <= '9' {
			c = '0'
		}
		if len(out) == 0 || out[len(out)-1] != c {
			out = append(out, c)
		}
	}
	return string(out)
}

// measures counts the units in which both texts name a number: those whose
// numbers meet, and those whose numbers differ.
func measures(a, b *record) (agree, clash float64) {
	for u, x := range a.measures {
		y := b.measures[u]
		if y == nil {
			continue
		}
		if n, _ := overlap(x, y); n > 0 {
			agree++
		} else {
			clash++
		}
	}
	return agree, clash
}

// overlap compares two sorted sets of which both say something: what they
// share, and 1 where they share nothing.
func overlap(a, b []string) (shared, conflict float64) {
	if len(a) == 0 || len(b) == 0 {
		return 0, 0
	}
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, x); ok {
			shared++
		}
	}
	if shared == 0 {
		return 0, 1
	}
	return shared, 0
}

// codeTail is how far the best pair of codes that start alike differ at the
// end: variants of one model (ts500gsj25d2, ts500gsj25d2-w) do.
func codeTail(a, b *record) float64 {
	best := -1.0
	for _, x := range append(slices.Clone(a.parts), a.codes...) {
		for _, y := range append(slices.Clone(b.parts), b.codes...) {
			p := 0
			for p < len(x) && p < len(y) && x[p] == y[p] {
				p++
			}
			if p < 4 || p < min(len(x), len(y))/2 {
				continue
			}
			tail := float64(max(len(x), len(y)) - p)
			if best < 0 || tail < best {
				best = tail
			}
		}
	}
	return best
}

// gramsWithoutCodes is the Dice overlap of the 3-grams of the titles without
// their codes.
func gramsWithoutCodes(a, b *record) float64 {
	n, i, j := 0, 0, 0
	for i < len(a.plainGrams) && j < len(b.plainGrams) {
		switch {
		case a.plainGrams[i] == b.plainGrams[j]:
			n, i, j = n+1, i+1, j+1
		case a.plainGrams[i] < b.plainGrams[j]:
			i++
		default:
			j++
		}
	}
	if len(a.plainGrams)+len(b.plainGrams) == 0 {
		return 0
	}
	return 2 * float64(n) / float64(len(a.plainGrams)+len(b.plainGrams))
}

func cosine(a, b *bag) float64 {
	sum := 0.0
	for i, j := 0, 0; i < len(a.terms) && j < len(b.terms); {
		switch {
		case a.terms[i] == b.terms[j]:
			sum += float64(a.weights[i]) * float64(b.weights[j])
			i++
			j++
		case a.terms[i] < b.terms[j]:
			i++
		default:
			j++
		}
	}
	return sum
}

// contained is the share of the mass of x that stands in y, as a term or
// within y's text without spaces, and the greatest and total mass that does
// not.
func (s *Space) contained(x, y *bag, squash string) (share, most, sum float64) {
	if x.mass == 0 {
		return 0, 0, 0
	}
	for _, t := range x.terms {
		if _, ok := slices.BinarySearch(y.terms, t); ok {
			continue
		}
		w := s.names[t]
		if len(w) >= 4 && strings.Contains(squash, strings.ReplaceAll(w, ".", "")) {
			continue
		}
		most = math.Max(most, s.idf[t])
		sum += s.idf[t]
	}
	return 1 - sum/x.mass, most, sum
}

// soft is contained with words that are nearly alike counting in part.
func (s *Space) soft(a, b *record) float64 {
	sum, total := 0.0, 0.0
	for _, w := range a.words {
		idf := s.idf[s.vocab[w]]
		total += idf
		best := 0.0
		for _, v := range b.words {
			if v == w {
				best = 1
				break
			}
			if isNumber(v) || isNumber(w) {
				continue
			}
			if x := jaroWinkler(w, v); x > 0.85 {
				best = math.Max(best, x*0.9)
			} else if len(w) >= 3 && len(v) > len(w) && strings.HasPrefix(v, w) || len(v) >= 3 && len(w) > len(v) && strings.HasPrefix(w, v) {
				best = math.Max(best, 0.7)
			}
		}
		sum += idf * best
	}
	if total == 0 {
		return 0
	}
	return sum / total
}

// codeMatch compares the part numbers within the texts: the longest that is
// shared, the longest of either found in the other text, and how near the
// nearest two are.
func codeMatch(a, b *record) (shared, foundA, foundB, near float64) {
	for _, x := range a.codes {
		if _, ok := slices.BinarySearch(b.codes, x); ok {
			shared = math.Max(shared, float64(len(x)))
		}
		if strings.Contains(b.squash, x) {
			foundA = math.Max(foundA, float64(len(x)))
		}
		for _, y := range b.codes {
			near = math.Max(near, near2(x, y))
		}
	}
	for _, y := range b.codes {
		if strings.Contains(a.squash, y) {
			foundB = math.Max(foundB, float64(len(y)))
		}
	}
	return shared, foundA, foundB, near
}

// near2 is how much of the longer code the common prefix or the edit
// similarity covers.
func near2(x, y string) float64 {
	n := max(len(x), len(y))
	if n == 0 {
		return 0
	}
	return 1 - float64(edits(x, y))/float64(n)
}

func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	var buf [65]int
	row := buf[:len(b)+1]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diag+cost)
		}
	}
	return row[len(b)]
}

// sets compares two sorted sets: their Jaccard index (-1 where both are empty)
// and 1 where each has something the other lacks.
func sets(a, b []string) (jaccard, conflict float64) {
	n := 0
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, x); ok {
			n++
		}
	}
	if len(a)+len(b) == 0 {
		return -1, 0
	}
	if n < len(a) && n < len(b) {
		conflict = 1
	}
	return float64(n) / float64(len(a)+len(b)-n), conflict
}

// sharedMax is the mass of the rarest word that both titles have.
func (s *Space) sharedMax(a, b *record) float64 {
	best := 0.0
	for _, t := range a.title.terms {
		if _, ok := slices.BinarySearch(b.title.terms, t); ok {
			best = math.Max(best, s.idf[t])
		}
	}
	return best
}

// longestRun is the longest sequence of words that both have.
func longestRun(a, b []string) int {
	best := 0
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for i := range a {
		for j := range b {
			cur[j+1] = 0
			if a[i] == b[j] {
				cur[j+1] = prev[j] + 1
				best = max(best, cur[j+1])
			}
		}
		prev, cur = cur, prev
	}
	return best
}

// numberOrder is 1 where the first numbers of the two titles agree, 0 where
// they differ, -1 where one has none.
func numberOrder(a, b []string) float64 {
	first := func(ws []string) string {
		for _, w := range ws {
			if isNumber(w) {
				return w
			}
		}
		return ""
	}
	x, y := first(a), first(b)
	switch {
	case x == "" || y == "":
		return -1
	case x == y:
		return 1
	}
	return 0
}

// jaroWinkler is the string similarity of Winkler (1990) on bytes.
func jaroWinkler(a, b string) float64 {
	la, lb := len(a), len(b)
	if la == 0 || lb == 0 || la > 64 || lb > 64 {
		return 0
	}
	window := max(max(la, lb)/2-1, 0)
	var ma, mb uint64
	m := 0
	for i := range la {
		for j := max(0, i-window); j < min(lb, i+window+1); j++ {
			if mb&(1<<j) == 0 && a[i] == b[j] {
				ma |= 1 << i
				mb |= 1 << j
				m++
				break
			}
		}
	}
	if m == 0 {
		return 0
	}
	t, j := 0, 0
	for i := range la {
		if ma&(1<<i) == 0 {
			continue
		}
		for mb&(1<<j) == 0 {
			j++
		}
		if a[i] != b[j] {
			t++
		}
		j++
	}
	x := float64(m)
	jaro := (x/float64(la) + x/float64(lb) + (x-float64(t)/2)/x) / 3
	p := 0
	for p < min(la, lb, 4) && a[p] == b[p] {
		p++
	}
	return jaro + float64(p)*0.1*(1-jaro)
}

// coreMatch compares the runs of digits in what names the two: the rarity of
// the rarest that both have, and 1 where both have some and share none.
func (s *Space) coreMatch(a, b *record) (rarest, conflict float64) {
	for _, x := range a.cores {
		if _, ok := slices.BinarySearch(b.cores, x); ok {
			rarest = math.Max(rarest, s.coreIDF[x])
		}
	}
	if rarest == 0 && len(a.cores) > 0 && len(b.cores) > 0 {
		conflict = 1
	}
	return rarest, conflict
}

// sibling is how alike the two most alike codes are that are built alike and
// differ: numbers of one maker's series, which name two things. -1 where there
// are none.
func sibling(a, b *record) float64 {
	best := -1.0
	for _, x := range append(slices.Clone(a.parts), a.codes...) {
		if strings.Contains(b.squash, x) {
			continue
		}
		for _, y := range append(slices.Clone(b.parts), b.codes...) {
			if x == y || len(x) != len(y) || strings.Contains(a.squash, y) || shape(x) != shape(y) {
				continue
			}
			best = math.Max(best, near2(x, y))
		}
	}
	return best
}

// cores are the runs of at least four digits of s, without leading zeros.
func cores(s string) []string {
	var out []string
	for i := 0; i < len(s); i++ {
		k := i
		for k < len(s) && '0' <= s[k] && s[k] <= '9' {
			k++
		}
		if k-i >= 4 {
			if w := strings.TrimLeft(s[i:k], "0"); len(w) >= 3 {
				out = append(out, w)
			}
		}
		if k > i {
			i = k
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
