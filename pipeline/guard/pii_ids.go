package guard

import "strings"

// personID reads national numbers of persons. Those whose form no part number
// has (letters at fixed places, a date, several check digits) count alone;
// bare digits count beside a word that names them.
func personID(t string, gs []group) (end int, scheme string, ok bool) {
	for n := min(len(gs), 3); n >= 1; n-- {
		g := gs[:n]
		if n > 1 && !separated(t, g, t[g[0].end]) {
			continue
		}
		sep := byte(0)
		if n > 1 {
			sep = t[g[0].end]
		}
		from, end := g[0].start, g[n-1].end
		if end-from > 20 {
			continue
		}
		var buf [24]byte
		s := strings.ToUpper(string(digitsOf(buf[:0], t, g)))
		is := func() bool { return named(t, from, end, "id") }
		size := func(k int) int { return g[k].end - g[k].start }
		switch {
		case n == 1 && len(s) == 11 && strings.IndexByte("ABCDEFYXWVU", s[6]) >= 0 && hetu(s):
			return end, "FI hetu", true
		case n == 2 && sep == '-' && size(0) == 6 && size(1) == 4 && g[0].digits && hetu(s[:6]+"-"+s[6:]):
			return end, "FI hetu", true
		case n == 2 && sep == '-' && size(0) == 6 && size(1) == 4 && allDigits(g) && validDate(s[:6]) && luhn([]byte(s)):
			return end, "SE personnummer", true
		case n == 1 && len(s) == 12 && g[0].digits && (s[:2] == "18" || s[:2] == "19" || s[:2] == "20") && validDate(s[2:8]) && luhn([]byte(s[2:])) && is():
			return end, "SE personnummer", true
		case n == 1 && len(s) == 16 && fiscalCode(s):
			return end, "IT codice fiscale", true
		case n == 1 && len(s) == 12 && pension(s):
			return end, "DE Rentenversicherung", true
		case (n == 1 || n == 2 && sep == '-' && size(1) == 1) && len(s) == 9 && strings.IndexByte("XYZ", s[0]) >= 0 && nif(string(s[0]-'X'+'0')+s[1:]):
			return end, "ES NIE", true
		case (n == 1 || n == 2 && sep == '-' && size(1) == 1) && (len(s) == 8 || len(s) == 9) && nif(s) && is():
			return end, "ES NIF", true
		case n == 1 && len(s) == 10 && healthInsurance(s) && is():
			return end, "DE Krankenversicherung", true
		case n == 1 && len(s) == 11 && g[0].digits && turkishID(s) && (is() || wholeText(t, from, end)):
			return end, "TR kimlik", true
		case n == 1 && len(s) == 11 && g[0].digits && pesel(s) && (is() || wholeText(t, from, end)):
			return end, "PL PESEL", true
		case n == 1 && len(s) == 11 && g[0].digits && taxID(s) && is():
			return end, "DE Steuer-ID", true
		case (n == 3 && (sep == '-' || sep == ' ') && size(0) == 3 && size(1) == 3 && size(2) == 4 || n == 1) && allDigits(g) && len(s) == 10 && nhs(s) && (is() || n == 3 && wholeText(t, from, end)):
			return end, "UK NHS", true
		case n == 3 && (sep == '-' || sep == ' ' || sep == '.') && allDigits(g) && size(0) == 3 && size(1) == 2 && size(2) == 4 && ssn(s) && (named(t, from, end, "ssn") || wholeText(t, from, end)):
			return end, "US SSN", true
		}
	}
	return 0, "", false
}

// wholeText reports whether nothing else stands in the text: a column of its
// own.
func wholeText(t string, from, end int) bool {
	return strings.TrimSpace(t[:from]) == "" && strings.TrimSpace(t[end:]) == ""
}

func val(s string) (n int) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// validDate reads YYMMDD.
func validDate(s string) bool {
	m, d := val(s[2:4]), val(s[4:6])
	return val(s[:2]) >= 0 && m >= 1 && m <= 12 && d >= 1 && d <= daysOf[m]
}

