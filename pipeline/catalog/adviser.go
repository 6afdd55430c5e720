package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// An Adviser asks a chat model about pairs that wait for a person, several at
// once, and writes what it thinks, and why, among the reasons of the pair. It
// decides nothing: a pair that was advised about stays in review, and a pair
// that is vetoed, or told already, is never asked about.
//
// The model is not trusted. What is sent is screened for texts that try to give
// orders and scrubbed of personal data, and stands in JSON strings that nothing
// in it can close. Of what comes back a pair keeps one sentence at most, and
// only if each number in it stands in one of the two texts, it names no address
// and tries nothing itself. Whatever goes wrong (an outage, a budget that is
// used up, an answer that cannot be read), the pair is what it was.
type Adviser struct {
	Client *model.Client
	Prompt knowledge.Prompt
	// Deny are words that neither a question nor an answer may hold.
	Deny []string
	// Off, where set, says of which items the model may not be told.
	Off func(pipeline.Item) bool
	// Tokens bounds all questions of one Advise; default 200,000.
	Tokens int64
	// Pairs bounds how many pairs are asked about at once, the likeliest first;
	// default 500.
	Pairs int
	Log   *slog.Logger
}

const (
	// advisedAtOnce is how many pairs one question holds.
	advisedAtOnce = 8
	// maxRationale is the longest reason that is kept, in bytes.
	maxRationale = 300
	// maxMended is the cost of repairs up to which an answer is read: prose
	// around it, a fence or a comma do not count, a cut answer does.
	maxMended = 0.2
)

// adviceSchema is what a model is made to answer.
var adviceSchema = &model.Schema{Name: "advice", JSON: []byte(`{"type":"object","additionalProperties":false,"required":["answers"],"properties":{"answers":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["pair","opinion","because"],"properties":{"pair":{"type":"string"},"opinion":{"type":"string","enum":["same","different","unsure"]},"because":{"type":"string"}}}}}}`)}

var adviceShape = &guard.Shape{Type: "object", Fields: []guard.Member{{Name: "answers", Required: true, Shape: &guard.Shape{
	Type: "array", Items: &guard.Shape{Type: "object", Closed: true, Fields: []guard.Member{
		{Name: "pair", Required: true, Shape: &guard.Shape{Type: "string"}},
		{Name: "opinion", Required: true, Shape: &guard.Shape{Type: "string"}},
		{Name: "because", Shape: &guard.Shape{Type: "string"}},
	}}}}}}

// opinions are what the model may think, and how a buyer reads it.
var opinions = map[string]string{"same": "the same thing", "different": "different things", "unsure": "cannot be told"}

// advisedSide is one entry of a pair as it is sent.
type advisedSide struct {
	Text         string `json:"text"`
	Manufacturer string `json:"manufacturer,omitempty"`
	PartNumber   string `json:"part_number,omitempty"`
}

type advisedPair struct {
	ID string      `json:"id"`
	A  advisedSide `json:"a"`
	B  advisedSide `json:"b"`

	at      int    // in the matches
	a, b    string // ids of the items
	sources string // both texts, folded of spaces: where numbers must stand
}

// Advise writes what the model thinks among the reasons of the matches for
// review whose items stand in entries, and returns how many it wrote. The
// questions are cut along the first item of the pairs, so that the same pairs
// make the same questions, whose answers are kept. Error: canceled alone.
func (a *Adviser) Advise(ctx context.Context, entries []Entry, matches []Match) (int, error) {
	log := a.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	canary := "c" + pipeline.ShortID(pipeline.ContentID("canary", a.Prompt.Version))
	system, err := a.Prompt.Write("system", map[string]string{"Canary": canary})
	if err != nil {
		return 0, err
	}
	most := a.Tokens
	if most <= 0 {
		most = 200_000
	}
	meter := &model.Meter{Name: "the advice on pairs", Most: most}
	written := 0
	for _, ask := range a.questions(entries, matches) {
		if err := ctx.Err(); err != nil {
			return written, canceled(err)
		}
		answers, err := a.ask(ctx, system, canary, ask, meter)
		if err != nil {
			if ctx.Err() != nil {
				return written, canceled(ctx.Err())
			}
			log.WarnContext(ctx, "no advice on pairs", "pairs", len(ask), "code", pipeline.ErrorCode(err), "error", pipeline.ErrorMessage(err))
			switch pipeline.ErrorCode(err) {
			case pipeline.CodeInvalid:
				continue // this answer alone cannot be read
			default:
				return written, nil // the next question would fail alike
			}
		}
		for _, p := range ask {
			if told, ok := answers[p.ID]; ok {
				m := &matches[p.at]
				m.Reasons = append(slices.Clone(m.Reasons), told)
				written++
			}
		}
	}
	return written, nil
}

// questions are the pairs that may be asked about, by question.
func (a *Adviser) questions(entries []Entry, matches []Match) [][]advisedPair {
	items := make(map[string]*Entry, len(entries))
	for i := range entries {
		items[entries[i].Item.ID] = &entries[i]
	}
	var band []int
	for i := range matches {
		if m := &matches[i]; m.Verdict == Review && m.Veto == "" && items[m.A] != nil && items[m.B] != nil {
			band = append(band, i)
		}
	}
	bound := a.Pairs
	if bound <= 0 {
		bound = 500
	}
	if len(band) > bound {
		slices.SortStableFunc(band, func(i, j int) int {
			switch x, y := matches[i].Score, matches[j].Score; {
			case x > y:
				return -1
			case x < y:
				return 1
			}
			return compareMatches(matches[i], matches[j])
		})
		band = band[:bound]
	}
	slices.SortFunc(band, func(i, j int) int { return compareMatches(matches[i], matches[j]) })
	var out [][]advisedPair
	first := ""
	for _, i := range band {
		m := &matches[i]
		p := advisedPair{at: i, a: m.A, b: m.B}
		var ok [2]bool
		p.A, ok[0] = a.side(items[m.A])
		p.B, ok[1] = a.side(items[m.B])
		if !ok[0] || !ok[1] {
			continue
		}
		p.sources = numbersOf(p.A) + numbersOf(p.B)
		n := len(out) - 1
		if n < 0 || first != m.A || len(out[n]) == advisedAtOnce {
			out, n, first = append(out, nil), n+1, m.A
		}
		p.ID = strconv.Itoa(len(out[n]) + 1)
		out[n] = append(out[n], p)
	}
	return out
}

