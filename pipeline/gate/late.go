package gate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
)

// When memory is full, whether a row repeats a key is known only at the end.
// Until then its part is staged in Tmp, and what its reject would need is
// logged. finishLate counts and rejects the rows that turned out to be
// repeated, and publishes the staged parts without them.

// An undecidedKey is a key of a row that is undecided.
type undecidedKey struct{ key, row int }

// A loggedRow is what a reject needs of an undecided row.
type loggedRow struct {
	Reject
	raw    []byte
	values map[int]string // per key
}

// setAside takes the undecided rows of a chunk to the spill.
func (r *run) setAside(s *sheet) error {
	for i := 0; i < len(s.undecided); {
		row := s.undecided[i].row
		number := s.rowNumber(row)
		j := i
		for ; j < len(s.undecided) && s.undecided[j].row == row; j++ {
			u := s.undecided[j]
			e := spillEntry{s.keys[u.key].hash[row], number, s.rejected[row]}
			if err := r.spill.put(u.key, e); err != nil {
				return err
			}
		}
		if err := r.logRow(s, s.undecided[i:j], number); err != nil {
			return err
		}
		i = j
	}
	return nil
}

func (r *run) logRow(s *sheet, keys []undecidedKey, number int64) error {
	if r.spill.log == nil {
		var err error
		if r.spill.log, err = r.spill.file(); err != nil {
			return err
		}
	}
	row := keys[0].row
	var start, end uint32
	line := int64(0)
	if s.chunk.Starts != nil {
		start, end = s.chunk.Starts[row], s.chunk.Ends[row]
		line = r.lines.at(int(start))
	}
	b := s.scratch[:0]
	b = binary.AppendVarint(b, number)
	b = binary.AppendVarint(b, line)
	b = binary.AppendVarint(b, s.chunk.Offset+int64(start))
	raw := s.raw(start, end, number)
	if r.sink == nil {
		raw = nil
	}
	b = appendText(b, raw)
	b = append(b, byte(len(keys)))
	for _, k := range keys {
		b = append(b, byte(k.key))
		b = appendText(b, []byte(r.value(s, r.g.keys[k.key].rule, row)))
	}
	s.scratch = b[:0]
	_, err := r.spill.log.w.Write(b)
	return spillError(err)
}

