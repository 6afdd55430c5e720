package embed

import (
	"context"
	"math"

	"github.com/assay-pipeline/assay/pipeline"
)

// Dim is the number of dimensions of the hashing embedder.
const Dim = 512

// Weights of the kinds of feature, relative to a character 3-gram. A word is
// about five 3-grams, and a number as a whole has to outweigh the 3-grams that
// it shares with others (11 and 21, 6205 and 6206).
const (
	gramWeight   = 1
	wordWeight   = 2
	numberWeight = 3
)

// Hashing is the built-in embedder: features of the folded text (character
// 3-grams, words, numbers), each hashed to a dimension and a sign (Weinberger
// et al. 2009), weighted by an IDF table, L2-normalised. It needs no model and
// no network and is safe for concurrent use. Sums are integers, so that a text
// has the same vector on every architecture.
type Hashing struct {
	idf   *IDF
	space string
}

// NewHashing returns the embedder of the space that idf spans; nil means the
// uniform table. The table is copied.
func NewHashing(idf *IDF) *Hashing {
	if idf == nil {
		idf = UniformIDF()
	}
	t := *idf
	return &Hashing{idf: &t, space: "hash:v1:" + t.Hash()}
}

// Space is "hash:v1:" and the hash of the IDF table.
func (h *Hashing) Space() string { return h.space }

// Dimensions is Dim.
func (h *Hashing) Dimensions() int { return Dim }

// Embed implements Embedder. Its only error is that of ctx.
func (h *Hashing) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	const chunk = 1024 // vectors per allocation, and per look at ctx
	out := make([][]float32, 0, len(texts))
	var e encoder
	for len(texts) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, pipeline.Errorf(pipeline.ErrorCode(err), "embedding stopped after %d texts: %w", len(out), err)
		}
		n := min(chunk, len(texts))
		block := make([]float32, n*Dim)
		for i, s := range texts[:n] {
			v := block[i*Dim : (i+1)*Dim : (i+1)*Dim]
			e.encode(v, h.idf, s)
			out = append(out, v)
		}
		texts = texts[n:]
	}
	return out, nil
}

// Vector is the embedding of one text.
func (h *Hashing) Vector(text string) []float32 {
	v := make([]float32, Dim)
	var e encoder
	e.encode(v, h.idf, text)
	return v
}

// An encoder holds the scratch memory of one goroutine.
type encoder struct {
	text []byte
	sum  [Dim]int32
}

// encode writes the vector of s into the zeroed dst.
func (e *encoder) encode(dst []float32, idf *IDF, s string) {
	e.text = Fold(e.text[:0], s)
	sum := &e.sum
	features(e.text, func(h uint64, w int32) {
		w *= int32(idf.weight[bucket(h)])
		// A sign without a branch: the top bit decides.
		m := int32(h >> 63)
		sum[h%Dim] += (w ^ -m) + m
	})
	var sq int64
	for _, x := range sum {
		sq += int64(x) * int64(x)
	}
	if sq == 0 {
		clear(sum[:])
		return
	}
	norm := math.Sqrt(float64(sq)) // exactly rounded, as the division below
	for i, x := range sum {
		if x != 0 {
			dst[i] = float32(float64(x) / norm)
			sum[i] = 0
		}
	}
}

// bucket is the place of a feature in the IDF table; its bits are neither
// those of the dimension nor that of the sign.
func bucket(h uint64) uint64 { return h >> 32 % buckets }

// features calls yield with the hash and weight of each feature of a folded
// text: 3-grams of each word with its borders, the word, and where a word
// mixes letters and digits its parts, so that "11mm" and "11 mm" meet.
func features(text []byte, yield func(h uint64, w int32)) {
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && text[end] != ' ' {
			end++
		}
		word := text[i:end]
		i = end + 1

		gram := uint64(' ')
		run := uint64(0) // hash of the current run of digits or letters
		whole := uint64(0)
		numeric := false
		runs := 0
		for j, c := range word {
			gram = gram<<8&0xffffff | uint64(c)
			if j > 0 {
				yield(mix(gram|1<<32), gramWeight)
			}
			d := isDigit(c) || c == '.'
			if j > 0 && d != numeric {
				yieldRun(yield, run, numeric)
				run, runs = 0, runs+1
			}
			numeric = d
			run = run*prime + uint64(c) + 1
			whole = whole*prime + uint64(c) + 1
		}
		yield(mix((gram<<8&0xffffff|' ')|1<<32), gramWeight)
		yieldRun(yield, run, numeric)
		if runs > 0 {
			yield(mix(whole^2<<60), wordWeight)
		}
	}
}

func yieldRun(yield func(uint64, int32), run uint64, numeric bool) {
	if numeric {
		yield(mix(run^3<<60), numberWeight)
	} else {
		yield(mix(run^2<<60), wordWeight)
	}
}

// prime is the 64-bit FNV prime.
const prime = 1099511628211

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of
// the input reaches every bit of the output.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Dot is the inner product of two vectors of one space, their cosine where
// both are normalised. The longer one's tail is ignored.
func Dot(a, b []float32) float32 {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	// Four sums break the chain of dependent additions. The conversions keep
	// the compiler from fusing multiply and add, which rounds differently.
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= n; i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += float32(x[0] * y[0])
		s1 += float32(x[1] * y[1])
		s2 += float32(x[2] * y[2])
		s3 += float32(x[3] * y[3])
	}
	for ; i < n; i++ {
		s0 += float32(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}
