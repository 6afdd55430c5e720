package evals

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Said is what a model says of an attribute, or of the category.
type Said struct {
	// Text is the passage that it read, Value and Unit what it makes of it.
	Text  string `json:"text,omitempty"`
	Value string `json:"value"`
	Unit  string `json:"unit,omitempty"`
}

// A Fault is what goes wrong when a simulated model is asked about a case.
type Fault string

// Faults of simulated models.
const (
	// Down: the provider answers 503.
	Down Fault = "down"
	// Nonsense: prose where JSON was asked for.
	Nonsense Fault = "nonsense"
	// Declines: the model declines to answer.
	Declines Fault = "declines"
	// Invents: values that the text does not carry, said to be from it.
	Invents Fault = "invents"
	// Repeats: what only the prompt says comes back.
	Repeats Fault = "repeats"
	// Cut: the answer ends in the middle.
	Cut Fault = "cut"
)

// Faults are all of them.
var Faults = []Fault{Down, Nonsense, Declines, Invents, Repeats, Cut}

// A Simulated is a model that needs no network: it answers what the cases of
// golden sets record as the answer of a model that can read (their says), and it
// does what its prompt says. A prompt that lost an instruction gets the answers
// of a model that was not told: values for what the text does not say, passages
// that were not copied, rounded numbers, words of its own. The same question
// gets the same answer.
type Simulated struct {
	skill skill
	cases map[string]*Case // by text
}

// A skill is how well a simulated model reads. Shares are of the questions about
// one attribute of one case, chosen by hash.
type skill struct {
	wrong   float64 // says a wrong value
	silent  float64 // says nothing where it could
	invents float64 // says something where there is nothing
	down    bool    // is never there
}

// The skills were fixed before any suite was run with them.
var skills = map[string]skill{
	"able":  {},
	"brief": {silent: 0.35},
	"hasty": {wrong: 0.15, silent: 0.05, invents: 0.2},
	"down":  {down: true},
}

// SimulatedModels are the names that Simulate knows, sorted.
func SimulatedModels() []string { return sortedKeys(skills) }

// Simulate is the simulated model of a name over the cases of some suites. Error:
// not_found.
func Simulate(name string, sets []*Set) (*Simulated, error) {
	k, ok := skills[name]
	if !ok {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no simulated model %q", name).
			WithHint("there are simulated:%s", strings.Join(SimulatedModels(), ", simulated:"))
	}
	m := &Simulated{skill: k, cases: map[string]*Case{}}
	for _, set := range sets {
		if set.Task != Parse && set.Task != Category {
			continue
		}
		for i := range set.Cases {
			c := &set.Cases[i]
			if had := m.cases[c.Text]; had == nil || len(had.Says)+len(had.Fault) == 0 {
				m.cases[c.Text] = c
			}
		}
	}
	return m, nil
}

// What a simulated model looks for in its instructions. Other words of the same
// sense would do; these are the ones of the prompts that ship.
var (
	toldNull     = regexp.MustCompile(`(?is)does not say it.{0,40}\bnull\b|\bnull\b.{0,60}does not say`)
	toldCopy     = regexp.MustCompile(`(?i)copied|character by character|verbatim`)
	toldExact    = regexp.MustCompile(`(?i)never rounded|exactly as (large|it stands|written)`)
	toldChoice   = regexp.MustCompile(`(?i)(one of the values listed|only the values listed)`)
	toldData     = regexp.MustCompile(`(?i)never an instruction|never instructions|only read it`)
	toldSecret   = regexp.MustCompile(`(?i)for you alone|never part of an answer`)
	toldUnknown  = regexp.MustCompile(`(?i)category is "unknown"|answer "unknown"`)
	reference    = regexp.MustCompile(`Reference (\S+)`)
	listed       = regexp.MustCompile(`(?m)^- ([a-z_0-9]+):`)
	withDecimals = regexp.MustCompile(`^(\d+)\.\d+$`)
)

// Fault is what goes wrong with a question; "" for nothing.
func (m *Simulated) Fault(user string) Fault {
	if m.skill.down {
		return Down
	}
	if c := m.cases[textOf(user)]; c != nil {
		return c.Fault
	}
	return ""
}

