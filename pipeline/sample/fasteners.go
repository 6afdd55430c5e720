package sample

import (
	"strconv"
	"strings"
)

// A screwKind is one standard: what it is called and in which material it comes.
type screwKind struct {
	standard string
	// alias is another standard for the same part.
	alias  string
	weight int
	// kind of screw: head and shape.
	kind  string
	drive string
	word  term
	// classes in steel; stainless comes beside.
	classes []string
	fine    bool // comes with fine pitch
	hand    bool // comes with a left-hand thread
	sizes   []string
	inch    bool
}

var hexWord = term{de: []string{"Sechs|kant|schraube"}, en: []string{"hexagon head screw", "hex screw", "hexagon bolt", "hex bolt"}}

var screwKinds = []screwKind{
	{standard: "DIN 933", weight: 24, kind: "hexagon", drive: "external_hexagon", word: hexWord, classes: []string{"8.8", "10.9"}, fine: true, hand: true,
		sizes: []string{"M4", "M5", "M6", "M8", "M10", "M12", "M16", "M20", "M24"}},
	{standard: "DIN 931", weight: 12, kind: "hexagon", drive: "external_hexagon", word: hexWord, classes: []string{"8.8", "10.9"}, fine: true,
		sizes: []string{"M8", "M10", "M12", "M16", "M20", "M24", "M30"}},
	{standard: "DIN 912", alias: "ISO 4762", weight: 24, kind: "cylinder", drive: "internal_hexagon",
		word:    term{de: []string{"Zylinder|schraube", "Innen|sechs|kant|schraube", "Zylinder|kopf|schraube"}, en: []string{"socket head cap screw", "socket cap screw", "hexagon socket screw"}},
		classes: []string{"8.8", "10.9", "12.9"}, hand: true, sizes: []string{"M3", "M4", "M5", "M6", "M8", "M10", "M12", "M16", "M20"}},
	{standard: "DIN 7991", weight: 9, kind: "countersunk", drive: "internal_hexagon",
		word:    term{de: []string{"Senk|schraube", "Senk|kopf|schraube"}, en: []string{"countersunk screw", "socket countersunk screw", "flat head socket screw"}},
		classes: []string{"8.8", "10.9"}, sizes: []string{"M3", "M4", "M5", "M6", "M8", "M10", "M12"}},
	{standard: "ISO 7380", weight: 7, kind: "button", drive: "internal_hexagon",
		word:    term{de: []string{"Linsen|kopf|schraube", "Halb|rund|schraube"}, en: []string{"button head screw", "socket button head screw"}},
		classes: []string{"10.9"}, sizes: []string{"M3", "M4", "M5", "M6", "M8", "M10"}},
	{standard: "DIN 7985", weight: 7, kind: "pan", drive: "cross",
		word:    term{de: []string{"Linsen|schraube", "Kreuz|schlitz|schraube"}, en: []string{"pan head screw", "cross recessed pan head screw"}},
		classes: []string{"4.8"}, sizes: []string{"M2.5", "M3", "M4", "M5", "M6"}},
	{standard: "DIN 963", weight: 5, kind: "countersunk", drive: "slot",
		word:    term{de: []string{"Senk|schraube", "Schlitz|schraube"}, en: []string{"slotted countersunk screw", "countersunk screw"}},
		classes: []string{"4.8"}, sizes: []string{"M3", "M4", "M5", "M6", "M8"}},
	{standard: "DIN 913", alias: "ISO 4026", weight: 5, kind: "none", drive: "internal_hexagon",
		word:    term{de: []string{"Gewinde|stift"}, en: []string{"set screw", "grub screw", "socket set screw"}},
		classes: []string{"45H"}, sizes: []string{"M4", "M5", "M6", "M8", "M10"}},
	{standard: "ASME B18.2.1", weight: 7, kind: "hexagon", drive: "external_hexagon", word: hexWord, classes: []string{"Grade 5", "Grade 8"}, inch: true,
		sizes: []string{"1/4-20", "5/16-18", "3/8-16", "1/2-13", "5/8-11", "3/4-10"}},
}

var screwGeneric = term{de: []string{"Schraube"}, en: []string{"screw", "bolt"}}

