package gate

import (
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Dialect is how the codec reads files of the feed, for whoever reads one
// without judging it. Error: invalid.
func Dialect(f *contract.Feed) (codec.Dialect, error) { return dialectOf(f) }
