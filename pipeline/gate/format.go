package gate

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"net/url"
	"time"
)

// formats are the string formats of ODCS that can be checked.
var formats = map[string]func([]byte) bool{
	"email":     isEmail,
	"uuid":      isUUID,
	"uri":       isURI,
	"hostname":  isHostname,
	"ipv4":      func(b []byte) bool { a, err := netip.ParseAddr(string(b)); return err == nil && a.Is4() },
	"ipv6":      func(b []byte) bool { a, err := netip.ParseAddr(string(b)); return err == nil && a.Is6() },
	"byte":      func(b []byte) bool { _, err := base64.StdEncoding.DecodeString(string(b)); return err == nil },
	"date":      func(b []byte) bool { _, err := time.Parse(time.DateOnly, string(b)); return err == nil },
	"date-time": func(b []byte) bool { _, err := time.Parse(time.RFC3339, string(b)); return err == nil },
	"time":      isTime,
}

func isTime(b []byte) bool {
	for _, l := range []string{"15:04:05", "15:04:05Z07:00"} {
		if _, err := time.Parse(l, string(b)); err == nil {
			return true
		}
	}
	return false
}

// Classes of bytes.
const (
	atomByte  = 1 << iota // RFC 5322 atext
	labelByte             // letters and digits
	hexByte
)

var classes = func() (t [256]uint8) {
	for c := range t {
		b := byte(c)
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		digit := b >= '0' && b <= '9'
		if letter || digit || bytes.IndexByte([]byte("!#$%&'*+/=?^_`{|}~-"), b) >= 0 || c >= 0x80 {
			t[c] |= atomByte
		}
		if letter || digit || c >= 0x80 {
			t[c] |= labelByte
		}
		if digit || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F' {
			t[c] |= hexByte
		}
	}
	return t
}()

// isEmail: a dot-atom of at most 64 bytes, an @, and a domain of at least two
// labels; 254 bytes at most. Quoted local parts and address literals, which
// RFC 5321 also knows, are refused: in a feed they are mistakes.
func isEmail(b []byte) bool {
	if len(b) > 254 {
		return false
	}
	dot := -1 // the last dot
	for i, c := range b {
		if classes[c]&atomByte != 0 {
			continue
		}
		switch {
		case c == '.' && i > dot+1:
			dot = i
		case c == '@' && i > dot+1 && i <= 64:
			return domain(b[i+1:], 2)
		default:
			return false
		}
	}
	return false
}

func isHostname(b []byte) bool { return domain(b, 1) }

// domain: labels of 1 to 63 letters, digits and inner hyphens.
func domain(b []byte, atLeast int) bool {
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	labels, start := 1, 0
	for i, c := range b {
		if classes[c]&labelByte != 0 {
			continue
		}
		switch {
		case c == '-' && i > start:
		case c == '.' && i > start && i-start <= 63 && b[i-1] != '-':
			labels++
			start = i + 1
		default:
			return false
		}
	}
	n := len(b) - start
	return n > 0 && n <= 63 && b[len(b)-1] != '-' && labels >= atLeast
}

// isUUID: 8-4-4-4-12 hexadecimal digits, of any version and case.
func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if classes[c]&hexByte == 0 {
			return false
		}
	}
	return true
}

// isURI: an absolute URI with a scheme.
func isURI(b []byte) bool {
	u, err := url.Parse(string(b))
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "" || u.Path != "")
}
