package gate

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// moments reads the dates, times or timestamps of one field.
type moments struct {
	typ     contract.Type
	layouts []string
	zoned   []bool // whether the layout carries an offset
	loc     *time.Location
	iso     bool // the default layouts: a hand-written reader comes first
}

func newMoments(spec *contract.Field) (*moments, error) {
	m := &moments{typ: spec.Type, layouts: spec.Options.Formats, loc: time.UTC}
	if len(m.layouts) == 0 {
		m.layouts = isoLayouts[spec.Type]
	}
	m.iso = true
	for _, l := range m.layouts {
		m.zoned = append(m.zoned, strings.Contains(l, "Z07") || strings.Contains(l, "-07") || strings.Contains(l, "MST"))
	}
	if len(m.layouts) != len(isoLayouts[spec.Type]) {
		m.iso = false
	} else {
		for i, l := range m.layouts {
			m.iso = m.iso && l == isoLayouts[spec.Type][i]
		}
	}
	if z := spec.Options.DefaultTimezone; z != "" {
		loc, err := time.LoadLocation(z)
		if err != nil {
			return nil, err
		}
		m.loc = loc
	}
	return m, nil
}

// isoLayouts are what is read where a contract states no format.
var isoLayouts = map[contract.Type][]string{
	contract.Date: {"2006-01-02"},
	contract.Time: {"15:04:05", "15:04"},
	contract.Timestamp: {"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00",
		"2006-01-02T15:04:05", "2006-01-02 15:04:05"},
}

// read gives days since 1970-01-01 of a date, microseconds of the day of a
// time, microseconds since the epoch of a timestamp, and whether the text
// carried an offset.
func (m *moments) read(b []byte) (v int64, zoned, ok bool) {
	if m.iso {
		if v, zoned, ok = m.fast(b); ok {
			return v, zoned, ok
		}
	}
	s := string(b)
	for i, l := range m.layouts {
		t, err := time.ParseInLocation(l, s, m.loc)
		if err == nil && t.Year() >= 1 && t.Year() <= 9999 || err == nil && m.typ == contract.Time {
			return m.value(t), m.zoned[i], true
		}
	}
	return 0, false, false
}

func (m *moments) value(t time.Time) int64 {
	switch m.typ {
	case contract.Date:
		return days(t.Year(), int(t.Month()), t.Day())
	case contract.Time:
		return int64(t.Hour()*3600+t.Minute()*60+t.Second())*1e6 + int64(t.Nanosecond()/1000)
	}
	return t.UnixMicro()
}

// A monthCache remembers the months of a column, by their text "yyyy-mm-".
type monthCache [64]struct {
	text   uint64
	before int64 // the day before the month, in days since 1970-01-01
	days   uint16
}

// cached reads what is most common: yyyy-mm-dd, and that with hh:mm:ss and Z.
func (m *moments) cached(b []byte, months *monthCache) (v int64, zoned, ok bool) {
	if !m.iso || len(b) < 10 {
		return 0, false, false
	}
	x := binary.LittleEndian.Uint64(b)
	month := &months[x*wordFactor>>58]
	if month.text != x {
		var first [10]byte
		copy(first[:], b[:8])
		first[8], first[9] = '0', '1'
		d, ok := date10(first[:])
		if !ok {
			return 0, false, false
		}
		t := time.Unix(d*86400, 0).UTC()
		month.text, month.before, month.days = x, d-1, uint16(monthDays(t.Year(), int(t.Month())))
	}
	z := binary.LittleEndian.Uint16(b[8:]) ^ 0x3030
	day := z&0xff*10 + z>>8
	if z&0xff > 9 || z>>8 > 9 || day-1 >= month.days {
		return 0, false, false
	}
	v = month.before + int64(day)
	if m.typ == contract.Date {
		return v, false, len(b) == 10
	}
	switch {
	case len(b) == 20 && b[19] == 'Z':
		zoned = true
	case len(b) != 19 || m.loc != time.UTC:
		return 0, false, false
	}
	if m.typ != contract.Timestamp || b[10] != 'T' && b[10] != ' ' {
		return 0, false, false
	}
	us, ok := clock(b[11:19])
	return v*86400e6 + us, zoned, ok
}

