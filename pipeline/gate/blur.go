package gate

import (
	"math"
	"slices"
	"strconv"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// severalRows is how many rows share a value that tells nothing of one of them.
const severalRows = 5

// blur takes out of the profile of a column what a value that slipped into it
// from a classified column could be told by: frequent values that few rows have,
// and the low digits of long numbers.
func (fp *FieldProfile) blur() {
	switch contract.Type(fp.Type) {
	case contract.String, contract.Integer:
		fp.Top = slices.DeleteFunc(fp.Top, func(f Frequency) bool { return f.Count < severalRows })
	}
	switch contract.Type(fp.Type) {
	case contract.Integer, contract.Decimal:
	default:
		return
	}
	for _, text := range []*string{&fp.Min, &fp.Max} {
		if x, err := strconv.ParseFloat(*text, 64); err == nil && x != blunt(x) {
			*text = formatFloat(blunt(x))
		}
	}
	if fp.Mean != nil {
		mean := blunt(*fp.Mean)
		fp.Mean = &mean
	}
	for _, list := range [][]float64{fp.Quantiles, fp.Values, fp.QuantilesAll} {
		for i, x := range list {
			list[i] = blunt(x)
		}
	}
	if h := fp.Histogram; h != nil {
		h.Min, h.Max = blunt(h.Min), blunt(h.Max)
	}
}

// blunt is a number to three digits where it has as many as tell somebody.
func blunt(x float64) float64 {
	if math.Abs(x) < math.Pow10(telling-1) {
		return x
	}
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	return x
}
