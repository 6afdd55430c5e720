package retrieve

import (
	"fmt"
	"sort"
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// A Stage is what the passages are wanted for.
type Stage string

// The stages; an empty Stage stands for all.
const (
	Drafting   Stage = "drafting"
	Parsing    Stage = "parsing"
	Validating Stage = "validating"
)

// Stages in the order of the work.
var Stages = []Stage{Drafting, Parsing, Validating}

// A Kind says what a passage is.
type Kind string

// Kinds of passages.
const (
	Category  Kind = "category"
	Attribute Kind = "attribute"
	Entry     Kind = "entry"
	Standard  Kind = "standard"
	Guideline Kind = "guideline"
	Document  Kind = "document"
)

// A Passage is one thing that can be found and cited.
type Passage struct {
	// ID is lasting and unique: bearing, bearing/attribute/bore,
	// bearing/seal/2RS, bearing/standard/DIN 625-1,
	// bearing/guidelines.md#clearance, doc/ID#N.
	ID       string `json:"id"`
	Kind     Kind   `json:"kind"`
	Category string `json:"category,omitempty"`
	// Stages that it serves.
	Stages []Stage `json:"stages"`
	Title  string  `json:"title"`
	Text   string  `json:"text"`
	// Source and Version of a document's chunk.
	Source  string `json:"source,omitempty"`
	Version string `json:"version,omitempty"`
}

// Serves reports whether a passage serves a stage; the empty one stands for all.
func (p *Passage) Serves(s Stage) bool {
	if s == "" {
		return true
	}
	for _, have := range p.Stages {
		if have == s {
			return true
		}
	}
	return false
}

// Passages are those of a pack, in order of category.
func Passages(p *knowledge.Pack) []Passage {
	var out []Passage
	for _, name := range p.Categories() {
		s, _ := p.Schema(name)
		out = append(out, overview(s))
		for i := range s.Attributes {
			out = append(out, attribute(s, &s.Attributes[i]))
		}
		out = append(out, entries(s)...)
		for i := range s.Standards {
			out = append(out, standard(s, &s.Standards[i]))
		}
		for _, g := range s.Guidelines {
			out = append(out, guideline(s.Category, g)...)
		}
	}
	return out
}

func overview(s *knowledge.Schema) Passage {
	var names []string
	for i := range s.Attributes {
		names = append(names, s.Attributes[i].Title)
	}
	return Passage{
		ID: s.Category, Kind: Category, Category: s.Category, Stages: []Stage{Drafting},
		Title: s.Title,
		Text:  fmt.Sprintf("%s, also called %s. Attributes: %s.", s.Title, words(s.Nouns), strings.Join(names, ", ")),
	}
}

// words joins terms without their compound marks.
func words(terms []string) string { return strings.ReplaceAll(strings.Join(terms, ", "), "|", "") }

func attribute(s *knowledge.Schema, a *knowledge.Attribute) Passage {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s (%s), a %s", a.Title, s.Title, a.Name, a.Kind)
	if a.Unit != "" {
		fmt.Fprintf(&b, " in %s", a.Unit)
	}
	switch {
	case a.Critical && a.Required:
		b.WriteString("; required, and critical: parts that differ in it are not interchangeable")
	case a.Critical:
		b.WriteString("; critical: parts that differ in it are not interchangeable")
	case a.Required:
		b.WriteString("; required")
	}
	if a.Min.IsNumber() || a.Max.IsNumber() {
		fmt.Fprintf(&b, "; plausible range %s to %s %s", a.Min, a.Max, a.Unit)
	}
	if a.Tolerance.IsNumber() {
		fmt.Fprintf(&b, "; tolerance %s %s", a.Tolerance, a.Unit)
	}
	if a.Below != "" {
		fmt.Fprintf(&b, "; below %s", strings.ReplaceAll(a.Below, "_", " "))
	}
	if a.Implicit != "" {
		fmt.Fprintf(&b, "; where nothing is written %s is meant", a.Implicit)
	}
	if len(a.Labels) > 0 {
		fmt.Fprintf(&b, ". Written as %s", words(a.Labels))
	}
	if a.From == "" && len(a.Allowed) > 0 {
		var values []string
		for _, v := range a.Allowed {
			values = append(values, v.Value)
		}
		fmt.Fprintf(&b, ". Values: %s", strings.Join(values, ", "))
	}
	b.WriteByte('.')
	return Passage{
		ID: s.Category + "/attribute/" + a.Name, Kind: Attribute, Category: s.Category, Stages: []Stage{Drafting, Validating},
		Title: s.Title + ": " + a.Title, Text: b.String(),
	}
}

// entries are the values of the category's own dictionary, with what they
// imply and their abbreviations. Values of shared lists are left out, except
// for those that the category restricts itself to: makers explain themselves.
func entries(s *knowledge.Schema) (out []Passage) {
	short := map[string][]string{}
	for _, a := range s.Abbreviations {
		short[knowledge.FoldText(strings.ReplaceAll(a.Long, "|", ""))] = append(short[knowledge.FoldText(strings.ReplaceAll(a.Long, "|", ""))], a.Short)
	}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if a.From == "manufacturers" {
			continue
		}
		for _, v := range a.Allowed {
			name := s.EntryName(a, v.Value)
			if a.From != "" {
				name = s.Category + "/" + a.Name + "/" + v.Value
			}
			spellings := append([]string{v.Value}, v.Synonyms...)
			for _, t := range spellings {
				spellings = append(spellings, short[knowledge.FoldText(strings.ReplaceAll(t, "|", ""))]...)
			}
			text := fmt.Sprintf("%s of %s: %s. Written as %s.", a.Title, s.Title, v.Value, words(spellings))
			for _, im := range v.Implies {
				text += fmt.Sprintf(" It means %s %s.", strings.ReplaceAll(im.Attribute, "_", " "), im.Value)
			}
			out = append(out, Passage{
				ID: name, Kind: Entry, Category: s.Category, Stages: []Stage{Parsing},
				Title: s.Title + ", " + a.Title + ": " + v.Value, Text: text,
			})
		}
	}
	return out
}

