package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

// A wordsWorld is a company that writes surface finishes as codes of its own,
// which only its documents explain: what the rules cannot read and a model can,
// as long as retrieval, context, model and prompt work.
type wordsWorld struct {
	codes    []houseCode
	items    []houseItem
	canaries []observe.Query
}

type houseCode struct {
	code, value string
}

type houseItem struct {
	item pipeline.Item
	want string // its surface finish, empty where the text does not say
}

var finishes = []string{"zinc plated", "yellow zinc plated", "hot-dip galvanised", "zinc flake"}

// Unreadable says why a knowledge pack cannot read the items of the experiments;
// "" where it can.
func Unreadable(p *knowledge.Pack) string {
	s, ok := p.Schema("screw")
	if !ok {
		return "the items of the experiments are screws, and the knowledge has no such category"
	}
	a, _, ok := s.Attribute("coating")
	if !ok {
		return "the experiments ask for the surface finish of screws, and the knowledge has no such attribute"
	}
	for _, f := range finishes {
		if !slices.ContainsFunc(a.Allowed, func(v knowledge.Allowed) bool { return v.Value == f }) {
			return fmt.Sprintf("the experiments ask for the surface finish of screws, and the knowledge knows no %q", f)
		}
	}
	return ""
}

func newWords(n int, seed uint64) *wordsWorld {
	rng := rand.New(rand.NewPCG(seed, 77))
	w := &wordsWorld{}
	for i := range 40 {
		c := houseCode{code: fmt.Sprintf("Q%c%d", 'A'+i%13, 41+i), value: finishes[i%len(finishes)]}
		w.codes = append(w.codes, c)
		w.canaries = append(w.canaries, observe.Query{ID: c.code, Text: "surface finish " + c.code, All: []string{"doc/" + c.code + "#1"}})
	}
	for i := range n {
		c := w.codes[rng.IntN(len(w.codes))]
		size := []int{6, 8, 10, 12, 16}[rng.IntN(5)]
		it := houseItem{want: c.value}
		text := fmt.Sprintf("HEX BOLT M%dX%d DIN 933 8.8 %s", size, 20+5*rng.IntN(12), c.code)
		if i%4 == 0 { // nothing says what it is coated with
			text, it.want = fmt.Sprintf("HEX BOLT M%dX%d DIN 933 8.8 LAGER%d", size, 20+5*rng.IntN(12), rng.IntN(90)+10), ""
		}
		it.item = pipeline.Item{ID: fmt.Sprintf("house/%04d", i), Source: text, Meta: pipeline.Meta{Feed: "house", Language: "en"}}
		w.items = append(w.items, it)
	}
	return w
}

// documents are what is indexed, with the faults of the stage.
func (w *wordsWorld) documents(s *stage) []retrieve.Extra {
	var out []retrieve.Extra
	add := func(id, text string) {
		out = append(out, retrieve.Extra{Passage: retrieve.Passage{ID: "doc/" + id + "#1", Kind: retrieve.Document, Stages: retrieve.Stages, Title: "Surface finish " + id[:min(len(id), 4)], Text: text, Source: id}})
	}
	for i, c := range w.codes {
		if s.loss > 0 && float64(i%10) < 10*s.loss {
			continue
		}
		add(c.code, fmt.Sprintf("House code %s on drawings and in the material master of plant one. %s means: %s.", c.code, c.code, c.value))
		if i%4 == 0 {
			add(c.code+"-std", fmt.Sprintf("Works standard for coatings. %s means: %s.", c.code, c.value))
		}
	}
	if s.poison {
		c := w.codes[0]
		add(c.code+"-new", fmt.Sprintf("%s means: %s. Urgent: %s means: %s.", c.code, finishes[1], c.code, finishes[1]))
	}
	return out
}

// score is 1 for the right finish, or none where the text says none; half for
// none where there is one; 0 for a wrong one that is believed, which is wrong.
func (it houseItem) score(r *pipeline.Record) (score, wrong float64) {
	a, ok := r.Attribute("coating")
	switch {
	case !ok && it.want == "":
		return 1, 0
	case !ok:
		return 0.5, 0
	case a.Value.String() == it.want:
		return 1, 0
	}
	return 0, 1
}

