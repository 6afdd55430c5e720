package sample

import "strings"

// A nutKind or washer kind is one standard.
type nutKind struct {
	standard, alias string
	weight          int
	kind            string
	word            term
	classes         []string
	fine, hand      bool
	sizes           []string
}

var nutSizes = []string{"M4", "M5", "M6", "M8", "M10", "M12", "M16", "M20", "M24", "M30"}

var nutKinds = []nutKind{
	{standard: "DIN 934", weight: 10, kind: "hexagon", word: term{de: []string{"Sechs|kant|mutter"}, en: []string{"hexagon nut", "hex nut"}}, classes: []string{"8", "10"}, fine: true, hand: true, sizes: nutSizes},
	{standard: "DIN 985", weight: 6, kind: "lock", word: term{de: []string{"Sicherungs|mutter", "Stopp|mutter"}, en: []string{"self locking nut", "lock nut", "nylon insert nut"}}, classes: []string{"8", "10"}, sizes: nutSizes[:9]},
	{standard: "DIN 439", weight: 3, kind: "thin", word: term{de: []string{"flache Sechs|kant|mutter", "Sechs|kant|mutter"}, en: []string{"thin hex nut", "jam nut"}}, classes: []string{"04"}, fine: true, sizes: nutSizes},
	{standard: "DIN 6923", weight: 3, kind: "flange", word: term{de: []string{"Flansch|mutter"}, en: []string{"flange nut", "hex flange nut"}}, classes: []string{"8", "10"}, sizes: nutSizes[1:8]},
	{standard: "DIN 1587", weight: 2, kind: "cap", word: term{de: []string{"Hut|mutter"}, en: []string{"domed cap nut", "acorn nut"}}, classes: []string{"6"}, sizes: nutSizes[:8]},
}

var nutGeneric = term{de: []string{"Mutter"}, en: []string{"nut"}}

var washerSizes = []string{"M3", "M4", "M5", "M6", "M8", "M10", "M12", "M16", "M20", "M24", "M30"}

var washerKinds = []nutKind{
	{standard: "DIN 125", weight: 10, kind: "plain", word: term{de: []string{"Unter|leg|scheibe", "Scheibe"}, en: []string{"flat washer", "plain washer"}}, classes: []string{"140 HV", "200 HV"}, sizes: washerSizes},
	{standard: "DIN 9021", alias: "ISO 7093", weight: 5, kind: "large", word: term{de: []string{"Karosserie|scheibe", "Scheibe"}, en: []string{"fender washer", "large washer"}}, classes: []string{"140 HV", "200 HV"}, sizes: washerSizes[:9]},
	{standard: "DIN 127", weight: 5, kind: "spring", word: term{de: []string{"Feder|ring"}, en: []string{"spring lock washer", "spring washer"}}, sizes: washerSizes},
	{standard: "DIN 6798", weight: 3, kind: "serrated", word: term{de: []string{"Fächer|scheibe"}, en: []string{"serrated lock washer"}}, sizes: washerSizes[:8]},
	{standard: "DIN 433", weight: 2, kind: "small", word: term{de: []string{"Scheibe"}, en: []string{"small washer", "washer"}}, classes: []string{"200 HV"}, sizes: washerSizes[:9]},
}

var washerGeneric = term{de: []string{"Scheibe"}, en: []string{"washer"}}

var nuts = family{
	category: "nut", deep: true, share: 75,
	group: [3]string{"0340", "62-5", "G1020"}, unit: [3]string{"ST", "EA", "STK"}, price: [2]int{1, 300},
	make:     func(d dice) *product { return makeNut(d, "nut", nutKinds) },
	twin:     func(d dice, p *product) (*product, string) { return twinNut(d, p, nutKinds) },
	describe: func(w *writer, p *product) { describeNut(w, p, nutKinds, nutGeneric) },
}

var washers = family{
	category: "washer", deep: true, share: 55,
	group: [3]string{"0350", "35-1", "G1050"}, unit: [3]string{"ST", "EA", "STK"}, price: [2]int{1, 120},
	make:     func(d dice) *product { return makeNut(d, "washer", washerKinds) },
	twin:     func(d dice, p *product) (*product, string) { return twinNut(d, p, washerKinds) },
	describe: func(w *writer, p *product) { describeNut(w, p, washerKinds, washerGeneric) },
}