func standard(s *knowledge.Schema, st *knowledge.Standard) Passage {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s.", st.ID, s.Title, st.Title)
	if len(st.Aliases) > 0 {
		fmt.Fprintf(&b, " Also %s.", strings.Join(st.Aliases, ", "))
	}
	if len(st.Equivalent) > 0 {
		fmt.Fprintf(&b, " The same for a buyer: %s.", strings.Join(st.Equivalent, ", "))
	}
	for _, im := range st.Implies {
		fmt.Fprintf(&b, " It means %s %s.", strings.ReplaceAll(im.Attribute, "_", " "), im.Value)
	}
	for _, name := range st.Sized() {
		fmt.Fprintf(&b, " Sizes of %s: %s.", strings.ReplaceAll(name, "_", " "), strings.Join(st.Sizes[name], " "))
	}
	return Passage{
		ID: s.Category + "/standard/" + st.ID, Kind: Standard, Category: s.Category, Stages: []Stage{Parsing, Validating},
		Title: st.ID + " " + st.Title, Text: b.String(),
	}
}

// guideline cuts a Markdown document at its third level headings; the second
// level above one names the stage.
func guideline(category string, g knowledge.Guideline) (out []Passage) {
	stages := Stages
	title := ""
	var body []string
	seen := map[string]int{}
	flush := func() {
		text := strings.TrimSpace(strings.Join(body, "\n"))
		body = body[:0]
		if title == "" || text == "" {
			return
		}
		id := slug(title)
		if seen[id]++; seen[id] > 1 {
			id += fmt.Sprintf("-%d", seen[id])
		}
		out = append(out, Passage{
			ID: g.File + "#" + id, Kind: Guideline, Category: category, Stages: stages,
			Title: title, Text: text,
		})
	}
	for _, line := range strings.Split(g.Text, "\n") {
		switch {
		case strings.HasPrefix(line, "### "):
			flush()
			title = strings.TrimSpace(line[4:])
		case strings.HasPrefix(line, "## "):
			flush()
			title = strings.TrimSpace(line[3:])
			stages = Stages
			for _, s := range Stages {
				if strings.EqualFold(title, string(s)) {
					stages, title = []Stage{s}, ""
				}
			}
		case strings.HasPrefix(line, "# "):
			flush()
			title, stages = "", Stages
		default:
			body = append(body, line)
		}
	}
	flush()
	return out
}

func slug(title string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(title) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		} else {
			dash = true
		}
	}
	return b.String()
}

func byID(ps []Passage) {
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].ID < ps[j].ID })
}
