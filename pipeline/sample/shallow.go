package sample

import "strings"

// The categories beside the three in depth: enough to be in the way of the
// reader, and scored apart.

var pumps = family{
	category: "pump", share: 45, group: [3]string{"0370", "78-7", "G1110"}, unit: [3]string{"ST", "EA", "STK"}, price: [2]int{9900, 650000},
	make: func(d dice) *product {
		p := &product{category: "pump", maker: pick(d, []string{"Grundfos", "KSB", "Wilo", "Alder Pumps"})}
		kind := d.IntN(3)
		p.kind = kind
		p.set(fact{name: "type", value: []string{"centrifugal", "gear", "submersible"}[kind], critical: true})
		p.set(fact{name: "flow", value: pick(d, []string{"2.5", "4", "6", "10", "12.5", "16", "25", "40", "63"}), unit: "m3/h", critical: true})
		p.set(fact{name: "head", value: pick(d, []string{"12", "16", "20", "25", "32", "40", "50", "63"}), unit: "m", critical: true})
		p.set(fact{name: "power", value: pick(d, []string{"0.75", "1.1", "1.5", "2.2", "4", "5.5"}), unit: "kW", critical: true})
		p.part = pumpPart(p)
		return p
	},
	twin: func(d dice, p *product) (*product, string) {
		t := clone(p)
		t.set(fact{name: "head", value: other(d, []string{"12", "16", "20", "25", "32", "40"}, p.get("head")), unit: "m", critical: true})
		t.part = pumpPart(t)
		return t, "head"
	},
	describe: func(w *writer, p *product) {
		words := []term{
			{de: []string{"Kreisel|pumpe"}, en: []string{"centrifugal pump"}},
			{de: []string{"Zahn|rad|pumpe"}, en: []string{"gear pump"}},
			{de: []string{"Tauch|pumpe"}, en: []string{"submersible pump"}},
		}
		w.add(segment{slot: 'n', text: w.mild(words[p.kind]), says: []string{"type"}})
		w.add(segment{slot: 's', text: w.unit(p.get("flow"), "m3/h"), says: []string{"flow"}, critical: true})
		w.add(segment{slot: 's', text: w.unit(p.get("head"), "m"), says: []string{"head"}, critical: true})
		w.add(segment{slot: 'v', text: w.unit(p.get("power"), "kW"), says: []string{"power"}, critical: true})
		w.add(segment{slot: 'm', text: p.maker, keep: 400})
	},
}

func pumpPart(p *product) string {
	return strings.ToUpper(p.maker[:2]) + p.get("type")[:1] + "-" + p.get("flow") + "/" + p.get("head") + "-" + p.get("power")
}

// Nominal diameter in mm and inch, EN ISO 6708.
var nominal = [][2]string{{"15", "1/2"}, {"20", "3/4"}, {"25", "1"}, {"32", "1 1/4"}, {"40", "1 1/2"}, {"50", "2"}, {"80", "3"}, {"100", "4"}}

var valves = family{
	category: "valve", share: 50, group: [3]string{"0380", "51-3", "G1140"}, unit: [3]string{"ST", "EA", "STK"}, price: [2]int{900, 90000},
	make: func(d dice) *product {
		p := &product{category: "valve", kind: d.IntN(3)}
		p.set(fact{name: "type", value: []string{"ball", "gate", "check"}[p.kind], critical: true})
		p.set(fact{name: "nominal_diameter", value: pick(d, nominal)[0], unit: "mm", critical: true})
		p.set(fact{name: "pressure_rating", value: pick(d, []string{"10", "16", "25", "40"}), unit: "bar", critical: true})
		p.set(fact{name: "material", value: pick(d, []string{"brass", "stainless", "cast_iron"}), critical: true})
		return p
	},
	twin: func(d dice, p *product) (*product, string) {
		t := clone(p)
		t.set(fact{name: "nominal_diameter", value: pick(d, nominal)[0], unit: "mm", critical: true})
		return t, "nominal_diameter"
	},
	describe: func(w *writer, p *product) {
		words := []term{
			{de: []string{"Kugel|hahn"}, en: []string{"ball valve"}},
			{de: []string{"Absperr|schieber"}, en: []string{"gate valve"}},
			{de: []string{"Rück|schlag|ventil"}, en: []string{"check valve", "non-return valve"}},
		}
		w.add(segment{slot: 'n', text: w.mild(words[p.kind]), says: []string{"type"}})
		size := pick(w.dice, []string{"DN", "DN "}) + p.get("nominal_diameter")
		if w.plant.imperial && w.chance(500) {
			for _, n := range nominal {
				if n[0] == p.get("nominal_diameter") {
					size = n[1] + pick(w.dice, []string{`"`, " in"})
				}
			}
		}
		w.add(segment{slot: 's', text: size, says: []string{"nominal_diameter"}, critical: true})
		w.add(segment{slot: 'v', text: pick(w.dice, []string{"PN", "PN "}) + p.get("pressure_rating"), says: []string{"pressure_rating"}, critical: true})
		w.add(segment{slot: 'v', text: w.mild(map[string]term{
			"brass": {de: []string{"Messing"}, en: []string{"brass"}}, "stainless": stainlessWords,
			"cast_iron": {de: []string{"Grau|guss"}, en: []string{"cast iron"}}}[p.get("material")]), says: []string{"material"}, critical: true})
	},
}

