package parse

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// A Passage is a piece of knowledge that a question cites.
type Passage struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	// Sum is the check sum (xxh3) of Text where it was indexed; 0 is unknown. A
	// passage that arrives otherwise was lost in part on the way.
	Sum uint64 `json:"-"`
	// Conflict says whom the passage contradicts; it is not shown to a model.
	Conflict string `json:"-"`
}

// Flags about what a model was shown.
const (
	// Handover: what one stage handed to the next did not arrive as it was.
	Handover = "handover"
	// DocumentConflict: a document that was found contradicts others.
	DocumentConflict = "document_conflict"
)

// LLMOptions of an LLM; zero values mean the default beside them.
type LLMOptions struct {
	// Reasks is how often failing fields are asked for again; 2, negative none.
	Reasks int
	// MaxTokens of one answer; 1200.
	MaxTokens int
	// ItemTokens bounds all questions of one item; 30,000.
	ItemTokens int64
	// BatchTokens bounds all questions about the items of one batch; 0 is no
	// bound.
	BatchTokens int64
	// Retrieve finds passages for an item; nil cites nothing.
	Retrieve func(ctx context.Context, item pipeline.Item, s *knowledge.Schema) ([]Passage, error)
	// Deny are words that neither a question nor an answer may hold, whatever
	// their case.
	Deny []string
	// Fresh asks the model even where its answer is kept: who wants to know what
	// it says now.
	Fresh bool
}

// An LLM asks a chat model for what the rules could not read. It is an
// Extractor like any other: untrusted. What it does itself is to keep the
// question clean (personal data are replaced, texts that try to give orders are
// not sent, the text is a JSON string that cannot be closed from inside), and
// to ask again, a few times and for the failing fields alone, before it gives
// up a field.
type LLM struct {
	client  *model.Client
	pack    *knowledge.Pack
	prompts knowledge.Prompts
	opt     LLMOptions
	canary  string

	mu     sync.Mutex
	meters map[string]*model.Meter // by batch
	fixed  map[string]fixed        // by category
	sorted *fixed                  // for the question of the category
}

// fixed is what is the same for every item of a category.
type fixed struct {
	system  string
	schema  *model.Schema
	shape   *guard.Shape
	version string
	id      string // of the fixed part, for the log and the key
}

// NewLLM returns an LLM. prompts must hold extract and classify.
func NewLLM(p *knowledge.Pack, c *model.Client, prompts knowledge.Prompts, opt LLMOptions) (*LLM, error) {
	for _, name := range []string{"extract", "classify"} {
		if _, ok := prompts[name]; !ok {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "no prompt %q", name)
		}
	}
	if opt.Reasks == 0 {
		opt.Reasks = 2
	}
	if opt.MaxTokens <= 0 {
		opt.MaxTokens = 1200
	}
	if opt.ItemTokens <= 0 {
		opt.ItemTokens = 30_000
	}
	return &LLM{
		client: c, pack: p, prompts: prompts, opt: opt, fixed: map[string]fixed{}, meters: map[string]*model.Meter{},
		// A word that stands in the prompt alone: where it comes back, the model
		// was made to repeat its instructions.
		canary: "c" + pipeline.ShortID(pipeline.ContentID("canary", p.Hash(), prompts["extract"].Version)),
	}, nil
}

// Spared counts an item of which the rules had left nothing open.
func (x *LLM) Spared(ctx context.Context, _ pipeline.Item) { x.client.Spared(ctx) }

// Group lets the questions of many items share their bookkeeping; see
// model.Client.Group.
func (x *LLM) Group() (end func(ctx context.Context) error) { return x.client.Group() }

// newFixed is strict in what it asks for and lenient in what it reads: what a
// model leaves out is absent, and one value that is none of the allowed ones is
// that field's error, not the whole answer's.
func newFixed(system string, schema *model.Schema, shape *guard.Shape) fixed {
	return fixed{system: system, schema: schema, shape: shape, id: model.FixedID(system, schema),
		version: pipeline.ShortID(pipeline.ContentID("schema", string(schema.JSON)))}
}

// recordShape is an answer with the attributes of a category.
func recordShape(s *knowledge.Schema) *guard.Shape {
	attributes := &guard.Shape{Type: "object", Closed: true}
	for i := range s.Attributes {
		attributes.Fields = append(attributes.Fields, guard.Member{Name: s.Attributes[i].Name, Shape: &guard.Shape{}})
	}
	return &guard.Shape{Type: "object", Fields: []guard.Member{{Name: "attributes", Shape: attributes, Required: true}}}
}