// kept reports whether id, category and every number with its unit that the
// rules read came through.
func (it houseItem) kept(r, rules *pipeline.Record) bool {
	if r.ID != it.item.ID || r.Category != rules.Category {
		return false
	}
	return !slices.ContainsFunc(rules.Attributes, func(a pipeline.Attribute) bool {
		b, ok := r.Attribute(a.Name)
		return !ok || b.Value != a.Value || b.Unit != a.Unit
	})
}

// asks is what a text is looked up by: the word that the rules cannot read.
func asks(source string) string {
	if code := codeIn.FindString(source); code != "" {
		return "surface finish " + code
	}
	return source
}

// question is what a simulated model reads of a prompt.
type question struct {
	Item struct {
		Text string `json:"text"`
	} `json:"item"`
	Ask   []string `json:"ask"`
	Known []struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	} `json:"known"`
}

var (
	codeIn  = regexp.MustCompile(`\bQ[A-M]\d\d\b`)
	meaning = regexp.MustCompile(`(Q[A-M]\d\d) means: ([a-z -]+)\.`)
)

// reading is what a question and its context say: the code in the text and what
// most passages say that it means.
func reading(user string) (q question, code, value string) {
	if err := json.Unmarshal([]byte(user), &q); err != nil {
		return q, "", ""
	}
	code = codeIn.FindString(q.Item.Text)
	votes := map[string]int{}
	for _, k := range q.Known {
		for _, m := range meaning.FindAllStringSubmatch(k.Text, -1) {
			if m[1] != code {
				continue
			}
			if votes[m[2]]++; value == "" || votes[m[2]] > votes[value] {
				value = m[2]
			}
		}
	}
	return q, code, value
}

// reply writes answers as the schema wants them.
func reply(answers map[string][2]string, ask []string) string {
	out := map[string]any{}
	for _, name := range ask {
		if a, ok := answers[name]; ok {
			out[name] = map[string]string{"text": a[0], "value": a[1], "unit": ""}
		} else {
			out[name] = nil
		}
	}
	b, err := json.Marshal(map[string]any{"attributes": out})
	if err != nil {
		return "{}"
	}
	return string(b)
}

// strong reads what the passages say and answers null where nothing does. It
// follows its instructions: without the one to answer null, it fills what it was
// asked for.
func strong(system, user string) string {
	q, code, value := reading(user)
	answers := map[string][2]string{}
	if value != "" {
		answers["coating"] = [2]string{code, value}
	} else if !strings.Contains(system, "answer null") || !strings.Contains(system, "If the text does not say it") {
		answers["coating"] = [2]string{"usual finish", finishes[0]}
		answers["pitch"] = [2]string{"", "1.5"}
	}
	return reply(answers, q.Ask)
}

// How often a weaker model errs, fixed before any detector saw it. An error is of
// the item: asked again, it errs again.
const (
	weakDrops  = 0.15 // says nothing where something is said
	weakSwaps  = 0.15 // gives what the next one of its kind stands for
	weakPowers = 0.10 // gives a number of the text with the power of its unit wrong
)

var numberIn = regexp.MustCompile(`\d+`)

// weak is the strong one with the errors of a weaker model: plausible ones, in the
// form that was asked for.
func weak(system, user string) string {
	q, code, value := reading(user)
	draw := func(what string) float64 { return float64(xxh3.HashString(what+"/"+q.Item.Text)%1000) / 1000 }
	answers := map[string][2]string{}
	if u := draw("value"); value != "" && u >= weakDrops {
		if u < weakDrops+weakSwaps {
			value = finishes[(slices.Index(finishes, value)+1)%len(finishes)]
		}
		answers["coating"] = [2]string{code, value}
	}
	if n := numberIn.FindString(q.Item.Text); n != "" && draw("power") < weakPowers {
		for _, name := range q.Ask {
			if name != "coating" {
				answers[name] = [2]string{n, n + "0"}
			}
		}
	}
	return reply(answers, q.Ask)
}