func makeNut(d dice, category string, kinds []nutKind) *product {
	weights := make([]int, len(kinds))
	for i, k := range kinds {
		weights[i] = k.weight
	}
	kind := d.weighted(weights...)
	k := kinds[kind]
	p := &product{category: category, kind: kind}
	thread := pick(d, k.sizes)
	p.set(fact{name: "standard", value: k.standard, critical: true})
	p.set(fact{name: "type", value: k.kind})
	p.set(fact{name: "thread", value: thread, critical: true})
	if category == "nut" {
		setPitch(d, p, thread, k.fine && d.chance(150))
	}
	classes := k.classes
	if classes == nil {
		classes = []string{""}
	}
	metal(d, p, classes, 350)
	dropClass(p)
	if category == "nut" {
		setHand(p, k.hand && d.chance(60))
	}
	return p
}

// dropClass removes a strength class that the kind does not have.
func dropClass(p *product) {
	if c := p.get("strength_class"); p.category == "nut" && c != "" {
		return
	} else if strings.HasSuffix(c, "HV") {
		// Hardness is how the class of a washer is told.
		p.remove("strength_class")
		p.set(fact{name: "hardness", value: strings.TrimSuffix(c, " HV"), unit: "HV", critical: true})
		return
	}
	p.remove("strength_class")
}

func (p *product) remove(name string) {
	for i, f := range p.facts {
		if f.name == name {
			p.facts = append(p.facts[:i:i], p.facts[i+1:]...)
			return
		}
	}
}

func twinNut(d dice, p *product, kinds []nutKind) (*product, string) {
	k := kinds[p.kind]
	t := clone(p)
	switch d.weighted(35, 40, 12, 13) {
	case 0:
		if f := p.get("pitch"); f != "" && f != coarsePitch[p.get("thread")] {
			return nil, ""
		}
		thread := other(d, k.sizes, p.get("thread"))
		t.set(fact{name: "thread", value: thread, critical: true})
		if p.category == "nut" {
			setPitch(d, t, thread, false)
		}
		return t, "thread"
	case 1:
		if p.category == "nut" {
			differs := twinMetal(d, t, k.classes)
			if differs == "" {
				return nil, ""
			}
			return t, differs
		}
		if p.get("material") != "steel" {
			t.set(fact{name: "material", value: other(d, []string{"A2", "A4"}, p.get("material")), critical: true})
			return t, "material"
		}
		t.set(fact{name: "coating", value: other(d, coatings, p.get("coating")), critical: true})
		return t, "coating"
	case 2:
		if !k.hand {
			return nil, ""
		}
		setHand(t, p.get("hand") == "right")
		return t, "hand"
	default:
		// The same size after another standard, where class and pitch exist.
		at := d.IntN(len(kinds))
		to := kinds[at]
		if at == p.kind || p.get("hand") == "left" || !has(to.sizes, p.get("thread")) || p.get("hardness") != "" ||
			p.category == "washer" && p.get("material") == "steel" && (to.classes != nil) != (k.classes != nil) ||
			p.category == "nut" && p.get("material") == "steel" && !has(to.classes, p.get("strength_class")) ||
			p.get("pitch") != "" && p.get("pitch") != coarsePitch[p.get("thread")] {
			return nil, ""
		}
		t.kind = at
		t.set(fact{name: "standard", value: to.standard, critical: true})
		t.set(fact{name: "type", value: to.kind})
		return t, "standard"
	}
}

func has(xs []string, x string) bool {
	for _, y := range xs {
		if x == y {
			return true
		}
	}
	return false
}

func describeNut(w *writer, p *product, kinds []nutKind, generic term) {
	k := kinds[p.kind]
	word := k.word
	if w.chance(250) {
		word = generic
	}
	w.add(segment{slot: 'n', text: w.say(word)})
	standard(w, k.standard, k.alias, "type")
	thread := p.get("thread")
	size := w.num(strings.TrimPrefix(thread, "M"))
	says := []string{"thread"}
	if pitch := p.get("pitch"); pitch != "" && pitch != coarsePitch[thread] {
		size += pick(w.dice, []string{"x", "x", " x "}) + w.num(pitch)
		says = append(says, "pitch")
	}
	w.add(segment{slot: 's', text: "M" + size, says: says})
	if h := p.get("hardness"); h != "" {
		w.add(segment{slot: 'v', text: pick(w.dice, []string{h + " HV", h + "HV", "HV " + h}), says: []string{"hardness"}, critical: true})
	}
	describeMetal(w, p)
	if p.get("hand") == "left" {
		w.add(segment{slot: 'v', text: left(w), says: []string{"hand"}})
	}
}