func (x *LLM) category(s *knowledge.Schema) (fixed, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f, ok := x.fixed[s.Category]; ok {
		return f, nil
	}
	system, err := systemOf(x.prompts["extract"], s, x.canary)
	if err != nil {
		return fixed{}, err
	}
	f := newFixed(system, answerSchema(s), recordShape(s))
	x.fixed[s.Category] = f
	return f, nil
}

// asked is the JSON that the user part of a question holds.
type asked struct {
	Item struct {
		Text         string `json:"text"`
		Language     string `json:"language,omitempty"`
		Manufacturer string `json:"manufacturer,omitempty"`
		Procurement  string `json:"procurement_group,omitempty"`
		Group        string `json:"material_group,omitempty"`
	} `json:"item"`
	Ask    []string  `json:"ask,omitempty"`
	Errors []problem `json:"errors,omitempty"`
	Known  []Passage `json:"known,omitempty"`
}

type problem struct {
	Attribute string `json:"attribute"`
	Error     string `json:"error"`
}

// input is an item as it may be sent.
type input struct {
	scrubbed guard.Scrubbed
	asked    asked
	steps    []pipeline.Step
}

// prepare screens and scrubs an item, and says whether it may be sent. Metadata
// pass through the same guards as the text: they come from outside too.
func prepare(item pipeline.Item) (in input, send bool) {
	fields := []string{item.Source, item.Meta.Manufacturer, item.Meta.Procurement, item.Meta.Group}
	for i, f := range fields {
		sc := guard.Screen(f)
		if sc.Flagged {
			rules := make([]string, 0, len(sc.Hits))
			for _, h := range sc.Hits {
				rules = append(rules, h.Rule)
			}
			in.steps = append(in.steps, pipeline.Step{Did: "screened", Detail: "the item tries to instruct a reader (" + strings.Join(rules, ", ") + ")"})
			return in, false
		}
		s := guard.Scrub(f)
		if len(s.Found) > 0 {
			kinds := make([]string, 0, len(s.Found))
			for _, p := range s.Found {
				kinds = append(kinds, string(p.Kind))
			}
			in.steps = append(in.steps, pipeline.Step{Did: "scrubbed", Detail: strings.Join(kinds, ", ")})
		}
		if i == 0 {
			in.scrubbed = s
		}
		fields[i] = s.Text
	}
	in.asked.Item.Text, in.asked.Item.Manufacturer, in.asked.Item.Procurement, in.asked.Item.Group = fields[0], fields[1], fields[2], fields[3]
	in.asked.Item.Language = item.Meta.Language
	return in, true
}

// question puts a question together; the fixed part stands first.
func (x *LLM) question(purpose string, p knowledge.Prompt, f fixed, item pipeline.Item, a asked, meter *model.Meter) (model.Question, error) {
	// encoding/json escapes <, > and &: the text closes no fence of any kind.
	data, err := json.Marshal(a)
	if err != nil {
		return model.Question{}, pipeline.Errorf(pipeline.CodeInternal, "a question about %s: %w", item.ID, err)
	}
	user, err := p.Write("user", string(data))
	if err != nil {
		return model.Question{}, err
	}
	q := model.Question{
		Purpose: purpose, Item: item.ID, Batch: item.Batch, Prompt: p.Version, Schema: f.version, Knowledge: x.pack.Hash(), Fixed: f.id,
		Meters: []*model.Meter{meter}, Fresh: x.opt.Fresh,
		Request: model.Request{
			System: f.system, Messages: []model.Message{{Role: model.User, Text: user}}, Schema: f.schema, MaxTokens: x.opt.MaxTokens,
		},
	}
	if m := x.batch(item.Batch); m != nil {
		q.Meters = append(q.Meters, m)
	}
	for _, k := range a.Known {
		q.Retrieved = append(q.Retrieved, k.ID)
	}
	return q, nil
}

