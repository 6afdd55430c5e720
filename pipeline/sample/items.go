package sample

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// An entry is one line of the catalog.
type entry struct {
	id      string
	p       *product
	plant   int
	german  bool
	text    string
	facts   []Fact
	told    bool // states every critical fact
	part    bool // states the part number
	maker   string
	partCol string
}

// catalog writes the three plants' extracts and returns the item ids.
func (s *Sample) catalog(opt Options) []string {
	d := newDice(opt.Seed, "catalog")
	entries, twins := s.world(d, opt.Items)
	// Neighbours in the file must not tell who belongs together.
	d.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	counter := [3]int{}
	ids := make([]string, len(entries))
	for i, e := range entries {
		counter[e.plant] += d.between(1, 9)
		e.id = fmt.Sprintf("%s-%06d", plants[e.plant].code, 100000+counter[e.plant])
		ids[i] = e.id
		s.Truth.Items[e.id] = Item{
			Category: e.p.category, Product: e.p.id, Deep: familyOf(e.p.category).deep,
			Thin: !e.told && !e.part, Text: e.text, Facts: e.facts,
		}
	}
	sort.Strings(ids)
	s.pairs(entries)
	s.nearTwins(entries, twins)
	for i := range plants {
		s.extract(d, i, entries)
	}
	return ids
}

// world makes products until they have enough items or hardly a new one can be
// found, and remembers which
// products were made as near twins.
func (s *Sample) world(d dice, items int) ([]*entry, map[[2]string]string) {
	weights := make([]int, len(families))
	for i, f := range families {
		weights[i] = f.share
	}
	known := map[string]*product{}
	parts := map[string]bool{} // a part number names one product
	twins := map[[2]string]string{}
	var entries []*entry
	var n int
	add := func(p *product) bool {
		if known[p.key("")] != nil || p.part != "" && parts[p.maker+p.part] {
			return false
		}
		parts[p.maker+p.part] = true
		n++
		p.id = fmt.Sprintf("P%05d", n)
		known[p.key("")] = p
		f := familyOf(p.category)
		p.cents = d.between(f.price[0], f.price[1])
		return true
	}
	for misses := 0; len(entries) < items && misses < 2000; {
		f := &families[d.weighted(weights...)]
		p := f.make(d)
		if p == nil || !add(p) {
			misses++
			continue
		}
		misses = 0
		copies := 1 + d.weighted(66, 25, 9)
		first := d.weighted(45, 30, 25)
		for i := range copies {
			at := first
			if i > 0 && d.chance(750) {
				at = (first + d.between(1, 2)) % len(plants)
			}
			entries = append(entries, s.describe(d, f, p, at))
		}
		if d.chance(260) {
			t, differs := f.twin(d, p)
			if t == nil || !add(t) {
				continue
			}
			twins[pair(p.id, t.id)] = differs
			at := first
			if d.chance(300) {
				at = d.IntN(len(plants))
			}
			entries = append(entries, s.describe(d, f, t, at))
		}
	}
	return entries[:min(items, len(entries))], twins
}

// describe words p the way of a plant and notes what the line tells.
func (s *Sample) describe(d dice, f *family, p *product, at int) *entry {
	w := &writer{dice: d, plant: &plants[at], german: !d.chance(plants[at].english), omit: d.chance(70), brief: d.chance(30)}
	e := &entry{p: p, plant: at, german: w.german}
	if p.maker != "" && d.chance(500) {
		e.maker = p.maker
		if d.chance(120) {
			e.maker += pick(d, []string{" GmbH", " AG", " Ltd", " Deutschland"})
		}
	}
	if p.part != "" && (e.maker != "" && d.chance(750) || d.chance(80)) {
		e.partCol = p.part
		if d.chance(120) {
			e.partCol = strings.ReplaceAll(e.partCol, "-", " ")
		}
		w.part = true
	}
	f.describe(w, p)
	text, says, implies := w.finish()
	e.text, e.part = text, w.part
	s.Truth.Forms = append(s.Truth.Forms, w.forms...)
	said := map[string]Source{}
	for _, name := range implies {
		said[name] = Implied
	}
	for _, name := range says {
		said[name] = InText
	}
	e.told = true
	for _, x := range p.facts {
		out := Fact{Name: x.name, Value: x.value, Unit: x.unit, Critical: x.critical, Source: said[x.name]}
		if x.implicit && out.Source != InText {
			out.Source = Custom
		}
		if x.implicit && x.value != "" && out.Source == InText && silent(x) {
			out.Source = Custom // 6205 alone says open and normal by saying nothing
		}
		if w.mute && silent(x) {
			out.Source = Unsaid
		}
		if x.critical && out.Source == Unsaid {
			e.told = false
		}
		e.facts = append(e.facts, out)
	}
	return e
}

