package gate

import (
	"bufio"
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestKeyLog: what is logged is read back, whatever the entries are.
func TestKeyLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.Bool().Draw(t, "whole")
		small := rapid.Int64Range(0, 1<<40)
		entries := rapid.SliceOf(rapid.Custom(func(t *rapid.T) keyEntry {
			e := keyEntry{hash: keyHash{rapid.Uint64().Draw(t, "lo"), rapid.Uint64().Draw(t, "hi")}, row: small.Draw(t, "row"), off: small.Draw(t, "off"),
				at: small.Draw(t, "at"), size: small.Draw(t, "size"), line: small.Draw(t, "line"), rejected: rapid.Bool().Draw(t, "rejected")}
			if whole {
				e.hash = intHash(int64(e.hash.hi))
			}
			if rapid.Bool().Draw(t, "logged") {
				e.raw = rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "raw")
				e.size = int64(len(e.raw))
			}
			return e
		})).Draw(t, "entries")
		w, b := logState{whole: whole}, []byte(nil)
		for _, e := range entries {
			b = w.append(b, &e)
		}
		r, s := bufio.NewReader(bytes.NewReader(b)), logState{whole: whole}
		for i, e := range entries {
			if got, err := s.next(r); err != nil || !reflect.DeepEqual(got, e) {
				t.Fatalf("%d: %+v, %v; logged %+v", i, got, err, e)
			}
		}
		if _, err := s.next(r); err == nil {
			t.Fatal("more than was logged")
		}
	})
}

// FuzzKeyLog: a log or a bitmap that is damaged is an error and no more.
func FuzzKeyLog(f *testing.F) {
	s := logState{}
	f.Add(s.append(nil, &keyEntry{row: 3, off: 40, at: 44, size: 9, line: 2, rejected: true}), true)
	f.Add(bytes.Repeat([]byte{2}, 1+1<<(pageBits-3)), false)
	f.Fuzz(func(t *testing.T, b []byte, whole bool) {
		r, s := bufio.NewReader(bytes.NewReader(b)), logState{whole: whole}
		for range len(b) + 1 {
			if _, err := s.next(r); err != nil {
				break
			}
		}
		set := &intSet{pages: map[int64]*intPage{}}
		had, err := set.join(bufio.NewReader(bytes.NewReader(b)))
		if err == nil && had.n > set.n {
			t.Fatalf("%d numbers were there before, %d are in all", had.n, set.n)
		}
	})
}