// batch is the meter of a batch. A process works on few at a time; one that
// outlives many starts to count anew, which the budget of the day bounds.
func (x *LLM) batch(id string) *model.Meter {
	if x.opt.BatchTokens <= 0 || id == "" {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.meters[id]
	if m == nil {
		if len(x.meters) >= 1000 {
			clear(x.meters)
		}
		m = &model.Meter{Name: "the questions about batch " + pipeline.ShortID(id), Most: x.opt.BatchTokens}
		x.meters[id] = m
	}
	return m
}

// ask asks and reads the reply into the shape. What cannot be read is an error
// of code invalid; steps say what happened.
func (x *LLM) ask(ctx context.Context, q model.Question, shape *guard.Shape) (guard.Reply, []pipeline.Step, error) {
	ans, err := x.client.Ask(ctx, q)
	step := pipeline.Step{Did: "asked", Call: ans.Call, Detail: fmt.Sprintf("%s, %d tokens, %s", q.Purpose, ans.Usage.Total(), model.Money(ans.Micros))}
	if n := len(ans.Attempts); n > 1 {
		step.Detail += fmt.Sprintf(", %d attempts", n)
	}
	if ans.Kept {
		step.Did, step.Detail = "kept", q.Purpose
	}
	var steps []pipeline.Step
	if ans.Call != "" && (ans.Kept || len(ans.Attempts) > 0) {
		steps = append(steps, step)
	}
	if err != nil {
		return guard.Reply{}, steps, err
	}
	refuse := func(why string) (guard.Reply, []pipeline.Step, error) {
		return guard.Reply{}, append(steps, pipeline.Step{Did: "refused", Call: ans.Call, Detail: why}), pipeline.Errorf(pipeline.CodeInvalid, "the answer of %s: %s", x.client.Model, why)
	}
	text := ans.Reply.Text
	switch {
	case ans.Reply.Stop == model.StopRefusal:
		return refuse("the model declined")
	case strings.Contains(text, x.canary):
		return refuse("it repeats what only the prompt says")
	}
	if w := denied(x.opt.Deny, text); w != "" {
		return refuse(fmt.Sprintf("it holds the denied word %q", w))
	}
	r, err := guard.ReadReplyAs(text, shape)
	if err != nil {
		return refuse(pipeline.ErrorMessage(err))
	}
	if len(r.Repairs) > 0 {
		names := make([]string, 0, len(r.Repairs))
		for _, p := range r.Repairs {
			names = append(names, string(p))
		}
		steps = append(steps, pipeline.Step{Did: "repaired", Call: ans.Call, Detail: strings.Join(names, ", ")})
	}
	return r, steps, nil
}

// denied is the first denied word that a text holds.
func denied(words []string, text string) string {
	text = strings.ToLower(text)
	for _, w := range words {
		if w != "" && strings.Contains(text, strings.ToLower(w)) {
			return w
		}
	}
	return ""
}

// Extract asks for the attributes that are wanted. Errors: those of
// model.Client, and invalid where no answer could be read.
func (x *LLM) Extract(ctx context.Context, req Request) (Response, error) {
	if req.parser == nil {
		return Response{}, pipeline.Errorf(pipeline.CodeInternal, "a model is asked by a Parser alone")
	}
	var out Response
	if w := denied(x.opt.Deny, req.Item.Source); w != "" {
		out.Trace = append(out.Trace, pipeline.Step{Did: "screened", Detail: fmt.Sprintf("the item holds the denied word %q", w)})
		return out, nil
	}
	in, send := prepare(req.Item)
	out.Trace = in.steps
	if !send {
		out.Flags = append(out.Flags, pipeline.Flag{Code: Injection, Detail: in.steps[len(in.steps)-1].Detail})
		return out, nil
	}
	f, err := x.category(req.Schema)
	if err != nil {
		return out, err
	}
	want := req.Want
	if want == nil {
		for i := range req.Schema.Attributes {
			want = append(want, req.Schema.Attributes[i].Name)
		}
	}
	if x.opt.Retrieve != nil {
		known, err := x.opt.Retrieve(ctx, req.Item, req.Schema)
		if err != nil {
			return out, err
		}
		in.asked.Known = out.handed(known)
	}
	meter := &model.Meter{Name: "the questions about " + req.Item.ID, Most: x.opt.ItemTokens}
	c := req.parser.claimant(req.Schema, req.Item, req.Language)
	seen := map[problem]bool{}
	var failed []guard.Finding
	for round := 0; ; round++ {
		in.asked.Ask = want
		q, err := x.question("extract", x.prompts["extract"], f, req.Item, in.asked, meter)
		if err != nil {
			return out, err
		}
		q.First = round == 0
		reply, steps, err := x.ask(ctx, q, f.shape)
		out.Trace = append(out.Trace, steps...)
		if err != nil {
			if round > 0 && pipeline.ErrorCode(err) != pipeline.CodeCanceled {
				break // what was answered before stands
			}
			return out, err
		}
		failed = x.take(c, in, want, reply, round, &out)
		again := in.asked.Errors[:0:0]
		for _, fd := range failed {
			switch action(req.Schema, fd.Attribute) {
			case "null_and_flag", "review":
				continue
			case "fallback":
				out.Attributes = nil
				out.Trace = append(out.Trace, pipeline.Step{Did: "fell_back", Attribute: fd.Attribute, Detail: fd.Detail})
				out.Flags = append(out.Flags, fd.Flag(), pipeline.Flag{Code: FellBack, Attribute: fd.Attribute, Detail: "read by the rules alone: " + fd.Detail})
				return out, nil
			}
			p := problem{fd.Attribute, fd.Code}
			if !seen[p] { // the same error twice: the model has no better answer
				seen[p] = true
				again = append(again, problem{fd.Attribute, fd.Detail})
			}
		}
		if len(again) == 0 || round >= x.opt.Reasks {
			break
		}
		in.asked.Errors, want = again, nil
		for _, p := range again {
			want = append(want, p.Attribute)
			out.Trace = append(out.Trace, pipeline.Step{Did: "reasked", Attribute: p.Attribute, Detail: p.Error})
		}
	}
	for _, fd := range failed {
		out.Flags = append(out.Flags, fd.Flag())
		if action(req.Schema, fd.Attribute) == "review" {
			out.Flags = append(out.Flags, pipeline.Flag{Code: ToReview, Attribute: fd.Attribute, Detail: fd.Detail})
		}
	}
	return out, nil
}

// handed are the passages that a question may cite: those that contradict others
// are left out, and one that is not as it was indexed is told.
func (r *Response) handed(found []Passage) (known []Passage) {
	for _, k := range found {
		switch {
		case k.Conflict != "":
			r.Trace = append(r.Trace, pipeline.Step{Did: "conflict", Detail: k.ID})
			r.Flags = append(r.Flags, pipeline.Flag{Code: DocumentConflict, Detail: k.Conflict})
			continue
		case k.Sum != 0 && k.Sum != xxh3.HashString(k.Text):
			r.Trace = append(r.Trace, pipeline.Step{Did: "handover", Detail: k.ID})
			r.Flags = append(r.Flags, pipeline.Flag{Code: Handover, Detail: "the passage " + k.ID + " did not arrive as it was found"})
		}
		known = append(known, k)
		r.Trace = append(r.Trace, pipeline.Step{Did: "retrieved", Detail: k.ID})
	}
	return known
}

// action is what the pack wants done when an answer does not hold.
func action(s *knowledge.Schema, attribute string) string {
	a, _, ok := s.Attribute(attribute)
	if !ok || a.OnFail == "" {
		return "reask"
	}
	return a.OnFail
}

// take turns the answers of one round into attributes and reports those that
// do not hold.
func (x *LLM) take(c *claimant, in input, want []string, reply guard.Reply, nth int, out *Response) (failed []guard.Finding) {
	root, _ := reply.Value.(map[string]any)
	answers, _ := root["attributes"].(map[string]any)
	for _, name := range want {
		a, _, ok := c.schema.Attribute(name)
		said := answers[name]
		if said == nil || !ok {
			continue // absent stays absent
		}
		fields, ok := said.(map[string]any)
		if !ok { // the value alone
			fields = map[string]any{"value": said}
		}
		if fields["value"] == nil {
			continue
		}
		cl := claim{attribute: a, text: in.scrubbed.Restore(word(fields["text"])), value: in.scrubbed.Restore(word(fields["value"])), unit: word(fields["unit"])}
		got, bad := c.resolve(cl)
		if bad.Code == "" && slices.ContainsFunc(in.scrubbed.Found, func(p guard.PII) bool { return p.Overlaps(got.Span) }) {
			bad = guard.Finding{Code: PersonalData, Attribute: name, Action: guard.NullAndFlag, Detail: "the answer is personal data"}
		}
		if bad.Code == "" {
			if finding, ok := gainsaid(in.asked.Known, a, &got); ok {
				bad = finding
			}
		}
		if bad.Code != "" && bad.Code != PersonalData && a.OnFail == "fix" {
			if fixed, ok := c.fix(cl); ok {
				out.Trace = append(out.Trace, pipeline.Step{Did: "fixed", Attribute: name, Detail: "it said " + clipped(cl.value+" "+cl.unit) + "; the text that it quotes says " + withUnit(fixed.Value, fixed.Unit)})
				got, bad = fixed, guard.Finding{}
			}
		}
		if bad.Code != "" {
			failed = append(failed, bad)
			continue
		}
		got.Confidence = round(max(0.05, got.Confidence-reply.Cost-0.05*float64(nth)))
		out.Attributes = append(out.Attributes, got)
		if got.Provenance == pipeline.Inferred && a.Critical {
			out.Flags = append(out.Flags, pipeline.Flag{Code: Concluded, Attribute: name, Detail: got.Value.String() + " is concluded from " + strconv.Quote(clipped(got.Text))})
		}
	}
	return failed
}

func word(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
