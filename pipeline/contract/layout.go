package contract

import (
	"fmt"
	"strings"
	"time"
)

// A date format is written in the letters of java.time.DateTimeFormatter, as
// ODCS asks. goLayouts translates it to the layouts of package time; a pattern
// that people use for two spellings (Z for +0200, +02:00 and Z) gives several.
func goLayouts(pattern string) ([]string, error) {
	if strings.Contains(pattern, "%") {
		return nil, fmt.Errorf("%q looks like strftime; ODCS writes yyyy-MM-dd HH:mm:ss", pattern)
	}
	out := []string{""}
	emit := func(alternatives ...string) {
		var next []string
		for _, a := range alternatives {
			for _, o := range out {
				next = append(next, o+a)
			}
		}
		out = next
	}
	letters := false
	for i := 0; i < len(pattern); {
		ch := pattern[i]
		if ch == '\'' {
			end := strings.IndexByte(pattern[i+1:], '\'')
			switch {
			case end < 0:
				return nil, fmt.Errorf("the quote in %q does not close", pattern)
			case end == 0:
				emit("'")
			default:
				emit(pattern[i+1 : i+1+end])
			}
			i += end + 2
			continue
		}
		if (ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z') {
			if ch >= '0' && ch <= '9' {
				return nil, fmt.Errorf("the digit %c in %q; quote text that is no field", ch, pattern)
			}
			emit(string(ch))
			i++
			continue
		}
		run := 1
		for i+run < len(pattern) && pattern[i+run] == ch {
			run++
		}
		i += run
		letters = true
		layouts := dateField(ch, run)
		if layouts == nil {
			return nil, fmt.Errorf("%q in %q is not read", strings.Repeat(string(ch), run), pattern)
		}
		if ch == 'S' && !strings.HasSuffix(out[0], ".") && !strings.HasSuffix(out[0], ",") {
			return nil, fmt.Errorf("fractions in %q must follow a point or comma", pattern)
		}
		emit(layouts...)
	}
	if !letters {
		return nil, fmt.Errorf("%q holds no field of a date or time", pattern)
	}
	return out, nil
}

func dateField(ch byte, run int) []string {
	pick := func(one, two string) []string {
		switch run {
		case 1:
			return []string{one}
		case 2:
			return []string{two}
		}
		return nil
	}
	switch ch {
	case 'y', 'u':
		if run == 2 {
			return []string{"06"}
		}
		return []string{"2006"}
	case 'M', 'L':
		switch run {
		case 3:
			return []string{"Jan"}
		case 4:
			return []string{"January"}
		}
		return pick("1", "01")
	case 'd':
		return pick("2", "02")
	case 'D':
		if run == 3 {
			return []string{"002"}
		}
	case 'H':
		return pick("15", "15")
	case 'h':
		return pick("3", "03")
	case 'm':
		return pick("4", "04")
	case 's':
		return pick("5", "05")
	case 'S', 'n':
		if run <= 9 {
			return []string{strings.Repeat("0", run)}
		}
	case 'a':
		return []string{"PM"}
	case 'E':
		if run == 4 {
			return []string{"Monday"}
		}
		return []string{"Mon"}
	case 'Z':
		return []string{"Z07:00", "Z0700"}
	case 'X', 'x':
		switch run {
		case 1:
			return []string{"Z07"}
		case 2:
			return []string{"Z0700"}
		}
		return []string{"Z07:00"}
	case 'z':
		return []string{"MST"}
	}
	return nil
}

// defaultLayouts are accepted where a contract states no format: ISO 8601, for
// timestamps with T or a space and with or without an offset.
func defaultLayouts(t Type) []string {
	switch t {
	case Date:
		return []string{"2006-01-02"}
	case Time:
		return []string{"15:04:05", "15:04"}
	case Timestamp:
		return []string{"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}
	}
	return nil
}

// confusable returns a text that a and b both read, as different moments.
func confusable(a, b string) (string, bool) {
	for _, probe := range []time.Time{
		time.Date(2003, 2, 1, 4, 5, 6, 0, time.UTC),
		time.Date(2011, 10, 12, 10, 11, 12, 0, time.UTC),
		time.Date(2012, 11, 10, 21, 9, 8, 0, time.UTC),
	} {
		for _, pair := range [][2]string{{a, b}, {b, a}} {
			text := probe.Format(pair[0])
			x, err1 := time.Parse(pair[0], text)
			y, err2 := time.Parse(pair[1], text)
			if err1 == nil && err2 == nil && !x.Equal(y) {
				return text, true
			}
		}
	}
	return "", false
}