// daysOf are the days of each month, leap years allowed.
var daysOf = [...]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// hetu is the Finnish code: DDMMYY, a sign of the century, three digits, and a
// check character from the remainder modulo 31.
func hetu(s string) bool {
	if len(s) != 11 || strings.IndexByte("+-ABCDEFYXWVU", s[6]) < 0 {
		return false
	}
	d, m, n := val(s[:2]), val(s[2:4]), val(s[:6]+s[7:10])
	if n < 0 || d < 1 || m < 1 || m > 12 || d > daysOf[m] || val(s[7:10]) < 2 {
		return false
	}
	return "0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31] == s[10]
}

// fiscalCode is the Italian code of 16 characters, by its form, which nothing
// else has: letters and digits at fixed places, a letter for the month, a day
// that is 40 higher for women.
func fiscalCode(s string) bool {
	const form = "LLLLLLDDLDDLDDDL"
	for i := range len(form) {
		if form[i] == 'L' != isUpper(s[i]) || form[i] == 'D' != isDigit(s[i]) {
			return false
		}
	}
	day := val(s[9:11])
	return strings.IndexByte("ABCDEHLMPRST", s[8]) >= 0 && (day >= 1 && day <= 31 || day >= 41 && day <= 71)
}

// pension is the German number of the pension insurance: area, date of birth,
// letter, serial, check digit.
func pension(s string) bool {
	if val(s[:8]) < 0 || !isUpper(s[8]) || val(s[9:]) < 0 || val(s[2:4])%50 > 31 || val(s[4:6]) < 1 || val(s[4:6]) > 12 {
		return false
	}
	letter := int(s[8]-'A') + 1
	digits := s[:8] + string([]byte{byte('0' + letter/10), byte('0' + letter%10)}) + s[9:11]
	return crossSum(digits, []int{2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1})%10 == int(s[11]-'0')
}

// crossSum adds the sums of the digits of each weighted digit.
func crossSum(digits string, weights []int) (sum int) {
	for i := range len(digits) {
		n := int(digits[i]-'0') * weights[i%len(weights)]
		sum += n/10 + n%10
	}
	return sum
}

// healthInsurance is the German number: a letter, eight digits, a check digit.
func healthInsurance(s string) bool {
	if !isUpper(s[0]) || val(s[1:]) < 0 {
		return false
	}
	letter := int(s[0]-'A') + 1
	digits := string([]byte{byte('0' + letter/10), byte('0' + letter%10)}) + s[1:9]
	return crossSum(digits, []int{1, 2})%10 == int(s[9]-'0')
}

// nif is the Spanish number: digits and a letter from the remainder modulo 23.
func nif(s string) bool {
	n := val(s[:len(s)-1])
	return n >= 0 && "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] == s[len(s)-1]
}

// turkishID has two check digits.
func turkishID(s string) bool {
	if s[0] == '0' {
		return false
	}
	odd, even, sum := 0, 0, 0
	for i := range 9 {
		n := int(s[i] - '0')
		sum += n
		if i%2 == 0 {
			odd += n
		} else {
			even += n
		}
	}
	tenth := ((odd*7-even)%10 + 10) % 10
	return int(s[9]-'0') == tenth && int(s[10]-'0') == (sum+tenth)%10
}

// pesel is the Polish number: a date with the century in the month, and a
// check digit.
func pesel(s string) bool {
	m, d := val(s[2:4])%20, val(s[4:6])
	if m < 1 || m > 12 || d < 1 || d > 31 {
		return false
	}
	weights := [...]int{1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1}
	sum := 0
	for i := range 11 {
		sum += int(s[i]-'0') * weights[i]
	}
	return sum%10 == 0
}

// taxID is the German number: no leading zero, one digit twice or three times
// among the first ten, ISO 7064 MOD 11,10.
func taxID(s string) bool {
	if s[0] == '0' {
		return false
	}
	p := 10
	for i := range 10 {
		sum := (int(s[i]-'0') + p) % 10
		if sum == 0 {
			sum = 10
		}
		p = sum * 2 % 11
	}
	return (11-p)%10 == int(s[10]-'0')
}

// nhs is the British number: weights 10 to 2, modulo 11.
func nhs(s string) bool {
	sum := 0
	for i := range 9 {
		sum += int(s[i]-'0') * (10 - i)
	}
	check := (11 - sum%11) % 11
	return check != 10 && check == int(s[9]-'0')
}

// ssn has no check digit; some areas, groups and serials are never given.
func ssn(s string) bool {
	return s[:3] != "000" && s[:3] != "666" && s[0] != '9' && s[3:5] != "00" && s[5:] != "0000"
}
