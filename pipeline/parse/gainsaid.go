package parse

import (
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// gainsaid holds a conclusion against the passages that the question cited: where a
// sentence of theirs that names the quoted words names other values of the
// attribute, and none names the one that was concluded, the answer contradicts
// what it was given. Where no passage says anything of the words, nothing is
// gainsaid.
func gainsaid(known []Passage, a *knowledge.Attribute, got *pipeline.Attribute) (guard.Finding, bool) {
	quoted := fold(got.Text)
	if got.Provenance != pipeline.Inferred || len(quoted) < 2 {
		return guard.Finding{}, false
	}
	other, where := "", ""
	for _, k := range known {
		for sentence := range strings.FieldsFuncSeq(k.Text, func(r rune) bool { return strings.ContainsRune(".;!?\n", r) }) {
			sentence = fold(sentence)
			if !hasWords(sentence, quoted) {
				continue
			}
			for _, v := range valuesIn(sentence, a) {
				if v == got.Value.String() {
					return guard.Finding{}, false
				}
				other, where = v, k.ID
			}
		}
	}
	if other == "" {
		return guard.Finding{}, false
	}
	return guard.Finding{Code: guard.Ungrounded, Attribute: a.Name, Action: guard.NullAndFlag,
		Detail: "the passage " + where + " says of " + clipped(got.Text) + ": " + other}, true
}

// valuesIn are the values of an attribute that a sentence names, without those
// that only stand within a longer one.
func valuesIn(sentence string, a *knowledge.Attribute) []string {
	var found []string
	for i := range a.Allowed {
		v := fold(a.Allowed[i].Value)
		if v == "" || !hasWords(sentence, v) {
			continue
		}
		longer := false
		for k := range a.Allowed {
			w := fold(a.Allowed[k].Value)
			longer = longer || len(w) > len(v) && hasWords(w, v) && hasWords(sentence, w)
		}
		if !longer {
			found = append(found, a.Allowed[i].Value)
		}
	}
	return found
}

// fold writes a text in small letters with single spaces.
func fold(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), " ") }

// hasWords reports whether words stand in a text, not as a piece of a longer word.
func hasWords(text, words string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], words)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(words)
		if (i == 0 || !wordPart(lastRune(text[:i]))) && (end == len(text) || !wordPart([]rune(text[end:])[0])) {
			return true
		}
		from = i + 1
	}
}

func lastRune(s string) rune {
	rs := []rune(s)
	return rs[len(rs)-1]
}

func wordPart(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
