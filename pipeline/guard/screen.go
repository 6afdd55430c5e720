package guard

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Hit is a sign of an instruction where only data should stand.
type Hit struct {
	// Rule names the sign: override, secrets, extraction, persona, …
	Rule string
	// Weight is how much it says, 1 being enough alone.
	Weight float64
	// Span are the bytes of the text that show it.
	pipeline.Span
}

// A Screening is what Screen says of a text.
type Screening struct {
	// Flagged: the text probably tries to instruct the model. Whatever it says,
	// it remains data: this only decides whether a model sees it at all.
	Flagged bool
	// Score is the sum of the weights of the different rules that hit in the
	// worst segment (a line of the text), 1 and more being flagged.
	Score float64
	Hits  []Hit
	// Hidden counts characters that cannot be seen (zero width, tags, direction
	// marks) and were removed before the rules looked.
	Hidden int
}

// maxScreened bounds the bytes that are screened; a catalog text is a line.
const maxScreened = 64 << 10

// Screen looks for instructions in a text that should be data. It reads the
// text as a person would see it (without invisible characters, look-alike
// letters folded to Latin ones), and its rules are sequences of words, in
// English and German with the commonest phrases of other languages. Its time
// is linear in the text.
func Screen(text string) Screening {
	var s Screening
	if len(text) > maxScreened {
		text = text[:maxScreened]
	}
	if plainLine(text) {
		return s
	}
	words, hidden := screenWords(text)
	s.Hidden = hidden
	rules := screenRules()
	seen := map[string]bool{}    // rules that hit, with the pattern
	counted := map[string]bool{} // rules that count already in their segment
	scores := map[int]float64{}  // by segment
	segment, counting := 0, 0    // the segment of the last hit, and where it starts
	add := func(rule string, weight float64, sp pipeline.Span) {
		s.Hits = append(s.Hits, Hit{rule, weight, sp})
		if sp.Start < counting {
			segment, counting = 0, 0
		}
		if n := strings.Count(text[counting:sp.Start], "\n"); n > 0 {
			segment += n
			clear(counted)
		}
		counting = sp.Start
		if !counted[rule] {
			counted[rule] = true
			scores[segment] += weight
			s.Score = max(s.Score, scores[segment])
		}
	}
	for i := range words {
		for _, r := range rules.first[words[i].form] {
			if end, ok := r.match(words, i); ok && !seen[r.name+r.key] {
				seen[r.name+r.key] = true
				add(r.name, r.weight, pipeline.Span{Start: words[i].start, End: words[end].end})
			}
		}
	}
	shapes(text, words, add)
	if hidden > 3 {
		add("hidden", 0.7, pipeline.Span{Start: 0, End: len(text)})
	}
	s.Flagged = s.Score >= 1
	return s
}

// plainLine reports whether a text has too few words in a row to instruct
// anyone: nearly all catalog lines.
func plainLine(text string) bool {
	words, run := 0, 0
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			return false
		case isLetter(c):
			run++
		default:
			if run > 1 {
				words++
			}
			run = 0
		}
	}
	if run > 1 {
		words++
	}
	return words < 3
}

// A screenWord is a word as it looks, with the bytes that it came from.
type screenWord struct {
	form       string
	start, end int
}

