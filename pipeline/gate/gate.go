package gate

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// An Input is one file of a feed, as it landed: Judge undoes its compression
// and encoding.
type Input struct {
	// Name is the file in messages; its ending tells the compression where the
	// dialect does not.
	Name string
	// Size in bytes, -1 if unknown (a stream). Parquet needs it.
	Size int64
	// Open reads n bytes from off; n < 0 reads to the end.
	Open func(ctx context.Context, off, n int64) (io.ReadCloser, error)
	// Objects lists the objects of a batch of files that is a folder; nil where
	// it is a ZIP archive, read by Open.
	Objects func(ctx context.Context) ([]codec.Object, error)
}

// Output is where the parts of a judged batch are written. Names:
// part-0000.parquet and on (accepted rows), rejects.parquet, rejects.csv, and
// raw.jsonl (the rejects' raw records, which stand nowhere else). A file is
// created only when there is something to write. Create gets the context of
// Judge. Where the judgement ends with an error, a writer that has a method
// Abort() error is aborted instead of closed.
type Output interface {
	Create(ctx context.Context, name string) (io.WriteCloser, error)
}

// Options of one judgement.
type Options struct {
	// Batch is the batch id, written into _assay_batch.
	Batch string
	// Confidence is written into _assay_confidence; 0 = 1.
	Confidence float64
	// Output takes accepted rows and rejects; nil to check only.
	Output Output
	// ObjectPrefix stands before the name of an object in the column path.
	ObjectPrefix string
	// Rejected, where set, is told each reason why a row is rejected, in the
	// order of the rows; it needs an Output.
	Rejected func(Reject)
	// RejectsOnly writes rejects to Output and no accepted rows.
	RejectsOnly bool
	// Memory bounds what grows with the number of keys, in bytes; 0 = 64 MiB.
	Memory int64
	// Tmp is a directory for what does not fit into Memory; "" = os.TempDir.
	Tmp string
	// Samples is how many failing rows each check shows; 0 = 5.
	Samples int
	// Workers judge chunks side by side; 0 = GOMAXPROCS, at most 8.
	Workers int
	// Sketches counts different values and quantiles over all rows, not over the
	// sampled ones alone; it costs more time.
	Sketches bool
	// Progress is told the bytes read from Input so far.
	Progress func(bytes int64)
	// Now is the clock for the duration in the report and for freshness; nil
	// leaves both out.
	Now func() time.Time
	// EventTime is when the batch came about, for freshness.
	EventTime time.Time
	// Keys knows the keys that the feed published, for keys of scope feed; nil
	// judges them within the file alone.
	Keys FeedKeys
	// History are the profiles of the batches before, oldest first, for rules
	// of volume and drift.
	History []*Profile
	// SQL runs the sql rules of the contract, References looks up its foreign
	// keys, Ledger tells what its service levels are judged by. Rules that need
	// one that is nil are reported as not judged.
	SQL        Database
	References References
	Ledger     *contract.Facts
}

// A Gate judges files by one contract. It is safe for concurrent use.
type Gate struct {
	feed        *contract.Feed
	fields      []*field
	keys        []*key
	rules       []rule
	checks      []*threshold
	expressions []*expression
	relations   []*relation
	services    []service
	record      int // the rule of records that cannot be split
	// guarded: some field is classified.
	guarded bool
	dialect codec.Dialect
	units   codec.Units // of the dialect
}

// A rule is one line of the report. Rules over rows count; those of thresholds
// are decided at the end.
type rule struct {
	id, field, name string
	severity        contract.Severity
	onFail          contract.OnFail
	dimension       string
	message         string
	// rejects: a row for which the rule fails is rejected.
	rejects bool
	// batch: the rule is judged at the end, by finish.
	batch bool
	// want says what was expected, for people.
	want string
}

// A threshold is a quality check over counted rows.
type threshold struct {
	spec *contract.Check
	rule int
	ops  []rat
	// missing: why it is not judged, "" if it is.
	unjudged string
	// late: it needs the profile, and the clock or earlier batches.
	late bool
}

