package gate

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/stats"
)

// A key is a set of fields whose values together occur once. Of several rows
// with one key the first is kept. A row with a null, or with a value that is
// not of its type, in the key is not judged by it.
type key struct {
	rule   int
	fields []*field
	scope  contract.KeyScope
	// reaches: it is looked up among the keys of earlier batches, as far back as
	// horizon; within says why a key of scope feed is not.
	reaches bool
	horizon time.Duration
	within  string
}

func (c *compiler) key(k contract.Key) error {
	out := &key{scope: k.Scope}
	for _, name := range k.Fields {
		found := false
		for _, f := range c.g.fields {
			if f.spec.Name == name {
				out.fields = append(out.fields, f)
				found = true
			}
		}
		if !found {
			return c.errorf(0, "the key %s names the field %s, which is not declared", k.Name, name)
		}
	}
	if len(out.fields) == 0 {
		return nil
	}
	fields := strings.Join(k.Fields, "+")
	name := "unique"
	out.rule = c.rule(rule{id: fields + "." + name, field: fields, name: name, severity: k.Severity, onFail: k.OnFail,
		dimension: "uniqueness", want: "a value that no earlier row has"})
	out.reach(k, c.g.feed.Load)
	c.g.keys = append(c.g.keys, out)
	return nil
}

// A keyHash names the values of a key: 128 bits, so that two different keys
// practically never share one.
type keyHash struct{ lo, hi uint64 }

// intHash is a bijection: no two whole numbers share a hash.
func intHash(v int64) keyHash { return keyHash{stats.Mix(uint64(v)), uint64(v)} }

// A keyColumn is the hashes of one key in a chunk.
type keyColumn struct {
	hash []keyHash
	ok   []bool
}

// hashes computes the key of each good row.
func (k *key) hashes(s *sheet, out *keyColumn) {
	n := s.chunk.Rows
	out.hash = resize(out.hash, n)
	out.ok = resize(out.ok, n)
	if len(k.fields) == 1 {
		f := k.fields[0]
		v := &s.vecs[f.index]
		if f.typ == contract.Integer {
			for r, st := range v.state {
				out.ok[r] = st == okCell
				out.hash[r] = intHash(v.ints[r])
			}
			return
		}
		if f.typ == contract.String && v.kinds == nil && v.cells != nil {
			for r, c := range v.cells {
				out.ok[r] = v.state[r] == okCell
				h := xxh3.Hash128(v.data[c.Start:c.End])
				out.hash[r] = keyHash{h.Lo, h.Hi}
			}
			return
		}
	}
	for r := range n {
		b, ok := s.scratch[:0], true
		for _, f := range k.fields {
			v := &s.vecs[f.index]
			if v.state[r] != okCell {
				ok = false
				break
			}
			at := len(b)
			b = append(b, 0, 0, 0, 0)
			b = f.canonical(s, v, r, b)
			binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
		}
		s.scratch = b[:0]
		out.ok[r] = ok
		if ok {
			h := xxh3.Hash128(b)
			out.hash[r] = keyHash{h.Lo, h.Hi}
		}
	}
}

// canonical appends a form of a value that equal values share.
func (f *field) canonical(s *sheet, v *vector, r int, b []byte) []byte {
	switch f.typ {
	case contract.Integer, contract.Boolean, contract.Date, contract.Timestamp, contract.Time:
		return binary.LittleEndian.AppendUint64(b, uint64(v.ints[r]))
	case contract.Decimal:
		if !v.float && v.scale[r] <= 18 {
			m, sc := v.ints[r], v.scale[r]
			for sc > 0 && m%10 == 0 {
				m /= 10
				sc--
			}
			return append(binary.LittleEndian.AppendUint64(b, uint64(m)), sc)
		}
		return appendRat(b, f.rat(s, v, r))
	}
	return append(b, v.display(r)...)
}

// appendRat writes a decimal that has a short form as canonical does, and any
// other in full.
func appendRat(b []byte, r rat) []byte {
	den := newRat(1)
	for sc := uint8(0); sc <= 18; sc++ {
		m := newRat(0).Mul(r, den)
		if m.IsInt() && m.Num().IsInt64() && m.Num().Int64() < 1e18 && m.Num().Int64() > -1e18 {
			return append(binary.LittleEndian.AppendUint64(b, uint64(m.Num().Int64())), sc)
		}
		den.Mul(den, newRat(10))
	}
	return append(b, r.RatString()...)
}
