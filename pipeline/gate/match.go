package gate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// match finds the declared columns in the file.
func (r *run) match() error {
	have := r.rdr.Columns()
	at := map[string]int{}
	for i, name := range have {
		if _, twice := at[name]; twice && name != "" {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s: the column %q stands twice in the header", r.in.Name, r.g.shownNames([]string{name})[0]).
				WithHint("rename one of them")
		}
		at[name] = i
	}
	found := 0
	declared := map[string]bool{}
	for _, f := range r.g.fields {
		c := -1
		if i, ok := at[f.spec.Column]; ok {
			c = i
			found++
		}
		declared[f.spec.Column] = true
		r.cols = append(r.cols, c)
	}
	for i, name := range have {
		if !declared[name] {
			r.extra = append(r.extra, name)
			if r.g.feed.Evolution == contract.EvolveEvolve && name != "" {
				r.carried = append(r.carried, i)
			}
		}
	}
	if found == 0 && r.g.feed.Format != contract.JSONL && r.g.feed.Format != contract.JSON {
		return r.strange(have)
	}
	return nil
}

// strange explains a header in which no declared column stands.
func (r *run) strange(have []string) error {
	e := pipeline.Errorf(pipeline.CodeInvalid, "%s: none of the contract's columns (%s) is in the header (%s)", r.in.Name,
		short(strings.Join(r.names(), ", "), 80), short(printable(strings.Join(r.g.shownNames(have), ", ")), 80))
	if len(have) == 1 && r.g.feed.Format != contract.Parquet {
		for _, d := range []string{",", ";", "\t", "|"} {
			parts := strings.Split(have[0], d)
			for i := range parts {
				parts[i] = strings.Trim(parts[i], `" `)
			}
			if len(parts) > 1 && slices.ContainsFunc(r.names(), func(n string) bool { return slices.Contains(parts, n) }) {
				return e.WithHint("the header is delimited by %q, the contract says %q: set delimiter in assay.csv", d, string(r.g.dialectDelimiter()))
			}
		}
	}
	return e.WithHint("is this a file of the feed %s? A file without header needs header: 0 in assay.csv", r.g.feed.Name)
}

func (g *Gate) dialectDelimiter() byte {
	if g.dialect.Delimiter == 0 {
		return ','
	}
	return g.dialect.Delimiter
}

func (r *run) names() []string {
	var out []string
	for _, f := range r.g.fields {
		out = append(out, f.spec.Column)
	}
	return out
}

// printable shows control characters as escapes.
func printable(s string) string {
	if !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < ' ' || c == 0x7f }) {
		return s
	}
	var b bytes.Buffer
	for _, c := range s {
		if c < ' ' || c == 0x7f {
			fmt.Fprintf(&b, "\\x%02x", c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}
