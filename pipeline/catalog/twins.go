package catalog

import "strings"

// maxTwins is how many items that say exactly the same are compared with
// everything, each for itself. A catalog of copies (the same 700 texts in
// twenty deliveries) would else cost the square of the copies.
const maxTwins = 8

// leaders returns, for each view, the position of the first that says exactly
// the same, where more than maxTwins do; its own position otherwise. Views are
// in order of id.
func leaders(views []*view) []int32 {
	lead := make([]int32, len(views))
	texts := map[string]int32{} // first of its text, and how many there are
	count := make([]int32, len(views))
	for i, v := range views {
		lead[i] = int32(i)
		if v.strict == "" {
			continue
		}
		f, ok := texts[v.strict]
		if !ok {
			f = int32(i)
			texts[v.strict] = f
		}
		count[f]++
	}
	same := map[string][]int32{}
	for i, v := range views {
		if v.strict == "" || count[texts[v.strict]] <= maxTwins {
			continue
		}
		k := v.fingerprint()
		same[k] = append(same[k], int32(i))
	}
	for _, class := range same {
		if len(class) > maxTwins {
			for _, i := range class[1:] {
				lead[i] = class[0]
			}
		}
	}
	return lead
}

// fingerprint is everything of v that a comparison looks at, but its id.
func (v *view) fingerprint() string {
	var b strings.Builder
	put := func(s ...string) {
		for _, x := range s {
			b.WriteString(x)
			b.WriteByte(0)
		}
		b.WriteByte(1)
	}
	put(v.category, v.strict, v.makerRaw, v.pack)
	put(v.parts...)
	put(v.numbers...)
	put(v.words...)
	for i := range v.vals {
		x := &v.vals[i]
		mark := []byte{'0', '0', '0'}
		for n, is := range []bool{x.known, x.implied, x.derived} {
			if is {
				mark[n] = '1'
			}
		}
		put(string(mark), x.key, x.show, x.doubtful)
	}
	return b.String()
}