var screwLengths = []string{"6", "8", "10", "12", "16", "20", "25", "30", "35", "40", "45", "50", "55", "60", "65", "70", "80", "90", "100", "110", "120", "130", "140", "150", "160"}

// Inch lengths as written and in mm.
var inchLengths = [][2]string{{"1/2", "12.7"}, {"3/4", "19.05"}, {"1", "25.4"}, {"1 1/4", "31.75"}, {"1 1/2", "38.1"}, {"2", "50.8"}, {"2 1/2", "63.5"}, {"3", "76.2"}, {"4", "101.6"}}

// Coarse and fine pitch in mm, ISO 261.
var coarsePitch = map[string]string{"M2.5": "0.45", "M3": "0.5", "M4": "0.7", "M5": "0.8", "M6": "1", "M8": "1.25", "M10": "1.5", "M12": "1.75", "M16": "2", "M20": "2.5", "M24": "3", "M30": "3.5"}
var finePitch = map[string][]string{"M8": {"1"}, "M10": {"1.25", "1"}, "M12": {"1.25", "1.5"}, "M16": {"1.5"}, "M20": {"1.5", "2"}, "M24": {"2"}, "M30": {"2"}}

var coatings = []string{"plain", "zinc", "hot_dip_galvanized", "black_oxide", "zinc_flake"}

var coatingWords = map[string]term{
	"plain":              {de: []string{"blank"}, en: []string{"plain", "plain finish"}},
	"zinc":               {de: []string{"verzinkt", "galvanisch verzinkt"}, en: []string{"zinc plated", "electro zinc plated"}},
	"hot_dip_galvanized": {de: []string{"feuer|verzinkt"}, en: []string{"hot dip galvanized", "hot dip galvanised"}},
	"black_oxide":        {de: []string{"brüniert"}, en: []string{"black oxide"}},
	"zinc_flake":         {de: []string{"zink|lamellen|beschichtet"}, en: []string{"zinc flake coated", "zinc flake"}},
}

func rivals(coating string) []term {
	var out []term
	for _, c := range coatings {
		if c != coating {
			out = append(out, coatingWords[c])
		}
	}
	return out
}

var stainlessWords = term{de: []string{"Edel|stahl", "rost|frei"}, en: []string{"stainless steel", "stainless"}}

var leftHand = term{de: []string{"Links|gewinde", "links"}, en: []string{"left hand thread", "left hand"}}

var classWord = term{de: []string{"Klasse", "Festigkeits|klasse"}, en: []string{"class", "property class"}}
var gradeWord = term{de: []string{"Grade"}, en: []string{"grade"}}

// left says that a thread runs the other way, in a third of English texts by
// initials.
func left(w *writer) string {
	if w.chance(330) {
		return w.acronym("left hand")
	}
	return w.mild(leftHand)
}

var screws = family{
	category: "screw", deep: true, share: 200,
	group: [3]string{"0330", "89-2", "G990"}, unit: [3]string{"ST", "EA", "STK"}, price: [2]int{2, 900},
	make: makeScrew, twin: twinScrew, describe: describeScrew,
}

// metal sets material, strength class and coating of a fastener.
func metal(d dice, p *product, classes []string, stainless int) {
	if d.chance(stainless) {
		material := []string{"A2", "A4"}[d.weighted(3, 1)]
		class := material
		if p.category == "screw" && classes[0] != "45H" || p.category == "nut" {
			class = material + "-" + []string{"70", "80"}[d.weighted(9, 1)]
		}
		setMetal(p, material, class, "none")
		return
	}
	coating := coatings[d.weighted(20, 50, 12, 10, 8)]
	class := pick(d, classes)
	if class == "12.9" && (coating == "zinc" || coating == "hot_dip_galvanized") {
		coating = "black_oxide" // hydrogen embrittlement
	}
	setMetal(p, "steel", class, coating)
}

func setMetal(p *product, material, class, coating string) {
	p.set(fact{name: "material", value: material, critical: true, implicit: material == "steel"})
	if class == material || class == "" {
		p.remove("strength_class") // A2 and no more
	} else {
		p.set(fact{name: "strength_class", value: class, critical: true})
	}
	p.set(fact{name: "coating", value: coating, critical: true, implicit: coating == "none"})
}

