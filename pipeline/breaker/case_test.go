package breaker

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the expect lines of testdata")

// TestCases runs testdata/*.txt; testdata/README.md specifies the language.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := newRunner()
			var out []string
			for i, line := range strings.Split(string(b), "\n") {
				got, err := r.line(line)
				if err != nil {
					t.Fatalf("%s:%d: %v", file, i+1, err)
				}
				if got != line && !*update {
					t.Errorf("%s:%d:\n got %s\nwant %s", file, i+1, got, line)
				}
				out = append(out, got)
			}
			if !r.expected {
				t.Errorf("%s expects nothing", file)
			}
			if *update {
				if err := os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// begin is the moment that cases count from.
var begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

type runner struct {
	p        Policy
	s        State
	now      time.Time
	path     []Position // since the last expect
	last     *Transition
	n        int
	expected bool
}

func newRunner() *runner {
	return &runner{p: Default(), s: State{Key: Key{"feed:x", "quality"}}, now: begin, path: []Position{Closed}}
}

// line runs one line and returns it as it should be.
func (r *runner) line(line string) (string, error) {
	words, err := split(line)
	if err != nil {
		return "", err
	}
	if len(words) > 0 && strings.HasPrefix(words[0], "+") {
		d, err := time.ParseDuration(words[0][1:])
		if err != nil {
			return "", err
		}
		r.now = r.now.Add(d)
		words = words[1:]
	}
	if len(words) == 0 {
		return line, nil
	}
	verb, args := words[0], words[1:]
	switch verb {
	case "policy":
		for _, a := range args {
			if err := r.set(a); err != nil {
				return "", err
			}
		}
		return line, r.p.Check()
	case "limit", "atleast":
		if len(args) != 2 {
			return "", errors.New(verb + " wants a metric and a value")
		}
		v, err := value(args[1])
		if err != nil {
			return "", err
		}
		if verb == "limit" {
			r.p = r.p.Limit(args[0], v)
		} else {
			r.p = r.p.AtLeast(args[0], v)
		}
		return line, r.p.Check()
	case "frequency":
		if len(args) != 1 {
			return "", errors.New("frequency wants a duration")
		}
		d, err := time.ParseDuration(args[0])
		r.p = r.p.Fresh(d)
		return line, err
	case "sample", "watch", "trip", "reset", "retry":
		in, err := r.sample(verb, args)
		if err != nil {
			return "", err
		}
		s, ts := r.p.Step(r.s, in)
		r.moved(s, ts)
		return line, nil
	case "tick":
		s, ts := r.p.Tick(r.s, r.now)
		r.moved(s, ts)
		return line, nil
	case "expect":
		r.expected = true
		return r.expect(), nil
	}
	return "", fmt.Errorf("unknown verb %q", verb)
}

func (r *runner) moved(s State, ts []Transition) {
	for _, t := range ts {
		r.path = append(r.path, t.To)
		r.last = &t
	}
	r.s = s
}

// expect is the expect line that holds now.
func (r *runner) expect() string {
	var path []string
	for _, p := range r.path {
		path = append(path, string(p))
	}
	b := "expect " + strings.Join(path, ">") + " " + string(r.p.Allow(r.s))
	if !r.s.Until.IsZero() {
		b += " until=" + short(r.s.Until.Sub(begin))
	}
	if r.s.Good > 0 {
		b += fmt.Sprintf(" good=%d", r.s.Good)
	}
	if r.last != nil {
		b += " by=" + quote(r.last.Actor) + ": " + r.last.Cause
	}
	r.path, r.last = []Position{r.s.normal().Position}, nil
	return b
}

func (r *runner) sample(verb string, args []string) (Sample, error) {
	r.n++
	in := Sample{Batch: fmt.Sprintf("signal %d", r.n), At: r.now, Published: verb == "sample", Watch: verb == "watch", Metrics: map[string]float64{}}
	if verb == "trip" || verb == "reset" || verb == "retry" {
		in.Command = verb
	}
	for _, a := range args {
		name, text, has := strings.Cut(a, "=")
		switch {
		case a == "held":
			in.Published = false
		case !has && verb == "sample":
			in.Batch = a
		case !has:
			in.Reason = a
		case name == "by":
			in.Actor = text
		case name == "violation":
			in.Violations = append(in.Violations, text)
			in.Published = false
		case name == "rows":
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return Sample{}, err
			}
			in.Rows = n
		default:
			v, err := value(text)
			if err != nil {
				return Sample{}, err
			}
			in.Metrics[name] = v
		}
	}
	return in, nil
}

func (r *runner) set(arg string) error {
	name, text, _ := strings.Cut(arg, "=")
	var err error
	switch name {
	case "mode":
		r.p.Mode = Mode(text)
	case "fallback":
		r.p.Fallback = Fallback(text)
	case "window":
		r.p.Window, err = strconv.Atoi(text)
	case "probes":
		r.p.Probes, err = strconv.Atoi(text)
	case "min_rows":
		r.p.MinRows, err = strconv.ParseInt(text, 10, 64)
	case "span":
		r.p.Span, err = time.ParseDuration(text)
	case "cooldown":
		r.p.Cooldown, err = time.ParseDuration(text)
	case "max_cooldown":
		r.p.MaxCooldown, err = time.ParseDuration(text)
	default:
		err = fmt.Errorf("unknown setting %q", name)
	}
	return err
}

// value reads 0.05, 5%, NaN, or a duration in seconds.
func value(text string) (float64, error) {
	if p, ok := strings.CutSuffix(text, "%"); ok {
		v, err := strconv.ParseFloat(p, 64)
		return v / 100, err
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v, nil
	}
	d, err := time.ParseDuration(text)
	return d.Seconds(), err
}

// split cuts a line into words; a word may hold a quoted part. What follows a
// word that begins with # is a comment.
func split(line string) ([]string, error) {
	var words []string
	for rest := strings.TrimSpace(line); rest != "" && rest[0] != '#'; rest = strings.TrimLeft(rest, " \t") {
		if rest[0] == '"' {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, err
			}
			w, err := strconv.Unquote(q)
			if err != nil {
				return nil, err
			}
			words, rest = append(words, w), rest[len(q):]
			continue
		}
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		words, rest = append(words, rest[:end]), rest[end:]
	}
	return words, nil
}

func quote(s string) string {
	if strings.ContainsAny(s, " :\"") {
		return strconv.Quote(s)
	}
	return s
}

func short(d time.Duration) string { return age(d.Seconds()) }

// TestRunbook: what docs/runbook.md quotes of causes, before the pages of what
// people are told, is what the cases say.
func TestRunbook(t *testing.T) {
	b, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases strings.Builder
	for _, f := range files {
		c, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		cases.Write(c)
	}
	quoted := 0
	causes, _, found := strings.Cut(string(b), "\n## Held batches\n")
	if !found {
		t.Fatal("the runbook has no page for held batches")
	}
	for line := range strings.Lines(causes) {
		cause, ok := strings.CutPrefix(strings.TrimSpace(line), "> ")
		if !ok {
			continue
		}
		quoted++
		if !strings.Contains(cases.String(), ": "+cause+"\n") {
			t.Errorf("the runbook quotes %q, which no case says", cause)
		}
	}
	if quoted < 9 {
		t.Errorf("the runbook quotes %d causes", quoted)
	}
}
