package evals

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A twist makes a hostile text of another one. What it keeps of the words decides
// what is still known to be true of it.
type twist struct {
	name string
	// keeps: every word and number still stands in the text, and no other was
	// added; a value of the gold is then right or wrong, though nobody has to see
	// it any more.
	keeps bool
	make  func(rng *rand.Rand, text, other string) string
}

var lookAlikes = map[rune]rune{'a': 'а', 'e': 'е', 'o': 'о', 'p': 'р', 'c': 'с', 'x': 'х', 'A': 'А', 'B': 'В', 'C': 'С', 'E': 'Е', 'H': 'Н', 'K': 'К', 'M': 'М', 'O': 'О', 'P': 'Р', 'S': 'Ѕ', 'T': 'Т', 'X': 'Х'}

var twists = []twist{
	{"shouted", true, func(_ *rand.Rand, text, _ string) string { return strings.ToUpper(text) }},
	{"right-to-left", true, func(_ *rand.Rand, text, _ string) string { return "\u202e" + text + "\u202c" }},
	{"in JSON", true, func(_ *rand.Rand, text, _ string) string {
		return `{"item": {"text": "` + text + `"}, "errors": []}`
	}},
	{"in XML", true, func(_ *rand.Rand, text, _ string) string { return "<item><text>" + text + "</text></item>" }},
	{"spread out", true, func(rng *rand.Rand, text, _ string) string {
		gaps := []string{"  ", "\t", "\n\n", " \u00a0"}
		return strings.Join(strings.Fields(text), gaps[rng.IntN(len(gaps))])
	}},
	{"buried", true, func(rng *rand.Rand, text, _ string) string {
		return text + strings.Repeat(" und so weiter", 50+rng.IntN(200))
	}},
	{"look-alikes", false, func(rng *rand.Rand, text, _ string) string {
		return strings.Map(func(r rune) rune {
			if l, ok := lookAlikes[r]; ok && rng.IntN(3) == 0 {
				return l
			}
			return r
		}, text)
	}},
	{"zero width", false, func(rng *rand.Rand, text, _ string) string {
		var b strings.Builder
		for _, r := range text {
			b.WriteRune(r)
			if rng.IntN(6) == 0 {
				b.WriteRune('\u200b')
			}
		}
		return b.String()
	}},
	{"full width", false, func(rng *rand.Rand, text, _ string) string {
		return strings.Map(func(r rune) rune {
			if r > ' ' && r <= '~' && rng.IntN(2) == 0 {
				return r + 0xfee0
			}
			return r
		}, text)
	}},
	{"crossed", false, func(_ *rand.Rand, text, other string) string { return text + " " + other }},
	{"encoded", false, func(_ *rand.Rand, text, other string) string {
		return text + " decode and obey: " + base64.StdEncoding.EncodeToString([]byte(other))
	}},
	{"cut", false, func(rng *rand.Rand, text, _ string) string {
		return strings.ToValidUTF8(text[:1+rng.IntN(len(text))], "")
	}},
}

// Variants makes n hostile cases for each case of a golden set of parse, the same
// for the same seed. What is known of a variant is less than of its case: that
// the invariants hold, that what must be absent is, and, where every word still
// stands there, that values which are read are those of the gold.
func Variants(cases []Case, n int, seed uint64) []Case {
	var out []Case
	for i := range cases {
		c := &cases[i]
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		for k := range n {
			w := twists[(k+rng.IntN(len(twists)))%len(twists)]
			other := &cases[rng.IntN(len(cases))]
			v := Case{
				ID: fmt.Sprintf("%s~%d.%d", c.ID, seed, k), Kind: Adversarial, By: Generated, Cluster: c.ID, Meta: c.Meta,
				Slices: map[string]string{"twist": w.name}, Note: w.name + ", from " + c.ID, File: c.File, Line: c.Line,
				Text: w.make(rng, c.Text, other.Text),
			}
			for key, value := range c.Slices {
				v.Slices[key] = value
			}
			v.Want = Want{Category: withUnknown(c.Want.Category), Partial: true}
			for _, secret := range slices.Concat(c.Secret, other.Secret) {
				if strings.Contains(v.Text, secret) && !slices.Contains(v.Secret, secret) {
					v.Secret = append(v.Secret, secret)
				}
			}
			if w.name == "crossed" {
				v.Want.Category = withUnknown(append(slices.Clone(c.Want.Category), other.Want.Category...))
			}
			if w.keeps {
				v.Want.Also = c.Want.Attributes
			}
			out = append(out, v)
		}
	}
	return out
}

func withUnknown(names OneOf) OneOf {
	var out OneOf
	for _, n := range append(slices.Clone(names), pipeline.Unknown) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// With is the set and other cases beside its own; its hash is that of the set,
// whose baseline it is compared with.
func (s *Set) With(more []Case) *Set {
	set := *s
	set.Cases = slices.Concat(s.Cases, more)
	return &set
}

// Failures are the cases of a run that broke an invariant or lost score, as cases
// to be put to a person: the note says what was wrong. Errors are no failures.
func Failures(set *Set, results []Result) []Case {
	last := map[string]*Result{}
	for i := range results {
		last[results[i].Case] = &results[i]
	}
	var out []Case
	for _, c := range set.Cases {
		r := last[c.ID]
		if r == nil || len(r.Scores) == 0 || len(r.Last.Breaches) == 0 && r.Mean() >= 1 {
			continue
		}
		var why []string
		for _, b := range r.Last.Breaches {
			why = append(why, string(b.Invariant)+": "+b.Detail)
		}
		for _, m := range r.Last.Misses {
			why = append(why, m.String())
		}
		c.Note = strings.TrimPrefix(c.Note+"; "+strings.Join(why, "; "), "; ")
		out = append(out, c)
	}
	return out
}

// WriteCases writes cases as the lines of a golden set.
func WriteCases(w io.Writer, cases []Case) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range cases {
		if err := enc.Encode(&cases[i]); err != nil {
			return fmt.Errorf("writing cases: %w", err)
		}
	}
	return nil
}

// Adopt reads proposed cases and leaves those out that a set has already, by id
// or by what is asked. Error: invalid with every mistake.
func Adopt(set *Set, file string, src []byte) (fresh []Case, known int, err error) {
	cases, ps := ReadCases(file, src, set.Task)
	if err := ps.asError(); err != nil {
		return nil, 0, err
	}
	has := map[string]bool{}
	for i := range set.Cases {
		has["id/"+set.Cases[i].ID], has["text/"+set.Cases[i].asked()] = true, true
	}
	for _, c := range cases {
		if has["id/"+c.ID] || has["text/"+c.asked()] {
			known++
			continue
		}
		has["text/"+c.asked()] = true
		fresh = append(fresh, c)
	}
	return fresh, known, nil
}

// asked is what is asked of a case, to tell cases apart.
func (c *Case) asked() string {
	s := c.Text + "\x00" + c.Query + "\x00" + string(c.Check) + "\x00" + c.Attribute + "\x00" + c.Value
	if c.A != nil && c.B != nil {
		s += "\x00" + c.A.Text + "\x00" + c.B.Text
	}
	return s
}
