package gate

import (
	"encoding/json"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// nested is the plan of an object or array: its value is JSON.
type nested struct{ open byte }

func (c *compiler) nested(spec *contract.Field) *nested {
	n := &nested{open: '{'}
	if spec.Type == contract.Array {
		n.open = '['
	}
	return n
}

// nestings reads objects and arrays: JSON values, or JSON text in a CSV cell.
func (f *field) nestings(s *sheet, v *vector) {
	for r, st := range v.state {
		if st != okCell {
			continue
		}
		b := v.text(r)
		ok := len(b) > 0 && b[0] == f.nested.open
		if v.kinds == nil {
			ok = ok && json.Valid(b)
		} else {
			ok = ok && v.kinds[r] == codec.Nested
		}
		if !ok {
			f.mistype(s, v, r)
		}
	}
}