// silent facts are stated by the absence of a suffix.
func silent(f fact) bool {
	switch f.name {
	case "seal", "clearance", "bore_shape":
		return true
	}
	return false
}

// pairs lists the items of one product.
func (s *Sample) pairs(entries []*entry) {
	byProduct := map[string][]*entry{}
	for _, e := range entries {
		byProduct[e.p.id] = append(byProduct[e.p.id], e)
	}
	for _, es := range byProduct {
		for i, a := range es {
			for _, b := range es[i+1:] {
				if a.told && b.told || a.part && b.part {
					s.Truth.Duplicates = append(s.Truth.Duplicates, pair(a.id, b.id))
				} else {
					s.Truth.Undecidable = append(s.Truth.Undecidable, pair(a.id, b.id))
				}
			}
		}
	}
	sortPairs(s.Truth.Duplicates)
	sortPairs(s.Truth.Undecidable)
}

func sortPairs(ps [][2]string) {
	sort.Slice(ps, func(i, j int) bool {
		if ps[i][0] != ps[j][0] {
			return ps[i][0] < ps[j][0]
		}
		return ps[i][1] < ps[j][1]
	})
}

// nearTwins lists the pairs that were made to look alike, and those that do by
// chance: one critical fact differs, and its two values by one character.
func (s *Sample) nearTwins(entries []*entry, made map[[2]string]string) {
	products := map[string]*product{}
	items := map[string][]string{}
	for _, e := range entries {
		products[e.p.id] = e.p
		items[e.p.id] = append(items[e.p.id], e.id)
	}
	twins := map[[2]string]Twin{}
	for p, attribute := range made {
		twins[p] = Twin{Attribute: attribute, Seeded: true}
	}
	groups := map[string][]*product{}
	for _, p := range products {
		for _, f := range p.facts {
			if f.critical {
				key := f.name + "?" + p.key(f.name)
				groups[key] = append(groups[key], p)
			}
		}
	}
	for key, ps := range groups {
		name, _, _ := strings.Cut(key, "?")
		for i, a := range ps {
			for _, b := range ps[i+1:] {
				at := pair(a.id, b.id)
				if _, ok := twins[at]; !ok && oneApart(a.get(name), b.get(name)) {
					twins[at] = Twin{Attribute: name}
				}
			}
		}
	}
	for at, t := range twins {
		for _, a := range items[at[0]] {
			for _, b := range items[at[1]] {
				x, y := s.Truth.Items[a], s.Truth.Items[b]
				if !x.Deep && (!x.tells(t.Attribute) || !y.tells(t.Attribute)) {
					continue
				}
				p := pair(a, b)
				s.Truth.NearTwins = append(s.Truth.NearTwins, Twin{p[0], p[1], t.Attribute, t.Seeded})
			}
		}
	}
	sort.Slice(s.Truth.NearTwins, func(i, j int) bool {
		a, b := s.Truth.NearTwins[i], s.Truth.NearTwins[j]
		if a.A != b.A {
			return a.A < b.A
		}
		return a.B < b.B
	})
}

// oneApart: one character inserted, deleted or replaced.
func oneApart(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if a == b || len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return a[i+1:] == b[i+1:]
	}
	return a[i:] == b[i+1:]
}

var itemColumns = []string{"item_id", "plant", "language", "description", "material_group", "manufacturer",
	"manufacturer_part_number", "unit_of_measure", "price", "currency", "created_on"}

// extract writes the file of one plant.
func (s *Sample) extract(d dice, at int, entries []*entry) {
	day := time.Date(2026, 3, 1, 3+at, 0, 0, 0, time.UTC)
	sh := newSheet(CatalogFeed, "2026-03-01-"+strconv.Itoa(at+1)+"-"+strings.ToLower(plants[at].code)+".csv", day, itemColumns)
	for _, e := range entries {
		if e.plant != at {
			continue
		}
		f := familyOf(e.p.category)
		language := "en"
		if e.german {
			language = "de"
		}
		created := time.Date(2004, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, d.IntN(22*365))
		sh.rows = append(sh.rows, row{cells: []string{e.id, plants[at].code, language, e.text, f.group[at], e.maker, e.partCol,
			f.unit[at], cents(max(1, e.p.cents*d.between(88, 112)/100)), "EUR", created.Format(time.DateOnly)}})
	}
	sh.spoil(d, catalogFaults, len(sh.rows)/250+1)
	s.add(sh, false)
}

func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
