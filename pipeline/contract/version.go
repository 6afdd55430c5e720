package contract

import (
	"cmp"
	"strconv"
	"strings"
)

// CompareVersions orders two semantic versions as their standard says; one
// that is not semantic comes before all that are, and by its text.
func CompareVersions(a, b string) int {
	x, okA := parseVersion(a)
	y, okB := parseVersion(b)
	if !okA || !okB {
		switch {
		case okA:
			return 1
		case okB:
			return -1
		}
		return strings.Compare(a, b)
	}
	for i := range x.number {
		if x.number[i] != y.number[i] {
			return cmp.Compare(x.number[i], y.number[i])
		}
	}
	return comparePrerelease(x.pre, y.pre)
}

type version struct {
	number [3]uint64
	pre    string
}

func parseVersion(s string) (version, bool) {
	m := semantic().FindStringSubmatch(s)
	if m == nil {
		return version{}, false
	}
	v := version{pre: strings.TrimPrefix(m[4], "-")}
	for i := range v.number {
		n, err := strconv.ParseUint(m[i+1], 10, 64)
		if err != nil {
			return version{}, false
		}
		v.number[i] = n
	}
	return v, true
}

func comparePrerelease(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(x) && i < len(y); i++ {
		n, errN := strconv.ParseUint(x[i], 10, 64)
		m, errM := strconv.ParseUint(y[i], 10, 64)
		c := strings.Compare(x[i], y[i])
		switch {
		case errN == nil && errM == nil:
			c = cmp.Compare(n, m)
		case errN == nil:
			c = -1
		case errM == nil:
			c = 1
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}