func makeScrew(d dice) *product {
	weights := make([]int, len(screwKinds))
	for i, k := range screwKinds {
		weights[i] = k.weight
	}
	kind := d.weighted(weights...)
	k := screwKinds[kind]
	p := &product{category: "screw", kind: kind}
	thread := pick(d, k.sizes)
	p.set(fact{name: "standard", value: k.standard, critical: true})
	if k.inch {
		p.set(fact{name: "thread", value: thread + " UNC", critical: true})
		p.set(fact{name: "length", value: pick(d, inchLengths)[1], unit: "mm", critical: true})
	} else {
		size, _ := strconv.Atoi(strings.SplitN(strings.TrimPrefix(thread, "M"), ".", 2)[0])
		length := pick(d, screwLengths)
		for n, _ := strconv.Atoi(length); n < size || n > 10*size+20; n, _ = strconv.Atoi(length) {
			length = pick(d, screwLengths)
		}
		p.set(fact{name: "thread", value: thread, critical: true})
		p.set(fact{name: "length", value: length, unit: "mm", critical: true})
		setPitch(d, p, thread, k.fine && d.chance(110))
	}
	p.set(fact{name: "type", value: k.kind})
	p.set(fact{name: "drive", value: k.drive})
	stainless := 330
	if k.inch {
		stainless = 0
	}
	metal(d, p, k.classes, stainless)
	setHand(p, k.hand && d.chance(40))
	return p
}

func setPitch(d dice, p *product, thread string, fine bool) {
	pitch := coarsePitch[thread]
	if fine && len(finePitch[thread]) > 0 {
		pitch = pick(d, finePitch[thread])
	}
	p.set(fact{name: "pitch", value: pitch, unit: "mm", critical: true, implicit: pitch == coarsePitch[thread]})
}

func setHand(p *product, left bool) {
	f := fact{name: "hand", value: "right", critical: true, implicit: true}
	if left {
		f.value, f.implicit = "left", false
	}
	p.set(f)
}

// clone copies p for a twin.
func clone(p *product) *product {
	t := *p
	t.id = ""
	t.facts = append([]fact(nil), p.facts...)
	return &t
}

// twinMetal changes material, class or coating of a fastener in place and
// returns what differs, or "".
func twinMetal(d dice, p *product, classes []string) string {
	material, class, coating := p.get("material"), p.get("strength_class"), p.get("coating")
	if material != "steel" {
		to := other(d, []string{"A2", "A4"}, material)
		setMetal(p, to, to+strings.TrimPrefix(class, material), coating)
		return "material"
	}
	if len(classes) > 1 && d.chance(500) {
		to := other(d, classes, class)
		if to == "12.9" && (coating == "zinc" || coating == "hot_dip_galvanized") {
			return ""
		}
		setMetal(p, material, to, coating)
		return "strength_class"
	}
	to := other(d, coatings, coating)
	if class == "12.9" && (to == "zinc" || to == "hot_dip_galvanized") {
		return ""
	}
	setMetal(p, material, class, to)
	return "coating"
}

func twinScrew(d dice, p *product) (*product, string) {
	k := screwKinds[p.kind]
	t := clone(p)
	switch d.weighted(40, 15, 8, 7, 35, 10) {
	case 0:
		lengths := screwLengths
		if k.inch {
			lengths = nil
			for _, l := range inchLengths {
				lengths = append(lengths, l[1])
			}
		}
		t.set(fact{name: "length", value: other(d, lengths, p.get("length")), unit: "mm", critical: true})
		return t, "length"
	case 1:
		thread := other(d, k.sizes, strings.TrimSuffix(p.get("thread"), " UNC"))
		if k.inch {
			t.set(fact{name: "thread", value: thread + " UNC", critical: true})
			return t, "thread"
		}
		if p.get("pitch") != coarsePitch[p.get("thread")] {
			return nil, ""
		}
		t.set(fact{name: "thread", value: thread, critical: true})
		setPitch(d, t, thread, false)
		return t, "thread"
	case 2:
		if !k.fine || len(finePitch[p.get("thread")]) == 0 {
			return nil, ""
		}
		setPitch(d, t, p.get("thread"), p.get("pitch") == coarsePitch[p.get("thread")])
		return t, "pitch"
	case 3:
		if !k.hand {
			return nil, ""
		}
		setHand(t, p.get("hand") == "right")
		return t, "hand"
	case 4:
		differs := twinMetal(d, t, k.classes)
		if differs == "" {
			return nil, ""
		}
		return t, differs
	default:
		// Full and partial thread look alike in everything but the number.
		to := map[string]int{"DIN 933": 1, "DIN 931": 0}
		at, ok := to[k.standard]
		if !ok || p.get("hand") == "left" || coarsePitch[p.get("thread")] == "" {
			return nil, ""
		}
		t.kind = at
		t.set(fact{name: "standard", value: screwKinds[at].standard, critical: true})
		return t, "standard"
	}
}

