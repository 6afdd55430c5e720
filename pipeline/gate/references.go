package gate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// References finds the published values that foreign keys lead to.
type References interface {
	// Keys yields the values of the fields of feed, one slice for each
	// published row, as codec.ReadRows writes them. Errors: not_found where
	// nothing of the feed is published yet, invalid where there is no such feed
	// or field, unavailable; that of yield as it comes.
	Keys(ctx context.Context, feed string, fields []string, yield func(values []string) error) error
}

// A relation is a foreign key: a row in which no part of it is null fails
// where the feed that it leads to has no such key. A key that leads to its own
// feed may lead to a row of the batch, rejected or not, too.
type relation struct {
	rule   int
	spec   *contract.Relation
	fields []*field
}

func (c *compiler) relation(r *contract.Relation) error {
	id := r.ID
	if id == "" {
		id = strings.Join(r.Fields, "+") + ".relationship"
	}
	out := &relation{spec: r}
	for _, name := range r.Fields {
		var found *field
		for _, f := range c.g.fields {
			if f.spec.Name == name {
				found = f
			}
		}
		if found == nil {
			return c.errorf(r.Line, "the relationship to %s names the field %s, which is not declared", r.To, name)
		}
		out.fields = append(out.fields, found)
	}
	if len(r.ToFields) != len(r.Fields) || len(r.Fields) == 0 {
		return c.errorf(r.Line, "the relationship to %s leads from %d fields to %d", r.To, len(r.Fields), len(r.ToFields))
	}
	out.rule = c.rule(rule{id: id, field: strings.Join(r.Fields, "+"), name: "relationship", severity: r.Severity,
		onFail: r.OnFail, dimension: "consistency", want: "a key of " + r.To})
	c.g.relations = append(c.g.relations, out)
	return nil
}

// A reference is a relation with the keys that it leads to.
type reference struct {
	*relation
	keys     *seenKeys
	added    int
	unjudged string // why it is not judged
	failed   string // why it could not be
}

// errFull ends the reading of keys that do not fit.
var errFull = errors.New("more keys than the memory holds")

// startReferences reads the keys of the feeds that the foreign keys lead to.
func (r *run) startReferences(ctx context.Context) error {
	if len(r.g.relations) == 0 {
		return nil
	}
	share := r.opt.keyMemory() / int64(len(r.g.relations))
	for _, rel := range r.g.relations {
		ref := &reference{relation: rel, keys: newSeenKeys(&key{fields: rel.fields}, share)}
		r.refs = append(r.refs, ref)
		self := rel.spec.To == r.g.feed.Name
		var err error
		if self {
			err = r.ownKeys(ctx, ref)
		}
		if err == nil && (r.opt.References != nil || !self) {
			err = r.publishedKeys(ctx, ref, self)
		}
		switch {
		case err == nil:
		case errors.Is(err, errFull):
			ref.unjudged = fmt.Sprintf("%s has more keys than %d MiB hold; raise ASSAY_MEMORY", rel.spec.To, share>>20)
		default:
			return err
		}
		if ref.unjudged != "" || ref.failed != "" {
			ref.keys = nil
		}
	}
	return nil
}

func (r *run) publishedKeys(ctx context.Context, ref *reference, self bool) error {
	to := ref.spec.To
	if r.opt.References == nil {
		ref.unjudged = "there is no lake here to look up the keys of " + to
		return nil
	}
	if self && r.g.feed.Load == contract.Snapshot {
		return nil // the batch replaces what is published
	}
	var b []byte
	err := r.opt.References.Keys(ctx, to, ref.spec.ToFields, func(values []string) error {
		h, ok := ref.hashTexts(values, &b)
		if ok && !ref.remember(h) {
			return errFull
		}
		return nil
	})
	switch pipeline.ErrorCode(err) {
	case pipeline.CodeNotFound:
		if !self {
			ref.unjudged = "nothing of " + to + " is published yet"
		}
		return nil
	case pipeline.CodeInvalid:
		ref.failed = pipeline.ErrorMessage(err)
		return nil
	}
	return err
}

