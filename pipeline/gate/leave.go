package gate

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/assay-pipeline/assay/pipeline"
)

// A leaver finds rows of a segment, which come in their order, in its staged
// files, and writes for each file the list of those to leave out.
type leaver struct {
	m      *merger
	seg    *mergedSegment
	apart  bool // it finds rows in the files that are apart
	file   int
	rows   numbers
	at     int64 // rows of the file read so far
	number int64 // of the last row read
	opened bool
	out    *shelfFile
	lists  []MergedFile // per staged file
}

// leave has a row of a segment left out of its staged file.
func (m *merger) leave(ctx context.Context, seg *mergedSegment, row int64) error {
	if m.opt.RejectsOnly {
		return nil
	}
	if seg.leave[0] == nil {
		for i := range seg.leave {
			seg.leave[i] = &leaver{m: m, seg: seg, apart: i == 0, lists: make([]MergedFile, len(seg.Staged))}
		}
	}
	for _, l := range seg.leave {
		if found, err := l.row(ctx, row); err != nil || found {
			return err
		}
	}
	return pipeline.Errorf(pipeline.CodeInternal, "%s: row %d repeats a key and is in no staged file", m.in.Name, seg.row+row)
}

// row leaves a row out, if it is in one of the files.
func (l *leaver) row(ctx context.Context, row int64) (found bool, err error) {
	for l.file < len(l.seg.Staged) {
		f := l.seg.Staged[l.file]
		if f.Apart != l.apart {
			l.file++
			continue
		}
		if !l.opened {
			l.rows = numbers{r: bufio.NewReader(&shelfReader{ctx: ctx, shelf: l.m.shelf, name: f.Numbers.Name, size: f.Numbers.Bytes})}
			l.at, l.number, l.opened = 0, 0, true
		}
		for l.at < f.Rows && l.number < row {
			l.number += int64(l.rows.uvarint())
			l.at++
			if l.rows.err != nil {
				return false, shelfError(l.rows.err)
			}
		}
		if l.number == row {
			return true, l.put(ctx, f, l.at-1)
		}
		if l.number > row {
			break
		}
		if err := l.next(); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (l *leaver) put(ctx context.Context, f Staged, place int64) error {
	if l.out == nil {
		name := f.Name + ".out"
		w, err := l.m.shelf.Create(ctx, name)
		if err != nil {
			return err
		}
		l.out = &shelfFile{name: name, w: w, buf: bufio.NewWriterSize(w, 16<<10)}
	}
	l.lists[l.file].LeaveOut = l.out.name
	l.lists[l.file].Rows--
	return l.out.put(binary.LittleEndian.AppendUint64(l.out.b[:0], uint64(place)))
}

// next ends the list of the open file.
func (l *leaver) next() error {
	err := l.out.close()
	l.out, l.opened = nil, false
	l.file++
	return err
}

// abort gives up what is open.
func (l *leaver) abort() {
	if l != nil && l.out != nil && l.out.w != nil {
		_ = giveUp(l.out.w) // the first error is the one to tell
		l.out = nil
	}
}

// staged lists the files of accepted rows.
func (m *merger) staged() error {
	if m.opt.RejectsOnly {
		return nil
	}
	for _, s := range m.segs {
		for _, l := range s.leave {
			if l == nil {
				continue
			}
			if err := l.next(); err != nil {
				return err
			}
		}
		for i, f := range s.Staged {
			out := MergedFile{Name: f.Name, Rows: f.Rows, Bytes: f.Bytes}
			for _, l := range s.leave {
				if l != nil && l.apart == f.Apart {
					out.Rows += l.lists[i].Rows
					out.LeaveOut = l.lists[i].LeaveOut
				}
			}
			if out.Rows > 0 {
				m.files = append(m.files, out)
			}
		}
	}
	return nil
}

// ReadLeaveOut reads the list of a MergedFile: the places of the rows to leave
// out of it, from 0, growing.
func ReadLeaveOut(ctx context.Context, shelf Shelf, name string) ([]int64, error) {
	body, err := shelf.Open(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var out []int64
	r := bufio.NewReader(body)
	for {
		var b [8]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return out, nil
			}
			return nil, shelfError(err)
		}
		out = append(out, int64(binary.LittleEndian.Uint64(b[:])))
	}
}