// Feed is the contract that g was compiled from.
func (g *Gate) Feed() *contract.Feed { return g.feed }

// Compile plans the judgement of files by f. Errors: invalid, with the place in
// the contract.
func Compile(f *contract.Feed) (*Gate, error) {
	c := &compiler{g: &Gate{feed: f}, ids: map[string]int{}}
	g := c.g
	var err error
	if g.dialect, err = dialectOf(f); err != nil {
		return nil, c.errorf(0, "%v", pipeline.ErrorMessage(err))
	}
	g.units = g.dialect.Units()
	if len(f.Fields) == 0 {
		return nil, c.errorf(0, "the contract of %s declares no columns", f.Name)
	}
	g.record = c.rule(rule{id: "record", name: "record", severity: contract.SeverityError,
		onFail: contract.RejectRow, dimension: "conformity", want: "a record that can be split"})
	seen := map[string]bool{}
	for i := range f.Fields {
		spec := &f.Fields[i]
		if seen[spec.Column] {
			return nil, c.errorf(spec.Line, "the column %s is declared twice", spec.Column)
		}
		seen[spec.Column] = true
		fd, err := c.field(spec)
		if err != nil {
			return nil, err
		}
		g.fields = append(g.fields, fd)
		g.guarded = g.guarded || fd.spec.Classified
	}
	for _, k := range f.Keys {
		if err := c.key(k); err != nil {
			return nil, err
		}
	}
	for i := range f.Checks {
		if err := c.check(&f.Checks[i]); err != nil {
			return nil, err
		}
	}
	for i := range f.Relations {
		if err := c.relation(&f.Relations[i]); err != nil {
			return nil, err
		}
	}
	for i := range f.SLA {
		c.service(&f.SLA[i])
	}
	return g, nil
}

type compiler struct {
	g     *Gate
	ids   map[string]int
	inner bool // what is compiled stands within an object or array
}

func (c *compiler) errorf(line int, format string, args ...any) *pipeline.Error {
	where := c.g.feed.File
	if line > 0 {
		where = fmt.Sprintf("%s, line %d", where, line)
	}
	if where != "" {
		where += ": "
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "%s%s", where, fmt.Sprintf(format, args...)).
		WithHint("mend the contract; `assay contract lint` shows all of its problems")
}

// rule adds a rule with an id of its own and returns its index.
func (c *compiler) rule(r rule) int {
	c.ids[r.id]++
	if n := c.ids[r.id]; n > 1 {
		r.id = fmt.Sprintf("%s#%d", r.id, n)
	}
	if r.severity == "" {
		r.severity = contract.SeverityError
	}
	if r.onFail == "" {
		r.onFail = contract.RejectRow
	}
	r.rejects = r.onFail == contract.RejectRow && !r.batch
	c.g.rules = append(c.g.rules, r)
	return len(c.g.rules) - 1
}

// dialectOf translates the contract's dialect.
func dialectOf(f *contract.Feed) (codec.Dialect, error) {
	s := f.Dialect
	d := codec.Dialect{
		Delimiter: first(s.Delimiter), Quote: first(s.Quote), Escape: first(s.Escape),
		Header: s.Header, Preamble: s.Preamble, Comment: s.Comment, Encoding: s.Encoding,
		Trim: s.Trim, MaxRecordBytes: s.MaxRecordBytes, Compression: s.Compression,
	}
	for _, v := range []string{s.Delimiter, s.Quote, s.Escape} {
		if len(v) > 1 {
			return d, pipeline.Errorf(pipeline.CodeInvalid, "dialect: %q is not one ASCII character", v)
		}
	}
	// Compiled feeds state every option; a zero Dialect means the defaults.
	if s.Delimiter != "" {
		if s.Quote == "" {
			d.Quote = codec.NoQuote
		}
		if s.Header == 0 {
			d.Header = -1
		}
	}
	return d, d.Check()
}

func first(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}
