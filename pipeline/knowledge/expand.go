package knowledge

import (
	"sort"
	"sync"
)

// A Reading is a word of the vocabulary that an unlisted word may stand for.
type Reading struct {
	Word  string
	Score float64
}

const (
	// MinScore is the least score of a reading that is considered.
	MinScore = 0.6
	// Margin is by how much the best meaning must beat every other.
	Margin = 0.06
	// inflected is the score of another form of a word: rundes, rund.
	inflected = 0.97
	// maxReadings of one word; a word with more is no abbreviation but noise.
	maxReadings = 12
	// maxWord is the longest word that is expanded.
	maxWord = 40
)

// A vocable is a word of the vocabulary with its consonant skeleton: the first
// letter and every consonant after it.
type vocable struct {
	word, skeleton string
}

func newVocable(w string) vocable { return vocable{w, skeleton(w)} }

func isVowel(c byte) bool {
	switch c {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}

func skeleton(w string) string {
	b := make([]byte, 0, len(w))
	for i := 0; i < len(w); i++ {
		if i == 0 || !isVowel(w[i]) {
			b = append(b, w[i])
		}
	}
	return string(b)
}

// readings is a bounded cache: when it is full it starts afresh, so memory
// stays flat over any number of items and results never depend on it.
type readings struct {
	mu sync.RWMutex
	m  map[string][]Reading
}

const maxCached = 1 << 14

// Expand returns the vocabulary words that an unlisted word may be short for,
// the best first. Only the word itself decides, so the answer is the same
// whatever was asked before.
func (l *Lexicon) Expand(word string) []Reading {
	if len(word) < 2 || len(word) > maxWord || isDigit(word[0]) {
		return nil
	}
	l.cache.mu.RLock()
	rs, ok := l.cache.m[word]
	l.cache.mu.RUnlock()
	if ok {
		return rs
	}
	rs = l.expand(word)
	l.cache.mu.Lock()
	if l.cache.m == nil || len(l.cache.m) >= maxCached {
		l.cache.m = make(map[string][]Reading, 256)
	}
	l.cache.m[word] = rs
	l.cache.mu.Unlock()
	return rs
}

func (l *Lexicon) expand(word string) []Reading {
	v := newVocable(word)
	var out []Reading
	consider := func(ws []vocable) {
		for _, w := range ws {
			if s := likeness(v, w); s >= MinScore {
				out = append(out, Reading{w.word, s})
			}
		}
	}
	consider(l.words[word[0]])
	// A swap or slip of the first letter: the second tells where to look.
	if len(word) >= 5 && word[1] != word[0] {
		for _, w := range l.words[word[1]] {
			if s := slip(word, w.word); s >= MinScore {
				out = append(out, Reading{w.word, s * 0.95})
			}
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Score != out[j].Score {
			return out[i].Score > out[j].Score
		}
		return out[i].Word < out[j].Word
	})
	for k := range out {
		// Another form of a word is nothing else besides.
		if out[0].Score >= inflected && out[k].Score < out[0].Score-2*Margin {
			out = out[:k]
			break
		}
	}
	if len(out) > maxReadings {
		out = out[:maxReadings]
	}
	return out
}

// likeness is how well a, as written, stands for the word w with the same
// first letter: 0 for not at all, below 1 for anything but w itself.
func likeness(a, w vocable) float64 {
	if a.word == w.word {
		return 0 // it is no expansion of itself
	}
	best := max(inflection(a.word, w.word), slip(a.word, w.word))
	n, m := len(a.word), len(w.word)
	if n >= m {
		return best
	}
	switch {
	case w.word[:n] == a.word: // stainl, centrif
		best = max(best, shortness(n, m, 0.97))
	case a.word == w.skeleton && n >= 3: // stnlss
		best = max(best, shortness(n, len(w.skeleton), 0.97))
	case n >= 3 && len(w.skeleton) > n && w.skeleton[:n] == a.word: // cntrf
		best = max(best, shortness(n, len(w.skeleton), 0.93))
	case n >= 3 && subsequence(a.word, w.word):
		best = max(best, contraction(a, w))
	}
	return best
}

// shortness scores n letters left of m: what is longer, in itself and beside
// the word, is less likely to be something else.
func shortness(n, m int, top float64) float64 {
	var s float64
	switch {
	case n <= 1:
		return 0
	case n == 2:
		s = 0.62
	case n == 3:
		s = 0.80
	case n == 4:
		s = 0.88
	default:
		s = 0.94
	}
	return min(top, s+0.08*float64(n)/float64(m)-0.04)
}

// contraction scores a subsequence that starts like the word: brg, scrw, mtr.
// Consonants that are left out inside cost, a common last letter helps.
func contraction(a, w vocable) float64 {
	kept := 0 // consonants of w that a kept, in order
	j := 0
	for i := 0; i < len(w.skeleton) && j < len(a.skeleton); i++ {
		if w.skeleton[i] == a.skeleton[j] {
			kept++
			j++
		}
	}
	share := float64(kept) / float64(len(w.skeleton))
	if !syllabic(a.word, w.word) {
		return 0
	}
	s := 0.58 + 0.3*share
	if a.word[len(a.word)-1] == w.word[len(w.word)-1] {
		s += 0.05
	}
	// Letters in their place from the start: bear… rather than b…a…r.
	lead := 0
	for lead < len(a.word) && a.word[lead] == w.word[lead] {
		lead++
	}
	s += 0.02 * float64(min(lead, 4))
	if len(a.word) == 3 {
		s -= 0.06
	}
	return min(s, 0.92)
}

// syllabic reports whether every vowel that a kept follows the letter that it
// follows in w, or ends both: who shortens a word drops its vowels first, and
// keeps one only with its syllable. Words that merely happen to be scattered
// over a longer one do not pass: big is no bearing.
func syllabic(a, w string) bool {
	return syllables(a[1:], w[1:], true)
}

// syllables matches the rest of a into the rest of w; next: the letter before
// stands just before w.
func syllables(a, w string, next bool) bool {
	if a == "" {
		return true
	}
	for j := 0; j+len(a) <= len(w); j++ {
		if w[j] != a[0] {
			continue
		}
		begins, ends := next && j == 0, len(a) == 1 && j == len(w)-1
		if isVowel(a[0]) && !begins && !ends {
			continue
		}
		if syllables(a[1:], w[j+1:], true) {
			return true
		}
	}
	return false
}

func subsequence(a, w string) bool {
	i := 0
	for j := 0; j < len(w) && i < len(a); j++ {
		if a[i] == w[j] {
			i++
		}
	}
	return i == len(a)
}

// inflection scores endings of English and German.
func inflection(a, w string) float64 {
	long, short := a, w
	if len(a) < len(w) {
		long, short = w, a
	}
	if len(short) < 4 || long[:len(short)] != short {
		return 0
	}
	switch long[len(short):] {
	case "s", "es", "n", "en", "e", "er", "em", "ed":
		return inflected
	}
	return 0
}

// slip scores one typing error in a word of five letters and more, two in nine
// and more (optimal string alignment: insert, drop, change, swap).
func slip(a, w string) float64 {
	n, m := len(a), len(w)
	if n < 4 || m < 4 || n > m+2 || m > n+2 {
		return 0
	}
	switch d := alignment(a, w); {
	case d == 1 && min(n, m) >= 6:
		return 0.90
	case d == 1 && min(n, m) == 5:
		return 0.85
	case d == 1 && n == m && swapped(a, w):
		return 0.84
	case d == 2 && min(n, m) >= 9:
		return 0.80
	}
	return 0
}

func swapped(a, w string) bool {
	for i := 0; i < len(a); i++ {
		if a[i] != w[i] {
			return i+1 < len(a) && a[i] == w[i+1] && a[i+1] == w[i] && a[i+2:] == w[i+2:]
		}
	}
	return false
}

// alignment is the optimal string alignment distance, 3 for 3 and more.
func alignment(a, w string) int {
	if len(w) > maxWord || len(a) > maxWord {
		return 3
	}
	var rows [3][maxWord + 1]int
	p2, p1, p0 := &rows[0], &rows[1], &rows[2]
	for j := range len(w) + 1 {
		p1[j] = j
	}
	for i := 1; i <= len(a); i++ {
		p0[0] = i
		least := i
		for j := 1; j <= len(w); j++ {
			cost := 1
			if a[i-1] == w[j-1] {
				cost = 0
			}
			d := min(p1[j]+1, p0[j-1]+1, p1[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == w[j-2] && a[i-2] == w[j-1] {
				d = min(d, p2[j-2]+1)
			}
			p0[j] = d
			least = min(least, d)
		}
		if least > 2 {
			return 3
		}
		p2, p1, p0 = p1, p0, p2
	}
	return min(p1[len(w)], 3)
}
