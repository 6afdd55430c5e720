package codec

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// deflated compresses data at a level.
func deflated(tb testing.TB, data []byte, level int) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func inflateAll(src io.Reader) ([]byte, error) {
	d := newInflate(src)
	var out []byte
	for {
		b, err := d.next()
		out = append(out, b...)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// TestGunzip: what package gzip writes at any level, in any number of members,
// comes back whatever the pieces in which it arrives.
func TestGunzip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	few := make([]byte, 700_000)
	for i := range few {
		few[i] = "aab,\n"[r.IntN(5)]
	}
	far := append(append(bytes.Clone(noise[:40_000]), noise[:40_000]...), noise[8_000:40_000]...)
	for name, data := range map[string][]byte{"nothing": nil, "one": []byte("x"), "runs": bytes.Repeat([]byte("abcdefg"), 100_000),
		"zeros": make([]byte, 1_000_000), "noise": noise, "few": few, "far": far,
		"text": []byte(strings.Repeat("10000001,Customer 17,user@mail.example.com\n", 20_000))} {
		for _, level := range []int{gzip.NoCompression, gzip.BestSpeed, gzip.DefaultCompression, gzip.BestCompression, gzip.HuffmanOnly} {
			packed := deflated(t, data, level)
			twice := append(bytes.Clone(packed), packed...)
			for way, src := range map[string]io.Reader{"whole": bytes.NewReader(twice), "halves": iotest.HalfReader(bytes.NewReader(twice)),
				"with its end": iotest.DataErrReader(bytes.NewReader(twice))} {
				g, err := newGunzip(src)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(g)
				if err != nil || !bytes.Equal(got, append(bytes.Clone(data), data...)) {
					t.Errorf("%s, level %d, %s: %d bytes, %v", name, level, way, len(got), err)
				}
			}
		}
	}
}

// TestGunzipCut: a file that is cut short anywhere, or has a byte changed,
// is never taken for a whole one.
func TestGunzipCut(t *testing.T) {
	data := []byte(strings.Repeat("17,paid,some words and 3.14\n", 300))
	packed := deflated(t, data, gzip.DefaultCompression)
	for n := range packed {
		g, err := newGunzip(bytes.NewReader(packed[:n]))
		if err == nil {
			_, err = io.ReadAll(g)
		}
		if n > 0 && !errors.Is(err, io.ErrUnexpectedEOF) || n == 0 && !errors.Is(err, io.EOF) {
			t.Fatalf("cut after %d of %d bytes: %v", n, len(packed), err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		broken := bytes.Clone(packed)
		at := rapid.IntRange(10, len(broken)-1).Draw(rt, "at")
		broken[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "by"))
		g, err := newGunzip(bytes.NewReader(broken))
		if err != nil {
			return
		}
		if got, err := io.ReadAll(g); err == nil && !bytes.Equal(got, data) {
			rt.Fatalf("byte %d: no error", at)
		}
	})
}

// FuzzInflate: on any bytes, the result and whether there is an error are those
// of package flate.
func FuzzInflate(f *testing.F) {
	var b bytes.Buffer
	for level := -2; level <= 9; level++ {
		w, _ := flate.NewWriter(&b, level) // the levels are valid
		_, _ = w.Write([]byte("abcabcabcabc, and so on: abcabc 1234567890"))
		_ = w.Close()
		f.Add(bytes.Clone(b.Bytes()))
		b.Reset()
	}
	f.Add([]byte{0x4b, 0x4c, 0x02, 0x00})
	f.Fuzz(func(t *testing.T, src []byte) {
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(src)), 4<<20))
		if len(want) == 4<<20 {
			t.Skip()
		}
		got, err := inflateAll(bytes.NewReader(src))
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%x: %d bytes, %v; flate: %d bytes, %v", src, len(got), err, len(want), wantErr)
		}
		if again, err2 := inflateAll(iotest.OneByteReader(bytes.NewReader(src))); !bytes.Equal(again, got) || (err2 == nil) != (err == nil) {
			t.Fatalf("%x: byte by byte %d bytes, %v; whole %d bytes, %v", src, len(again), err2, len(got), err)
		}
	})
}

// BenchmarkGunzip decodes the file that ASSAY_BENCH_FILE names.
func BenchmarkGunzip(b *testing.B) {
	packed, err := os.ReadFile(os.Getenv("ASSAY_BENCH_FILE"))
	if err != nil {
		b.Skip("needs ASSAY_BENCH_FILE")
	}
	for b.Loop() {
		g, err := newGunzip(bytes.NewReader(packed))
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, struct{ io.Reader }{g})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}