func appendText(b, text []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func readText(r *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

func readLogged(r *bufio.Reader) (loggedRow, error) {
	var l loggedRow
	var err error
	read := func() (v int64) {
		if err == nil {
			v, err = binary.ReadVarint(r)
		}
		return v
	}
	l.Row, l.Line, l.Start = read(), read(), read()
	if err != nil {
		return l, err
	}
	if l.raw, err = readText(r); err != nil {
		return l, err
	}
	l.End = l.Start + int64(len(l.raw))
	n, err := r.ReadByte()
	l.values = map[int]string{}
	for range n {
		k, kerr := r.ReadByte()
		v, verr := readText(r)
		if err = errors.Join(err, kerr, verr); err != nil {
			return l, err
		}
		l.values[int(k)] = string(v)
	}
	return l, err
}

// finishLate decides the undecided rows.
func (r *run) finishLate() error {
	if r.spill == nil || r.spill.log == nil {
		return r.publishStaged(nil)
	}
	if err := r.spill.resolve(); err != nil {
		return err
	}
	if err := r.spill.log.rewind(); err != nil {
		return err
	}
	log := bufio.NewReaderSize(r.spill.log.f, 256<<10)
	drops, err := r.spill.file()
	if err != nil {
		return err
	}
	defer drops.close()
	var at loggedRow
	lastDrop, lastRaw := int64(-1), int64(-1)
	err = r.spill.late(func(l lateRow) error {
		for at.Row < l.row {
			if at, err = readLogged(log); err != nil {
				return spillError(err)
			}
		}
		rule := r.g.keys[l.key].rule
		r.tally[rule].failed++
		if len(r.samples[rule]) < r.opt.Samples {
			r.samples[rule] = append(r.samples[rule], Sample{Row: at.Row, Line: at.Line, Value: at.values[l.key]})
		}
		ru := &r.g.rules[rule]
		if !ru.rejects {
			return nil
		}
		if !l.rejected && lastDrop != l.row {
			lastDrop = l.row
			r.rows.Accepted--
			r.rows.Rejected++
			if err := binary.Write(drops.w, binary.LittleEndian, l.row); err != nil {
				return spillError(err)
			}
		}
		if r.sink == nil {
			return nil
		}
		rj := at.Reject
		rj.Code, rj.Column, rj.Rule, rj.Expected, rj.Value = ru.name, ru.field, ru.id, ru.want, at.values[l.key]
		raw := at.raw
		rj.Hash = hashOf(raw)
		if rj.Line == 0 { // Parquet has neither lines nor byte ranges
			rj.Start, rj.End, rj.Hash = 0, 0, ""
		}
		first := !l.rejected && lastRaw != l.row
		lastRaw = l.row
		if err := r.sink.put(rj, raw, first); err != nil {
			return err
		}
		if len(r.sink.table.sel) >= 1000 {
			return r.sink.flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if r.sink != nil {
		if err := r.sink.flush(); err != nil {
			return err
		}
	}
	if err := drops.rewind(); err != nil {
		return err
	}
	return r.publishStaged(bufio.NewReaderSize(drops.f, 64<<10))
}

// A stagedPart is a part in Tmp and the numbers of its rows.
type stagedPart struct {
	file *os.File
	name string
	rows *spillFile
	last int64
	n    int64
}

// stage starts a part in Tmp.
func (k *sink) stage(name string) error {
	f, err := os.Create(filepath.Join(k.r.spill.dir, name)) //nolint:gosec // our own folder and name
	if err != nil {
		return spillError(err)
	}
	rows, err := k.r.spill.file()
	if err != nil {
		return err
	}
	k.staged = append(k.staged, &stagedPart{file: f, name: name, rows: rows})
	k.partFile = &outFile{name: name, w: nopClose{f}, buf: bufio.NewWriterSize(f, 64<<10)}
	return nil
}

// nopClose keeps a staged file open for reading.
type nopClose struct{ io.Writer }

func (nopClose) Close() error { return nil }

// note remembers the numbers of the rows that went into the staged part.
func (p *stagedPart) note(s *sheet) error {
	b := s.scratch[:0]
	for _, r := range s.sel {
		number := s.rowNumber(int(r))
		b = binary.AppendUvarint(b, uint64(number-p.last))
		p.last = number
		p.n++
	}
	s.scratch = b[:0]
	_, err := p.rows.w.Write(b)
	return spillError(err)
}

// publishStaged writes the staged parts to Output without the dropped rows.
func (r *run) publishStaged(drops *bufio.Reader) error {
	if r.sink == nil {
		return nil
	}
	if r.sink.part != nil {
		if err := r.sink.closePart(); err != nil {
			return err
		}
	}
	drop := int64(-1)
	next := func() error {
		var b [8]byte
		drop = -1
		if drops == nil {
			return nil
		}
		if _, err := io.ReadFull(drops, b[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return spillError(err)
		}
		drop = int64(binary.LittleEndian.Uint64(b[:]))
		return nil
	}
	if err := next(); err != nil {
		return err
	}
	for _, p := range r.sink.staged {
		if err := p.rows.rewind(); err != nil {
			return err
		}
		rows := bufio.NewReaderSize(p.rows.f, 64<<10)
		gone := make([]uint64, p.n/64+1)
		number, dropped := int64(0), int64(0)
		for i := range p.n {
			d, err := binary.ReadUvarint(rows)
			if err != nil {
				return spillError(err)
			}
			number += int64(d)
			if number == drop {
				gone[i/64] |= 1 << (i % 64)
				dropped++
				if err := next(); err != nil {
					return err
				}
			}
		}
		if err := r.sink.publish(p, gone, dropped); err != nil {
			return err
		}
	}
	if drop >= 0 && !r.opt.RejectsOnly {
		return pipeline.Errorf(pipeline.CodeInternal, "row %d repeats a key and is in no part", drop)
	}
	r.sink.staged = nil
	return nil
}

// publish copies a staged part to Output, without the rows that are gone.
func (k *sink) publish(p *stagedPart, gone []uint64, dropped int64) error {
	if dropped == p.n {
		return nil
	}
	out, err := k.create(fmt.Sprintf("part-%04d.parquet", k.published))
	if err != nil {
		return err
	}
	k.published++
	size, err := p.file.Seek(0, io.SeekEnd)
	if err == nil && dropped == 0 {
		_, err = io.Copy(out, io.NewSectionReader(p.file, 0, size))
	} else if err == nil {
		_, _, err = codec.FilterParquet(k.ctx, p.file, size, out, func(row int64) bool { return gone[row/64]>>(row%64)&1 == 0 })
	}
	if err != nil {
		if a, ok := out.w.(aborter); ok {
			err = errors.Join(err, a.Abort())
		}
		return err
	}
	if err := out.close(); err != nil {
		return err
	}
	k.files = append(k.files, File{out.name, p.n - dropped, out.n})
	return p.file.Close()
}
