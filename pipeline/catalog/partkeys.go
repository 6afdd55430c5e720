package catalog

import "slices"

// designationAttribute is the name under which categories keep the type number
// that a standard or the trade gives a thing, whoever makes it.
const designationAttribute = "designation"

// PartKeys are the part numbers and designations that e states, in the form in
// which they are compared, sorted: what a store finds items by exactly.
func PartKeys(e *Entry) []string {
	var v view
	v.addPart(e.Item.Meta.PartNumber)
	for i := range e.Record.Attributes {
		switch a := &e.Record.Attributes[i]; a.Name {
		case partAttribute, designationAttribute:
			v.addPart(a.Value.String())
		}
	}
	slices.Sort(v.parts)
	return slices.Compact(v.parts)
}