// side is an item as it may be sent, and whether it may be.
func (a *Adviser) side(e *Entry) (advisedSide, bool) {
	if a.Off != nil && a.Off(e.Item) || len(e.Item.Source) > 4<<10 {
		return advisedSide{}, false
	}
	fields := []string{e.Item.Source, e.Item.Meta.Manufacturer, e.Item.Meta.PartNumber}
	for i, f := range fields {
		if a.denied(f) || guard.Screen(f).Flagged {
			return advisedSide{}, false
		}
		fields[i] = guard.Scrub(f).Text
	}
	return advisedSide{fields[0], fields[1], fields[2]}, true
}

func (a *Adviser) denied(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(a.Deny, func(w string) bool { return w != "" && strings.Contains(text, strings.ToLower(w)) })
}

// ask returns what is to be written beside each pair, by its id. Errors: those
// of model.Client; invalid where the answer as a whole cannot be used.
func (a *Adviser) ask(ctx context.Context, system, canary string, pairs []advisedPair, meter *model.Meter) (map[string]string, error) {
	data, err := json.Marshal(map[string]any{"pairs": pairs}) // escapes <, > and &
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "a question about %d pairs: %w", len(pairs), err)
	}
	user, err := a.Prompt.Write("user", string(data))
	if err != nil {
		return nil, err
	}
	cited := make([]string, len(pairs)) // so that who forgets one finds the call
	for i, p := range pairs {
		cited[i] = p.b
	}
	ans, err := a.Client.Ask(ctx, model.Question{
		Purpose: "judge", Item: pairs[0].a, Retrieved: cited, Prompt: a.Prompt.Version, Schema: adviceSchema.Name, Meters: []*model.Meter{meter},
		Request: model.Request{System: system, Messages: []model.Message{{Role: model.User, Text: user}}, Schema: adviceSchema, MaxTokens: 80 + 120*len(pairs)},
	})
	if err != nil {
		return nil, err
	}
	switch text := ans.Reply.Text; {
	case ans.Reply.Stop == model.StopRefusal:
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s declined", a.Client.Model)
	case strings.Contains(text, canary):
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s repeats what only the prompt says", a.Client.Model)
	case a.denied(text):
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the answer of %s holds a denied word", a.Client.Model)
	}
	reply, err := guard.ReadReplyAs(ans.Reply.Text, adviceShape)
	if err != nil {
		return nil, err
	}
	if reply.Cost > maxMended {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the answer of %s had to be mended beyond trust", a.Client.Model)
	}
	return a.read(reply, pairs), nil
}

// read takes what can be believed out of an answer. A pair that was answered
// twice, not at all, or with another word than was asked for, has no advice.
func (a *Adviser) read(reply guard.Reply, pairs []advisedPair) map[string]string {
	out := map[string]string{}
	top, _ := reply.Value.(map[string]any)
	answers, _ := top["answers"].([]any)
	seen := map[string]int{}
	for _, x := range answers {
		one, _ := x.(map[string]any)
		id, _ := one["pair"].(string)
		opinion, _ := one["opinion"].(string)
		because, _ := one["because"].(string)
		at := slices.IndexFunc(pairs, func(p advisedPair) bool { return p.ID == id })
		says, known := opinions[opinion]
		if at < 0 || !known {
			continue
		}
		if seen[id]++; seen[id] > 1 {
			delete(out, id)
			continue
		}
		told := fmt.Sprintf("%s thinks: %s", a.Client.Model, says)
		if why := rationale(because, pairs[at].sources); why != "" {
			told += ": " + why
		}
		out[id] = told
	}
	return out
}

// rationale is a reason as it may be shown: one line of bounded length, without
// an address or an order to its reader, and with no number that the two texts
// do not hold. "" where it may not be shown.
func rationale(s, sources string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if s == "" || len(s) > maxRationale || strings.ContainsAny(s, "<>[]{}`|") || strings.Contains(s, "://") ||
		strings.Contains(strings.ToLower(s), "www.") || guard.Screen(s).Flagged || len(guard.FindPII(s)) > 0 {
		return ""
	}
	for _, n := range numbers(s) {
		if !strings.Contains(sources, "\x00"+n+"\x00") {
			return ""
		}
	}
	return s
}

// numbersOf are the numbers of what is said of an item, each between zero
// bytes.
func numbersOf(x advisedSide) string {
	var b strings.Builder
	for _, s := range []string{x.Text, x.Manufacturer, x.PartNumber} {
		for _, n := range numbers(s) {
			b.WriteString("\x00" + n + "\x00")
		}
	}
	return b.String()
}

// numbers are the runs of digits of s, with marks between two digits; a comma
// is a point.
func numbers(s string) []string {
	var out []string
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			continue
		}
		k := i
		for k < len(s) && (isDigit(s[k]) || (s[k] == '.' || s[k] == ',') && k+1 < len(s) && isDigit(s[k+1])) {
			k++
		}
		out = append(out, strings.ReplaceAll(s[i:k], ",", "."))
		i = k
	}
	return out
}