// ownKeys reads the batch once, for the keys that lead to their own feed.
func (r *run) ownKeys(ctx context.Context, ref *reference) error {
	if r.in.Size < 0 {
		ref.unjudged = "a key that leads to its own feed needs a file that can be read twice"
		return nil
	}
	opt := r.opt
	opt.Progress = nil
	first := &run{g: r.g, in: r.in, opt: opt}
	closer, err := first.open(ctx)
	if closer != nil {
		defer closer()
	}
	if err != nil {
		return err
	}
	if err := first.match(); err != nil {
		return err
	}
	to := &key{}
	for _, name := range ref.spec.ToFields {
		i := r.g.fieldIndex(name)
		if i < 0 {
			ref.failed = "there is no field " + name
			return nil
		}
		to.fields = append(to.fields, r.g.fields[i])
	}
	s := r.g.newSheet()
	for {
		err := first.rdr.Next(ctx, &s.chunk)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.fails = s.fails[:0]
		for _, f := range to.fields {
			if c := first.cols[f.index]; c >= 0 {
				f.judge(s, &s.chunk.Cols[c])
			} else {
				f.judgeAbsent(s)
			}
		}
		for row := range s.chunk.Rows {
			if h, ok := hashRow(s, to.fields, row); ok && !ref.remember(h) {
				return errFull
			}
		}
	}
}

func (g *Gate) fieldIndex(name string) int {
	for i, f := range g.fields {
		if f.spec.Name == name || f.spec.Column == name {
			return i
		}
	}
	return -1
}

// judge fails the rows of a chunk whose key leads nowhere.
func (ref *reference) judge(s *sheet) {
	if ref.unjudged != "" || ref.failed != "" {
		return
	}
	for row := range s.chunk.Rows {
		h, ok := hashRow(s, ref.fields, row)
		if !ok {
			continue
		}
		s.tally[ref.rule].evaluated++
		if !ref.keys.has(h) {
			s.fail(row, ref.rule)
		}
	}
}

// result says in the report why a relation was not judged.
func (ref *reference) result(c *CheckResult) {
	switch {
	case ref.failed != "":
		c.Result, c.Detail = ResultError, ref.failed
	case ref.unjudged != "":
		c.Result, c.Detail = ResultNotJudged, ref.unjudged
	}
}

// hashRow is the key of a row; ok is false where a part of it is null or not of
// its type.
func hashRow(s *sheet, fields []*field, row int) (h keyHash, ok bool) {
	if f := fields[0]; len(fields) == 1 && f.typ == contract.Integer {
		v := &s.vecs[f.index]
		return intHash(v.ints[row]), v.state[row] == okCell
	}
	b := s.scratch[:0]
	for _, f := range fields {
		v := &s.vecs[f.index]
		if v.state[row] != okCell {
			return h, false
		}
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		b = f.canonical(s, v, row, b)
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	s.scratch = b[:0]
	return hashOfKey(b), true
}

// hashTexts is the key of published values, as hashRow makes it of a row with
// these values.
func (ref *reference) hashTexts(values []string, buf *[]byte) (h keyHash, ok bool) {
	b := (*buf)[:0]
	if f := ref.fields[0]; len(ref.fields) == 1 && f.typ == contract.Integer {
		b, ok = f.canonicalText(values[0], b)
		*buf = b
		return intHash(int64(binary.LittleEndian.Uint64(b))), ok
	}
	for i, f := range ref.fields {
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		if b, ok = f.canonicalText(values[i], b); !ok {
			return h, false
		}
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	*buf = b
	return hashOfKey(b), true
}

func hashOfKey(b []byte) keyHash {
	h := xxh3.Hash128(b)
	return keyHash{h.Lo, h.Hi}
}

// remember adds a key; it reports false when the memory is full.
func (ref *reference) remember(h keyHash) bool {
	ref.keys.add(h)
	if ref.added++; ref.added%1024 == 0 {
		ref.keys.settle()
	}
	return !ref.keys.full
}

// canonicalText is canonical of a value as codec.ReadRows writes it; ok is
// false where it is no value of the field's type, so that no row can have it.
func (f *field) canonicalText(text string, b []byte) ([]byte, bool) {
	number := func(n int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(n)) }
	switch f.typ {
	case contract.Integer:
		n, ok := parseInt([]byte(text))
		if !ok { // a whole number that is stored as a decimal
			if m, scale, decimal := parseDecimal([]byte(text)); decimal && scale <= 18 {
				x := decimalRat(m, scale)
				n, ok = x.Num().Int64(), x.IsInt() && x.Num().IsInt64()
			}
		}
		return number(n), ok
	case contract.Boolean:
		switch text {
		case "true":
			return number(1), true
		case "false":
			return number(0), true
		}
		return b, false
	case contract.Decimal:
		if _, _, ok := parseDecimal([]byte(text)); !ok {
			return b, false
		}
		return appendRat(b, ratOf([]byte(text))), true
	case contract.Date, contract.Timestamp, contract.Time:
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "15:04:05.999999999"} {
			if t, err := time.Parse(layout, text); err == nil {
				return number(f.moments.value(t)), true
			}
		}
		return b, false
	}
	return append(b, text...), !codec.IsNull(text)
}
