package quantity

// word reads a number that is written out, when one starts at i.
func (s *scanner) word(i int) int {
	return max(wordEnd(s.text, i), i+1)
}
