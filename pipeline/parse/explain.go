package parse

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// colours of the values of a record, in turn (SGR codes of a terminal).
var colours = []string{"36", "32", "33", "35", "34", "31"}

// Explain writes a record for people: its source with every piece that was
// read marked, then one line per value with where it came from, then what is in
// doubt. With colour the marks are those of a terminal, without they are
// brackets with the number of the line below. What was asked of a model and
// decided about its answer comes last. Pieces are those of the text
// itself; a value that a standard implies has the mark of the text that names
// the standard.
func Explain(w io.Writer, r pipeline.Record, colour bool) error {
	marks := map[pipeline.Span]int{}
	var spans []pipeline.Span
	for _, a := range r.Attributes {
		if _, ok := marks[a.Span]; !ok && a.Valid(len(r.Source)) {
			marks[a.Span] = 0
			spans = append(spans, a.Span)
		}
	}
	sort.Slice(spans, func(i, j int) bool {
		if spans[i].Start != spans[j].Start {
			return spans[i].Start < spans[j].Start
		}
		return spans[i].End > spans[j].End // the wider one is drawn
	})
	var b strings.Builder
	at := 0
	for i, s := range spans {
		marks[s] = i + 1
		if s.Start < at {
			continue // lies in one that is drawn
		}
		b.WriteString(printable(r.Source[at:s.Start]))
		if colour {
			fmt.Fprintf(&b, "\x1b[1;%sm%s\x1b[0m", colours[i%len(colours)], printable(s.In(r.Source)))
		} else {
			fmt.Fprintf(&b, "[%s]%d", printable(s.In(r.Source)), i+1)
		}
		at = s.End
	}
	b.WriteString(printable(r.Source[at:]))
	fmt.Fprintf(&b, "\n%s, confidence %.2f\n", r.Category, r.Confidence)
	for _, a := range r.Attributes {
		mark := "column"
		if n := marks[a.Span]; n > 0 {
			mark = fmt.Sprintf("%d", n)
			if colour {
				mark = fmt.Sprintf("\x1b[1;%sm%d\x1b[0m", colours[(n-1)%len(colours)], n)
			}
		}
		by := string(a.Provenance)
		if a.Evidence != "" {
			by += ", " + a.Evidence
		}
		fmt.Fprintf(&b, "  %s  %s = %s (%s; %.2f)\n", mark, a.Name, withUnit(a.Value, a.Unit), by, a.Confidence)
	}
	for _, f := range r.Flags {
		fmt.Fprintf(&b, "  !  %s\n", printable(strings.TrimSpace(strings.TrimSpace(f.Code+" "+f.Attribute)+": "+f.Detail)))
	}
	for _, st := range r.Trace {
		line := strings.TrimSpace(st.Did+" "+st.Attribute) + ": " + st.Detail
		if st.Call != "" {
			line += " (call " + pipeline.ShortID(st.Call) + ")"
		}
		fmt.Fprintf(&b, "  >  %s\n", printable(line))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printable keeps a text from steering the terminal: control characters and
// marks of direction become visible.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f, 0x80 <= r && r < 0xa0, 0x200b <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
			return '\u00b7'
		}
		return r
	}, s)
}
