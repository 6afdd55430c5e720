package gate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// A keyEntry is a row's key in a segment: its place is what the merge reads it
// again by, if it turns out to repeat the key of an earlier row.
type keyEntry struct {
	hash keyHash
	row  int64
	// off is the record's place in the decoded text, at and size in the file,
	// line its line; from the segment's start.
	off, at, size, line int64
	// rejected: the row is rejected for another reason.
	rejected bool
	// raw is the record, nil where it has to be read from the file.
	raw []byte
}

func appendUvarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func appendKeyEntry(b []byte, e keyEntry) []byte {
	b = binary.LittleEndian.AppendUint64(b, e.hash.lo)
	b = binary.LittleEndian.AppendUint64(b, e.hash.hi)
	b = appendUvarint(b, uint64(e.row))
	b = appendUvarint(b, uint64(e.off))
	b = binary.AppendVarint(b, e.at-e.off)
	b = appendUvarint(b, uint64(e.line))
	size := uint64(e.size) << 1
	if e.rejected {
		size |= 1
	}
	return appendUvarint(b, size)
}

func readKeyEntry(r *bufio.Reader) (e keyEntry, err error) {
	var h [16]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return e, err // io.EOF between entries
	}
	e.hash = keyHash{binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])}
	n := numbers{r: r}
	e.row, e.off = int64(n.uvarint()), int64(n.uvarint())
	e.at = e.off + n.varint()
	e.line = int64(n.uvarint())
	size := n.uvarint()
	e.size, e.rejected = int64(size>>1), size&1 != 0
	return e, n.err
}

// numbers reads numbers until one cannot be read.
type numbers struct {
	r   *bufio.Reader
	err error
}

func (n *numbers) uvarint() (v uint64) {
	if n.err == nil {
		v, n.err = binary.ReadUvarint(n.r)
		n.cut()
	}
	return v
}

func (n *numbers) varint() (v int64) {
	if n.err == nil {
		v, n.err = binary.ReadVarint(n.r)
		n.cut()
	}
	return v
}

func (n *numbers) text() string {
	size := n.uvarint()
	if n.err == nil && size > 1<<30 {
		n.err = errors.New("a text of more than 1 GiB")
	}
	if n.err != nil {
		return ""
	}
	b := make([]byte, size)
	_, n.err = io.ReadFull(n.r, b)
	n.cut()
	return string(b)
}

// cut: within an entry the end comes too early.
func (n *numbers) cut() {
	if errors.Is(n.err, io.EOF) {
		n.err = io.ErrUnexpectedEOF
	}
}

// appendReason writes a reason of a reject. What a rule says of itself is not
// repeated, but for records that could not be split.
func appendReason(b []byte, rj Reject, raw []byte, first bool, recordRule int) []byte {
	b = appendUvarint(b, uint64(rj.Row))
	b = appendUvarint(b, uint64(rj.Line))
	b = appendUvarint(b, uint64(rj.Start))
	b = appendUvarint(b, uint64(rj.End))
	rule := uint64(rj.rule) << 1
	if first {
		rule |= 1
	}
	b = appendUvarint(b, rule)
	b = appendText(b, []byte(rj.Hash))
	b = appendText(b, []byte(rj.Value))
	if rj.rule == recordRule {
		b = appendText(b, []byte(rj.Code))
		b = appendText(b, []byte(rj.Expected))
	}
	if first {
		b = appendText(b, raw)
	}
	return b
}

// A reason is one read back.
type reason struct {
	Reject
	first bool
	raw   string
}

func readReason(r *bufio.Reader, g *Gate) (x reason, err error) {
	if _, err := r.Peek(1); err != nil {
		return x, err
	}
	n := numbers{r: r}
	x.Row, x.Line, x.Start, x.End = int64(n.uvarint()), int64(n.uvarint()), int64(n.uvarint()), int64(n.uvarint())
	rule := n.uvarint()
	x.rule, x.first = int(rule>>1), rule&1 != 0
	x.Hash, x.Value = n.text(), n.text()
	if n.err == nil && x.rule >= len(g.rules) {
		return x, errors.New("a reason of a rule that does not exist")
	}
	if n.err == nil {
		ru := &g.rules[x.rule]
		x.Code, x.Column, x.Rule, x.Expected = ru.name, ru.field, ru.id, ru.want
	}
	if x.rule == g.record {
		x.Code, x.Expected = n.text(), n.text()
		x.Rule, x.Column = "record", ""
	}
	if x.first {
		x.raw = n.text()
	}
	return x, n.err
}
