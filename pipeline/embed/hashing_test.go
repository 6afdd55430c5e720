package embed_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

var _ embed.Embedder = (*embed.Hashing)(nil)

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" -- ", ""},
		{"Rillenkugellager 6205-2RS", "rillenkugellager 6205 2rs"},
		{"Wälzlager GRÖSSE", "waelzlager groesse"},
		{"Größe Groesse", "groesse groesse"},
		{"Wa\u0308lzlager", "waelzlager"},
		{"café cafe\u0301", "cafe cafe"},
		{"0,5 kW", "0.5 kw"},
		{"0.5kW", "0.5kw"},
		{"M8x1,25", "m8x1.25"},
		{"M8, verzinkt", "m8 verzinkt"},
		{"a,5", "a 5"},
		{"5., 5", "5 5"},
		{"Ø25 mm²", "25 mm2"},
		{"Подшипник", "подшипник"},
		{"a\x00b\xffc", "a b c"},
	} {
		if got := string(embed.Fold(nil, c.in)); got != c.want {
			t.Errorf("Fold(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestSimilarities(t *testing.T) {
	h := embed.NewHashing(nil)
	sim := func(a, b string) float32 { return embed.Dot(h.Vector(a), h.Vector(b)) }
	for _, c := range []struct {
		a, b   string
		lo, hi float32
		why    string
	}{
		{"Kugellager 6205-2RS SKF", "SKF KUGELLAGER 6205 2RS", 0.99999, 1.00001, "order, case and punctuation do not count"},
		{"Wälzlager Größe 5", "Waelzlager Groesse 5", 0.99999, 1.00001, "umlauts equal their digraphs"},
		{"0,5 kW", "0.5 KW", 0.99999, 1.00001, "either decimal mark"},
		{"bolt 11 mm", "bolt 11mm", 0.6, 1, "a unit may stick to its number"},
		{"spanner 11mm", "spanner 21mm", 0.1, 0.8, "another number is another thing"},
		{"bearing", "motor", -0.3, 0.3, "nothing in common"},
		{"", "motor", 0, 0, "the empty text is near nothing"},
	} {
		if got := sim(c.a, c.b); got < c.lo || got > c.hi {
			t.Errorf("similarity of %q and %q is %.4f, want %.2f..%.2f: %s", c.a, c.b, got, c.lo, c.hi, c.why)
		}
	}
	if near, far := sim("wrench 11mm chrome", "wrench 11 mm chrome vanadium"), sim("wrench 11mm chrome", "wrench 21mm chrome"); near <= far {
		t.Errorf("the same size is at %.3f, the other at %.3f", near, far)
	}
}

func TestRareFeaturesWeighMore(t *testing.T) {
	texts := []string{"bearing skf 6205", "bearing skf 6206", "bearing skf 6207", "bearing fag 6205"}
	h := embed.NewHashing(embed.FitIDF(slices.Values(texts)))
	u := embed.NewHashing(nil)
	if h.Space() == u.Space() {
		t.Fatalf("a fitted table has the space %q of the uniform one", h.Space())
	}
	a, b := "bearing skf 6205", "bearing skf 6206"
	if fit, uni := embed.Dot(h.Vector(a), h.Vector(b)), embed.Dot(u.Vector(a), u.Vector(b)); fit >= uni {
		t.Errorf("texts that share only common words: %.3f fitted, %.3f uniform; want less", fit, uni)
	}
}

// TestSameEverywhere pins the bytes of a few vectors: the same text must have
// the same vector on every architecture and in every version of this space.
func TestSameEverywhere(t *testing.T) {
	h := embed.NewHashing(embed.FitIDF(slices.Values([]string{"kugellager 6205", "schraube m8x40", "motor 1,5 kw"})))
	sum := sha256.New()
	for _, s := range []string{"Kugellager 6205-2RS", "Sechskantschraube DIN 933 M8x40 A2-70", "Motor 1,5 kW 400 V IE3", "µ-Schalter größe 5", ""} {
		for _, x := range h.Vector(s) {
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], math.Float32bits(x))
			sum.Write(b[:])
		}
	}
	const space, want = "hash:v1:", "a3335f70b600dfe17a64aaa8cc62d3fd"
	if !strings.HasPrefix(h.Space(), space) {
		t.Errorf("space %q, want prefix %q", h.Space(), space)
	}
	if got := hex.EncodeToString(sum.Sum(nil)[:16]); got != want {
		t.Errorf("vectors hash to %s, want %s", got, want)
	}
}

