package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/knowledge/learn"
)

// folds of the labelled sets: each part is read with what the others taught.
const folds = 5

// abbreviationFigure is the error-reduction rate on the validation split of
// tokens that were normalised by people, learnt from the train split: the share
// of the words that differ from their normal form which come out right, less
// those that are spoilt. Case does not count, and words whose normal form is a
// mask (<id>, <num>) are left out. The rate of the most frequent form stands
// beside it.
func abbreviationFigure(data string, verbose bool) (float64, error) {
	dir := filepath.Join(data, "industrial", "maintnorm")
	train, err := readTokens(filepath.Join(dir, "combined.train.norm"))
	if err != nil {
		return 0, err
	}
	val, err := readTokens(filepath.Join(dir, "combined.val.norm"))
	if err != nil {
		return 0, err
	}
	x := learn.LearnExpander(train)
	frequent := mostFrequent(train)
	total, left, right, plain := 0, 0, 0, 0
	for _, e := range val {
		raw := make([]string, len(e.Tokens))
		for i, t := range e.Tokens {
			raw[i] = t.Raw
		}
		got := x.Expand(raw)
		for i, t := range e.Tokens {
			want, low := strings.ToLower(t.Normal), strings.ToLower(t.Raw)
			if strings.Contains(want, "<") {
				continue
			}
			total++
			if low == want {
				left++
			}
			if got[i] == want {
				right++
			} else if verbose {
				fmt.Printf("abbreviation %q is %q, got %q in %q\n", t.Raw, want, got[i], strings.Join(raw, " "))
			}
			if f, ok := frequent[low]; ok && f == want || !ok && low == want {
				plain++
			}
		}
	}
	rate := ratio(right-left, total-left)
	fmt.Printf("abbreviation %d words, %d differ from their normal form: error reduction %.4f; by the most frequent form %.4f\n", total, total-left, rate, ratio(plain-left, total-left))
	return rate, nil
}

func mostFrequent(es []learn.Example) map[string]string {
	counts := map[string]map[string]int{}
	for _, e := range es {
		for _, t := range e.Tokens {
			low := strings.ToLower(t.Raw)
			if counts[low] == nil {
				counts[low] = map[string]int{}
			}
			counts[low][strings.ToLower(t.Normal)]++
		}
	}
	out := map[string]string{}
	for w, m := range counts {
		best, n := "", 0
		for v, c := range m {
			if c > n || c == n && v < best {
				best, n = v, c
			}
		}
		out[w] = best
	}
	return out
}

func readTokens(name string) ([]learn.Example, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out []learn.Example
	var e learn.Example
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		raw, normal, ok := strings.Cut(sc.Text(), "\t")
		if ok {
			e.Tokens = append(e.Tokens, learn.Token{Raw: raw, Normal: normal})
		} else if len(e.Tokens) > 0 {
			out = append(out, e)
			e = learn.Example{}
		}
	}
	if len(e.Tokens) > 0 {
		out = append(out, e)
	}
	return out, sc.Err()
}

// attributeFigures are the micro-F1 of the three labelled sets, each attribute
// that an example is labelled for being asked for: right is an exact match to
// any gold value, without case. P = VC/(NV+VC+VW), R = VC/(VN+VC+VW).
func attributeFigures(data string, verbose bool, out map[string]float64) error {
	dir := filepath.Join(data, "extraction")
	sets := []struct {
		key  string
		read func() ([]learn.Example, error)
	}{
		{"oamine_f1", func() ([]learn.Example, error) { return readTitles(filepath.Join(dir, "oa-mine", "train.jsonl")) }},
		{"ae110k_f1", func() ([]learn.Example, error) { return readTitles(filepath.Join(dir, "ae-110k", "train.jsonl")) }},
		{"wdcpave_f1", func() ([]learn.Example, error) { return readOffers(filepath.Join(dir, "wdc-pave")) }},
	}
	for _, s := range sets {
		es, err := s.read()
		if err != nil {
			return err
		}
		r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the folds, not a secret
		r.Shuffle(len(es), func(i, j int) { es[i], es[j] = es[j], es[i] })
		var c struct{ vc, vw, vn, nv int }
		for f := range folds {
			var train, test []learn.Example
			for i := range es {
				if i%folds == f {
					test = append(test, es[i])
				} else {
					train = append(train, es[i])
				}
			}
			d := learn.Learn(train)
			for _, e := range test {
				names := make([]string, 0, len(e.Attributes))
				for n := range e.Attributes {
					names = append(names, n)
				}
				sort.Strings(names)
				for _, n := range names {
					labels := e.Attributes[n]
					got, ok := d.Find(e.Category, n, e.Text)
					hit := false
					for _, l := range labels {
						hit = hit || strings.EqualFold(l.Value, got.Value)
					}
					switch {
					case !ok && len(labels) > 0:
						c.vn++
					case !ok:
					case len(labels) == 0:
						c.nv++
					case hit:
						c.vc++
					default:
						c.vw++
					}
					if verbose && len(labels) > 0 && !(ok && hit) {
						fmt.Printf("%s %s %s = %v, got %q (%q, %.1f) in %q\n", s.key, e.Category, n, labels, got.Value, got.Text, got.Score, e.Text)
					}
				}
			}
		}
		p, rc := ratio(c.vc, c.nv+c.vc+c.vw), ratio(c.vc, c.vn+c.vc+c.vw)
		out[s.key] = f1(p, rc)
		fmt.Printf("%-12s %d examples, %d folds: precision %.4f, recall %.4f, F1 %.4f\n", s.key, len(es), folds, p, rc, out[s.key])
	}
	return nil
}