func describeScrew(w *writer, p *product) {
	k := screwKinds[p.kind]
	word := k.word
	if w.chance(250) {
		word = screwGeneric
	}
	w.add(segment{slot: 'n', text: w.say(word)})
	standard(w, k.standard, k.alias, "type", "drive")

	thread, length := p.get("thread"), p.get("length")
	if k.inch {
		shown := thread
		if w.chance(400) {
			shown = strings.TrimSuffix(thread, " UNC") + pick(w.dice, []string{"UNC", " UNC "})
		}
		size := strings.TrimSpace(shown) + " x "
		inches := ""
		for _, l := range inchLengths {
			if l[1] == length {
				inches = l[0]
			}
		}
		if w.plant.imperial && w.chance(850) {
			size += strings.ReplaceAll(inches, " ", pick(w.dice, []string{" ", "-"})) + pick(w.dice, []string{`"`, `"`, " in"})
		} else {
			size += w.unit(length, "mm")
		}
		w.add(segment{slot: 's', text: size, says: []string{"thread", "length"}})
	} else {
		size := w.num(strings.TrimPrefix(thread, "M"))
		x := pick(w.dice, []string{"x", "x", "x", " x ", "X"})
		says := []string{"thread", "length"}
		if pitch := p.get("pitch"); pitch != coarsePitch[thread] || w.chance(25) {
			size += x + w.num(pitch)
			says = append(says, "pitch")
		}
		size += x + w.num(length)
		if w.chance(100) {
			size += "mm"
		}
		w.add(segment{slot: 's', text: "M" + size, says: says})
	}
	describeMetal(w, p)
	if p.get("hand") == "left" {
		w.add(segment{slot: 'v', text: left(w), says: []string{"hand"}})
	}
}

// standard writes DIN 933, DIN933, DIN EN ISO 4762; what follows from it is
// given.
func standard(w *writer, name, alias string, implies ...string) {
	if alias != "" && w.chance(250) {
		name = alias
	}
	if strings.HasPrefix(name, "ISO") && w.german && w.chance(400) {
		name = "DIN EN " + name
	}
	if w.chance(250) && !strings.HasPrefix(name, "ASME") {
		i := strings.LastIndexByte(name, ' ')
		name = name[:i] + pick(w.dice, []string{"", "", "-"}) + name[i+1:]
	}
	w.add(segment{slot: 'c', text: name, says: []string{"standard"}, implies: implies, critical: true})
}

// describeMetal writes class, material and coating.
func describeMetal(w *writer, p *product) {
	material, class, coating := p.get("material"), p.get("strength_class"), p.get("coating")
	if material != "steel" {
		text := class
		if text == "" {
			text = material
		}
		if w.chance(150) {
			text = strings.Replace(text, "-", " ", 1)
		}
		if w.chance(300) {
			text = w.say(stainlessWords) + " " + text
		}
		w.add(segment{slot: 'v', text: text, says: []string{"material", "strength_class"}, critical: true})
		return
	}
	if class != "" {
		text := class
		bare := w.num(class)
		switch {
		case strings.HasPrefix(class, "Grade"):
			text = w.say(gradeWord) + class[len("Grade"):]
		case p.category == "nut" || w.chance(150):
			text = w.say(classWord) + " " + bare
		}
		w.add(segment{slot: 'v', text: text, says: []string{"strength_class"}, implies: []string{"material"}, critical: true})
	}
	w.add(segment{slot: 'v', text: w.mild(coatingWords[coating], rivals(coating)...), says: []string{"coating"}, critical: true})
	if w.chance(80) {
		w.add(segment{slot: 'v', text: w.say(term{de: []string{"Stahl"}, en: []string{"steel"}}), says: []string{"material"}, keep: 900})
	}
}