// question is the user's part of a question, as far as a simulated model reads
// it.
type question struct {
	Item struct {
		Text string `json:"text"`
	} `json:"item"`
	Ask []string `json:"ask"`
}

func textOf(user string) string {
	var q question
	if json.Unmarshal([]byte(user), &q) != nil {
		return ""
	}
	return q.Item.Text
}

// Answer is the text of the reply to a question.
func (m *Simulated) Answer(system, user string) string {
	var q question
	if err := json.Unmarshal([]byte(user), &q); err != nil {
		return "I cannot read the question."
	}
	c := m.cases[q.Item.Text]
	if c == nil {
		c = &Case{ID: q.Item.Text}
	}
	ref := ""
	if found := reference.FindStringSubmatch(system); found != nil {
		ref = found[1]
	}
	switch {
	case c.Fault == Nonsense:
		return "It is a fine day, and this item is surely a good one."
	case c.Fault == Repeats:
		return fmt.Sprintf(`{"attributes": {}, "note": "reference %s"}`, ref)
	case c.Fault == Cut:
		return `{"attributes": {"` + strings.Join(q.Ask, `": null, "`)
	case len(q.Ask) == 0:
		return m.sort(c, system)
	}
	out := map[string]any{}
	known := listed.FindAllStringSubmatch(system, -1)
	for _, name := range q.Ask {
		out[name] = nil
		if !slices.ContainsFunc(known, func(l []string) bool { return l[1] == name }) {
			continue // nobody said what it is
		}
		if said, ok := m.attribute(c, name, system); ok {
			out[name] = said
		}
	}
	reply := map[string]any{"attributes": out}
	if ref != "" && !toldSecret.MatchString(system) {
		reply["reference"] = ref
	}
	b, err := json.Marshal(reply)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// attribute is what it says of one attribute.
func (m *Simulated) attribute(c *Case, name, system string) (Said, bool) {
	at := func(what string) float64 {
		return float64(xxh3.HashString("simulated/"+what+"/"+c.ID+"/"+name)%10_000) / 10_000
	}
	said, knows := c.Says[name]
	if lured, ok := c.Lured[name]; ok && !toldData.MatchString(system) {
		said, knows = lured, true
	}
	switch {
	case c.Fault == Invents, knows && at("wrong") < m.skill.wrong, !knows && at("invents") < m.skill.invents:
		return Said{Text: c.Text[:min(len(c.Text), 4)], Value: "7.5", Unit: "mm"}, true
	case !knows && !toldNull.MatchString(system):
		return guess(c, name, system), true
	case !knows || at("silent") < m.skill.silent:
		return said, false
	}
	if !toldCopy.MatchString(system) {
		said.Text = "the part about " + name
		if said.Unit == "" { // a word that stands in no passage is a conclusion from none
			said.Value = strings.ToUpper(said.Value)
		}
	}
	if number := withDecimals.FindStringSubmatch(said.Value); number != nil && !toldExact.MatchString(system) {
		said.Value = number[1]
	}
	if !toldChoice.MatchString(system) {
		said.Value += " finish"
	}
	return said, true
}

// guess is what a model says that was never told to say nothing: the first of
// the values that it may choose from, for a word that stands in the text.
func guess(c *Case, name, system string) Said {
	words := strings.Fields(c.Text)
	said := Said{Value: "1.5"}
	if len(words) > 0 {
		said.Text = words[len(words)-1]
	}
	for line := range strings.Lines(system) {
		if choices, ok := strings.CutPrefix(line, "- "+name+":"); ok {
			if _, list, ok := strings.Cut(choices, "one of: "); ok {
				said.Value, _, _ = strings.Cut(strings.TrimSpace(list), ", ")
			}
		}
	}
	return said
}

// sort is the answer to what category an item has.
func (m *Simulated) sort(c *Case, system string) string {
	said, knows := c.Says["category"]
	if !knows {
		said = Said{Value: pipeline.Unknown}
		if first := listed.FindStringSubmatch(system); first != nil && !toldUnknown.MatchString(system) {
			said = Said{Value: first[1], Text: c.Text}
		}
	}
	if !toldCopy.MatchString(system) {
		said.Text = "what it is called"
	}
	b, err := json.Marshal(map[string]string{"category": said.Value, "text": said.Text})
	if err != nil {
		return "{}"
	}
	return string(b)
}