const notStated = "n/a"

// readTitles reads OA-Mine and AE-110k.
func readTitles(name string) ([]learn.Example, error) {
	var out []learn.Example
	err := eachLine(name, func(b []byte) error {
		var v struct {
			Input, Category string
			Scores          map[string]map[string]any `json:"target_scores"`
		}
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		e := learn.Example{Text: v.Input, Category: v.Category, Attributes: map[string][]learn.Label{}}
		for n, values := range v.Scores {
			e.Attributes[n] = labels(values)
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

func labels(values map[string]any) (out []learn.Label) {
	for _, v := range keys(values) {
		if v != notStated {
			out = append(out, learn.Label{Text: v, Value: v})
		}
	}
	return out
}

func keys(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// offer is one line of WDC-PAVE.
type offer struct {
	ID          int64
	Category    string
	Title       string `json:"input_title"`
	Description string `json:"input_description"`
	Scores      map[string]map[string]struct {
		Pid []int `json:"pid"`
	} `json:"target_scores"`
}

// readOffers joins the two annotations of WDC-PAVE: how a value is written, and
// how it is normalised.
func readOffers(dir string) ([]learn.Example, error) {
	written := map[int64]offer{}
	err := eachLine(filepath.Join(dir, "wdc_with_all_attributes", "train.jsonl"), func(b []byte) error {
		var o offer
		err := json.Unmarshal(scoresOnly(b), &o)
		written[o.ID] = o
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []learn.Example
	err = eachLine(filepath.Join(dir, "wdc_normalized", "train.jsonl"), func(b []byte) error {
		var o offer
		if err := json.Unmarshal(scoresOnly(b), &o); err != nil {
			return err
		}
		e := learn.Example{Text: o.Title + " \n " + o.Description, Category: o.Category, Attributes: map[string][]learn.Label{}}
		raw := written[o.ID]
		for n, values := range o.Scores {
			e.Attributes[n] = pair(raw.Scores[n], values)
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

// scoresOnly turns "n/a": 1 into an object, so that all values have one form.
func scoresOnly(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte(`"n/a": 1`), []byte(`"n/a": {}`))
}

type scores = map[string]struct {
	Pid []int `json:"pid"`
}

// pair says which of the written values was normalised to which: those of the
// same place of the offer, in their order.
func pair(raw, normal scores) (out []learn.Label) {
	list := func(s scores) (vs []string) {
		for v := range s {
			if v != notStated {
				vs = append(vs, v)
			}
		}
		sort.Strings(vs)
		return vs
	}
	rs, ns := list(raw), list(normal)
	if len(ns) == 0 {
		return nil
	}
	if len(rs) == 0 {
		rs = ns
	}
	for _, r := range rs {
		best, shared := ns[0], -1
		for _, n := range ns {
			k := 0
			for _, p := range normal[n].Pid {
				for _, q := range raw[r].Pid {
					if p == q {
						k++
					}
				}
			}
			if k > shared {
				best, shared = n, k
			}
		}
		out = append(out, learn.Label{Text: r, Value: best})
	}
	for _, n := range ns { // a value that no written one was taken for is gold, too
		found := false
		for _, l := range out {
			found = found || l.Value == n
		}
		if !found {
			out = append(out, learn.Label{Text: n, Value: n})
		}
	}
	return out
}

func eachLine(name string, yield func([]byte) error) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for i, line := range bytes.Split(b, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := yield(line); err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return nil
}
