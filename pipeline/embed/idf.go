package embed

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"math"

	"github.com/assay-pipeline/assay/pipeline"
)

// buckets is the number of weights in an IDF table. Features share buckets by
// hash; 16,384 keep a catalog's vocabulary mostly apart in 16 KiB.
const buckets = 1 << 14

// unit is the weight of a feature that every text carries.
const unit = 16

// An IDF table says how much a feature tells: rare ones weigh more. A table is
// frozen once made; it is part of the identity of the space that uses it, and
// fitting again makes another space.
type IDF struct {
	docs   uint64
	weight [buckets]uint8
}

// UniformIDF is the table that knows nothing: every feature weighs the same.
func UniformIDF() *IDF {
	t := new(IDF)
	for i := range t.weight {
		t.weight[i] = unit
	}
	return t
}

// FitIDF counts in how many of texts each feature stands and weighs it by
// 1 + ln((1+N)/(1+df)), the smoothed inverse document frequency, in
// sixteenths, at most 255. No text gives the uniform table.
func FitIDF(texts iter.Seq[string]) *IDF {
	var df [buckets]uint64
	var last [buckets]uint64
	var n uint64
	var buf []byte
	for s := range texts {
		n++
		buf = Fold(buf[:0], s)
		features(buf, func(h uint64, _ int32) {
			b := bucket(h)
			if last[b] != n {
				last[b] = n
				df[b]++
			}
		})
	}
	if n == 0 {
		return UniformIDF()
	}
	t := &IDF{docs: n}
	for b := range df {
		w := unit * (1 + logRatio(n+1, df[b]+1))
		t.weight[b] = uint8(min(w, 255))
	}
	return t
}

// logRatio is ln(a/b) rounded to 1/4096: far coarser than the last bits in
// which math.Log may differ between architectures, so that one fit gives one
// table everywhere.
func logRatio(a, b uint64) float64 {
	return math.Round(math.Log(float64(a)/float64(b))*4096) / 4096
}

const (
	idfMagic   = "ASSAYIDF"
	idfVersion = 1
	idfSize    = len(idfMagic) + 2 + 8 + buckets + sha256.Size
)

// MarshalBinary writes the table: magic, version, number of texts, weights,
// and the SHA-256 of all that.
func (t *IDF) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, idfSize)
	b = append(b, idfMagic...)
	b = binary.BigEndian.AppendUint16(b, idfVersion)
	b = binary.BigEndian.AppendUint64(b, t.docs)
	b = append(b, t.weight[:]...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// UnmarshalBinary reads what MarshalBinary wrote. Errors: corrupt for damaged
// bytes, invalid for a version that this program does not know.
func (t *IDF) UnmarshalBinary(b []byte) error {
	if len(b) < len(idfMagic)+2 || string(b[:len(idfMagic)]) != idfMagic {
		return pipeline.Errorf(pipeline.CodeCorrupt, "IDF table: not one (%d bytes)", len(b)).
			WithHint("fit the table again")
	}
	if v := binary.BigEndian.Uint16(b[len(idfMagic):]); v != idfVersion {
		return pipeline.Errorf(pipeline.CodeInvalid, "IDF table: version %d, this program reads %d", v, idfVersion).
			WithHint("use the program that wrote it, or fit the table again")
	}
	if len(b) != idfSize {
		return pipeline.Errorf(pipeline.CodeCorrupt, "IDF table: %d bytes instead of %d", len(b), idfSize).
			WithHint("fit the table again")
	}
	body := b[:idfSize-sha256.Size]
	if sum := sha256.Sum256(body); string(sum[:]) != string(b[len(body):]) {
		return pipeline.Errorf(pipeline.CodeCorrupt, "IDF table: the checksum does not fit its content").
			WithHint("fit the table again")
	}
	body = body[len(idfMagic)+2:]
	t.docs = binary.BigEndian.Uint64(body)
	copy(t.weight[:], body[8:])
	return nil
}

// Texts is the number of texts the table was fitted on, 0 for the uniform one.
func (t *IDF) Texts() uint64 { return t.docs }

// Hash identifies the table: the first 48 bits of the SHA-256 of its bytes.
func (t *IDF) Hash() string {
	b, _ := t.MarshalBinary() // never fails
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}