var seals = family{
	category: "seal", share: 45, group: [3]string{"0390", "24-6", "G1170"}, unit: [3]string{"ST", "EA", "STK"}, price: [2]int{15, 6000},
	make: func(d dice) *product {
		p := &product{category: "seal", kind: d.IntN(2)}
		if p.kind == 0 {
			size := pick(d, [][3]string{{"20", "35", "7"}, {"25", "40", "7"}, {"30", "47", "7"}, {"35", "52", "7"}, {"40", "62", "7"}, {"45", "62", "8"}, {"50", "72", "8"}, {"60", "80", "8"}, {"70", "90", "10"}})
			p.set(fact{name: "type", value: "shaft_seal", critical: true})
			p.set(fact{name: "inner_diameter", value: size[0], unit: "mm", critical: true})
			p.set(fact{name: "outer_diameter", value: size[1], unit: "mm", critical: true})
			p.set(fact{name: "width", value: size[2], unit: "mm", critical: true})
		} else {
			p.set(fact{name: "type", value: "o_ring", critical: true})
			p.set(fact{name: "inner_diameter", value: pick(d, []string{"8", "10", "12", "14", "16", "20", "25", "30", "40", "50"}), unit: "mm", critical: true})
			p.set(fact{name: "cross_section", value: pick(d, []string{"1.5", "2", "2.5", "3", "3.53", "5.33"}), unit: "mm", critical: true})
		}
		p.set(fact{name: "material", value: pick(d, []string{"NBR", "FKM", "EPDM"}), critical: true})
		return p
	},
	twin: func(d dice, p *product) (*product, string) {
		t := clone(p)
		t.set(fact{name: "material", value: other(d, []string{"NBR", "FKM", "EPDM"}, p.get("material")), critical: true})
		return t, "material"
	},
	describe: func(w *writer, p *product) {
		word, size := term{de: []string{"O-Ring"}, en: []string{"O-ring"}}, w.times(p.get("inner_diameter"), p.get("cross_section"))
		says := []string{"inner_diameter", "cross_section"}
		if p.kind == 0 {
			word = term{de: []string{"Wellen|dicht|ring", "Radial|wellen|dicht|ring"}, en: []string{"rotary shaft seal", "shaft seal", "oil seal"}}
			size = w.times(p.get("inner_diameter"), p.get("outer_diameter"), p.get("width"))
			says = []string{"inner_diameter", "outer_diameter", "width"}
		}
		w.add(segment{slot: 'n', text: w.mild(word), says: []string{"type"}})
		w.add(segment{slot: 's', text: size, says: says, critical: true})
		w.add(segment{slot: 'v', text: p.get("material"), says: []string{"material"}, critical: true})
	},
}

var cables = family{
	category: "cable", share: 30, group: [3]string{"0400", "94-2", "G1200"}, unit: [3]string{"M", "M", "M"}, price: [2]int{40, 4000},
	make: func(d dice) *product {
		p := &product{category: "cable"}
		p.set(fact{name: "type", value: pick(d, []string{"NYY-J", "NYM-J", "H07RN-F", "YSLY-JZ", "H05VV-F"}), critical: true})
		p.set(fact{name: "cores", value: pick(d, []string{"2", "3", "4", "5", "7", "12"}), critical: true})
		p.set(fact{name: "cross_section", value: pick(d, []string{"0.75", "1", "1.5", "2.5", "4", "6", "10", "16"}), unit: "mm2", critical: true})
		return p
	},
	twin: func(d dice, p *product) (*product, string) {
		t := clone(p)
		t.set(fact{name: "cross_section", value: other(d, []string{"0.75", "1", "1.5", "2.5", "4"}, p.get("cross_section")), unit: "mm2", critical: true})
		return t, "cross_section"
	},
	describe: func(w *writer, p *product) {
		w.add(segment{slot: 'n', text: w.say(term{de: []string{"Kabel", "Leitung"}, en: []string{"cable", "power cable"}})})
		w.add(segment{slot: 'c', text: p.get("type"), says: []string{"type"}, critical: true})
		// G is a x with a protective conductor, which -J says as well.
		by := "G"
		if strings.Contains(p.get("type"), "-J") {
			by = pick(w.dice, []string{"x", "G", " x "})
		}
		w.add(segment{slot: 's', text: p.get("cores") + by + w.num(p.get("cross_section")) + pick(w.dice, []string{"", " mm2", "mm²"}), says: []string{"cores", "cross_section"}, critical: true})
	},
}