// screenWords cuts a text into words: compatibility forms folded, accents
// kept, small letters, look-alikes of other scripts read as Latin where they
// stand among Latin letters.
func screenWords(text string) (words []screenWord, hidden int) {
	var b []byte
	start, end := -1, 0
	latin, other := false, false
	flush := func() {
		if start < 0 {
			return
		}
		form := string(b)
		if latin && other {
			form = lookAlikes.Replace(form)
		}
		form = strings.Trim(form, "'")
		if form != "" {
			words = append(words, screenWord{form, start, end})
		}
		b, start, latin, other = b[:0], -1, false, false
	}
	for i := 0; i < len(text); {
		r, w := utf8.DecodeRuneInString(text[i:])
		switch {
		case invisible(r):
			hidden++
		case r == '\'' || r == '’' || r == 'ʼ':
			if start >= 0 {
				b = append(b, '\'')
			}
		case r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			if start < 0 {
				start = i
			}
			latin = true
			b = append(b, byte(unicode.ToLower(r))) //nolint:gosec // ASCII
			end = i + w
		case unicode.Is(unicode.Han, r) || unicode.Is(unicode.Hiragana, r) || unicode.Is(unicode.Katakana, r):
			// Scripts without spaces: each character is a word.
			flush()
			words = append(words, screenWord{string(r), i, i + w})
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r):
			if start < 0 {
				start = i
			}
			other = other || unicode.Is(unicode.Cyrillic, r) || unicode.Is(unicode.Greek, r)
			b = append(b, strings.ToLower(norm.NFKC.String(string(r)))...)
			end = i + w
		default:
			flush()
			if r == '<' || r == '[' || r == '{' {
				words = append(words, screenWord{string(r), i, i + w})
			}
		}
		i += w
	}
	flush()
	return words, hidden
}

// invisible reports whether a character leaves no mark on a page.
func invisible(r rune) bool {
	return r == 0x00ad || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f ||
		r == 0xfeff || r >= 0xe0000 && r <= 0xe007f || r == 0x180e
}

var lookAlikes = strings.NewReplacer(
	"а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "у", "y", "х", "x", "і", "i", "ј", "j", "ѕ", "s", "к", "k", "м", "m", "т", "t", "в", "b", "н", "h", "ԁ", "d", "ɡ", "g",
	"α", "a", "ε", "e", "ο", "o", "ρ", "p", "ι", "i", "κ", "k", "ν", "v", "τ", "t", "υ", "u", "χ", "x", "η", "n")

// A rule is a sequence of word sets with gaps.
type rule struct {
	name   string
	key    string
	weight float64
	steps  []step
}

type step struct {
	words    map[string]bool
	prefixes []string
	gap      int // words that may stand before
}

// match reports whether the rule matches from word i on, and its last word.
func (r *rule) match(words []screenWord, i int) (end int, ok bool) {
	at := i
	for _, s := range r.steps[1:] {
		found := false
		for j := at + 1; j < len(words) && j <= at+1+s.gap; j++ {
			if s.has(words[j].form) {
				at, found = j, true
				break
			}
		}
		if !found {
			return 0, false
		}
	}
	return at, true
}

func (s *step) has(w string) bool {
	if s.words[w] {
		return true
	}
	for _, p := range s.prefixes {
		if strings.HasPrefix(w, p) {
			return true
		}
	}
	return false
}

type ruleIndex struct {
	first map[string][]*rule
}

// screenRules compiles the patterns: words of a step are separated by |, a
// word that ends with * is a beginning, ~n allows n words between two steps.
var screenRules = sync.OnceValue(func() *ruleIndex {
	x := &ruleIndex{first: map[string][]*rule{}}
	for _, p := range screenPatterns {
		for _, text := range p.patterns {
			r := &rule{name: p.name, key: text, weight: p.weight}
			gap := 0
			for f := range strings.FieldsSeq(text) {
				if n, ok := strings.CutPrefix(f, "~"); ok {
					gap = int(n[0] - '0')
					if len(n) > 1 {
						gap = gap*10 + int(n[1]-'0')
					}
					continue
				}
				if set, ok := strings.CutPrefix(f, "@"); ok {
					f = screenSets[set]
				}
				st := step{words: map[string]bool{}, gap: gap}
				for w := range strings.SplitSeq(f, "|") {
					if pre, ok := strings.CutSuffix(w, "*"); ok {
						st.prefixes = append(st.prefixes, pre)
					} else {
						st.words[w] = true
					}
				}
				r.steps = append(r.steps, st)
				gap = 0
			}
			for w := range r.steps[0].words {
				x.first[w] = append(x.first[w], r)
			}
		}
	}
	return x
})