// fast reads yyyy-mm-dd, and yyyy-mm-dd{T or space}hh:mm:ss with an optional
// fraction and Z. What it refuses is read by package time.
func (m *moments) fast(b []byte) (v int64, zoned, ok bool) {
	if m.typ == contract.Time {
		if len(b) != 8 {
			return 0, false, false
		}
		us, ok := clock(b)
		return us, false, ok
	}
	if len(b) < 10 {
		return 0, false, false
	}
	d, ok := date10(b)
	if !ok {
		return 0, false, false
	}
	if m.typ == contract.Date {
		return d, false, len(b) == 10
	}
	if len(b) < 19 || b[10] != 'T' && b[10] != ' ' {
		return 0, false, false
	}
	us, ok := clock(b[11:19])
	if !ok {
		return 0, false, false
	}
	rest := b[19:]
	if len(rest) > 1 && rest[0] == '.' {
		rest = rest[1:]
		frac, n := int64(0), 0
		for n < len(rest) && rest[n]-'0' <= 9 {
			if n < 6 {
				frac = frac*10 + int64(rest[n]-'0')
			}
			n++
		}
		if n == 0 || n > 9 {
			return 0, false, false
		}
		for i := n; i < 6; i++ {
			frac *= 10
		}
		us += frac
		rest = rest[n:]
	}
	switch {
	case len(rest) == 1 && rest[0] == 'Z':
		return d*86400e6 + us, true, true
	case len(rest) == 0 && m.loc == time.UTC:
		return d*86400e6 + us, false, true
	}
	return 0, false, false
}

// digitsOnly reports whether every byte of x is at most 9.
func digitsOnly(x uint64) bool { return ((x+0x7676767676767676)|x)&0x8080808080808080 == 0 }

// date10 reads yyyy-mm-dd, eight bytes at once: what remains of each byte after
// taking the separators and '0' away is its digit.
func date10(b []byte) (int64, bool) {
	x := binary.LittleEndian.Uint64(b) ^ 0x2d30302d30303030
	z := binary.LittleEndian.Uint16(b[8:]) ^ 0x3030
	if !digitsOnly(x) || x&0xff0000ff00000000 != 0 || !digitsOnly(uint64(z)) {
		return 0, false
	}
	y := int(x&15*1000 + x>>8&15*100 + x>>16&15*10 + x>>24&15)
	m := int(x>>40&15*10 + x>>48&15)
	d := int(z&15*10 + z>>8&15)
	if y < 1 || m < 1 || m > 12 || d < 1 || d > 28 && d > monthDays(y, m) {
		return 0, false
	}
	return days(y, m, d), true
}

// clock reads hh:mm:ss into microseconds of the day.
func clock(b []byte) (int64, bool) {
	x := binary.LittleEndian.Uint64(b) ^ 0x30303a30303a3030
	if !digitsOnly(x) || x&0x0000ff0000ff0000 != 0 {
		return 0, false
	}
	x = x*10 + x>>8 // pairs of digits
	h, m, s := int64(x&0xff), int64(x>>24&0xff), int64(x>>48&0xff)
	if h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	return (h*3600 + m*60 + s) * 1e6, true
}

func monthDays(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// yearDays holds the day number of January 1 of the years 0 to 9999.
var yearDays = func() (t [10000]int32) {
	t[0] = int32(civilDays(0, 1, 1))
	for y := range len(t) - 1 {
		t[y+1] = t[y] + 365
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			t[y+1]++
		}
	}
	return t
}()

// monthStart is the number of days before a month, in ordinary and leap years.
var monthStart = [2][13]int16{
	{0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334},
	{0, 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335},
}

// days since 1970-01-01 of a date of the proleptic Gregorian calendar.
func days(y, m, d int) int64 {
	if uint(y) >= uint(len(yearDays)) {
		return civilDays(y, m, d)
	}
	leap := 0
	if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
		leap = 1
	}
	return int64(yearDays[y]) + int64(monthStart[leap][m]) + int64(d) - 1
}

// civilDays is days for any year (days_from_civil, H. Hinnant).
func civilDays(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}