func TestProperties(t *testing.T) {
	h := embed.NewHashing(nil)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		checkVector(t, h, s)
		folded := string(embed.Fold(nil, s))
		if again := string(embed.Fold(nil, folded)); again != folded {
			t.Fatalf("Fold(%q) = %q folds on to %q", s, folded, again)
		}
	})
}

type failer interface{ Fatalf(string, ...any) }

func checkVector(t failer, h *embed.Hashing, s string) {
	vs, err := h.Embed(context.Background(), []string{s, s})
	if err != nil || len(vs) != 2 || len(vs[0]) != embed.Dim {
		t.Fatalf("Embed(%q): %d vectors, %v", s, len(vs), err)
	}
	if !slices.Equal(vs[0], vs[1]) {
		t.Fatalf("%q has two vectors", s)
	}
	var n float64
	for _, x := range vs[0] {
		n += float64(x) * float64(x)
	}
	empty := len(embed.Fold(nil, s)) == 0
	if empty && n != 0 {
		t.Fatalf("%q folds to nothing and has norm %v", s, n)
	}
	if n != 0 && math.Abs(n-1) > 1e-5 {
		t.Fatalf("%q has the squared norm %v", s, n)
	}
}

func TestIDFRoundTrip(t *testing.T) {
	idf := embed.FitIDF(slices.Values([]string{"a b", "b c", "größe 5"}))
	b, err := idf.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back embed.IDF
	if err := back.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if back.Hash() != idf.Hash() || back.Texts() != 3 {
		t.Errorf("hash %s of %d texts came back as %s of %d", idf.Hash(), idf.Texts(), back.Hash(), back.Texts())
	}
	for name, damage := range map[string]struct {
		bytes []byte
		code  pipeline.Code
	}{
		"empty":     {nil, pipeline.CodeCorrupt},
		"truncated": {b[:len(b)-1], pipeline.CodeCorrupt},
		"longer":    {append(slices.Clone(b), 0), pipeline.CodeCorrupt},
		"a bit":     {flip(b, 100), pipeline.CodeCorrupt},
		"magic":     {flip(b, 0), pipeline.CodeCorrupt},
		"version":   {flip(b, 9), pipeline.CodeInvalid},
	} {
		if err := new(embed.IDF).UnmarshalBinary(damage.bytes); pipeline.ErrorCode(err) != damage.code {
			t.Errorf("%s: %v, want code %s", name, err, damage.code)
		}
	}
}

func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 1
	return b
}

func TestFitOfNothingIsUniform(t *testing.T) {
	if got, want := embed.FitIDF(slices.Values([]string(nil))).Hash(), embed.UniformIDF().Hash(); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := embed.NewHashing(nil).Embed(ctx, []string{"a"}); pipeline.ErrorCode(err) != pipeline.CodeCanceled {
		t.Errorf("error %v, want code canceled", err)
	}
}

func TestHugeTextIsBounded(t *testing.T) {
	h := embed.NewHashing(nil)
	checkVector(t, h, strings.Repeat("bearing 6205 ", 1<<20))
	checkVector(t, h, strings.Repeat("a", 1<<22))
}

func FuzzHashing(f *testing.F) {
	for _, s := range []string{"", "6205-2RS", "0,5 kW", "größe", "\xff\x00", "a\u0308"} {
		f.Add(s)
	}
	h := embed.NewHashing(nil)
	f.Fuzz(func(t *testing.T, s string) { checkVector(t, h, s) })
}

func FuzzIDF(f *testing.F) {
	b, _ := embed.UniformIDF().MarshalBinary()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var idf embed.IDF
		if idf.UnmarshalBinary(b) != nil {
			return
		}
		if again, _ := idf.MarshalBinary(); !slices.Equal(again, b) {
			t.Fatalf("accepted bytes that it does not write")
		}
	})
}

func BenchmarkEmbed(b *testing.B) {
	h := embed.NewHashing(nil)
	texts := slices.Repeat([]string{"Rillenkugellager 6205-2RS1/C3 SKF 25x52x15 mm, gepd."}, 1024)
	b.ResetTimer()
	for b.Loop() {
		if _, err := h.Embed(context.Background(), texts); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(texts))/b.Elapsed().Seconds(), "items/s")
}
