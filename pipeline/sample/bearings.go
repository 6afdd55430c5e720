package sample

import (
	"fmt"
	"strconv"
	"strings"
)

// Boundary dimensions of rolling bearings in mm, ISO 15 and ISO 355, by bore
// code: outer diameter and width of the diameter series.
var bearingSizes = map[string]map[string][2]string{
	"60": {"00": {"26", "8"}, "01": {"28", "8"}, "02": {"32", "9"}, "03": {"35", "10"}, "04": {"42", "12"}, "05": {"47", "12"}, "06": {"55", "13"}, "07": {"62", "14"}, "08": {"68", "15"}, "09": {"75", "16"}, "10": {"80", "16"}, "11": {"90", "18"}, "12": {"95", "18"}, "13": {"100", "18"}, "14": {"110", "20"}, "15": {"115", "20"}, "16": {"125", "22"}, "17": {"130", "22"}, "18": {"140", "24"}, "20": {"150", "24"}},
	"62": {"00": {"30", "9"}, "01": {"32", "10"}, "02": {"35", "11"}, "03": {"40", "12"}, "04": {"47", "14"}, "05": {"52", "15"}, "06": {"62", "16"}, "07": {"72", "17"}, "08": {"80", "18"}, "09": {"85", "19"}, "10": {"90", "20"}, "11": {"100", "21"}, "12": {"110", "22"}, "13": {"120", "23"}, "14": {"125", "24"}, "15": {"130", "25"}, "16": {"140", "26"}, "17": {"150", "28"}, "18": {"160", "30"}, "20": {"180", "34"}},
	"63": {"00": {"35", "11"}, "01": {"37", "12"}, "02": {"42", "13"}, "03": {"47", "14"}, "04": {"52", "15"}, "05": {"62", "17"}, "06": {"72", "19"}, "07": {"80", "21"}, "08": {"90", "23"}, "09": {"100", "25"}, "10": {"110", "27"}, "11": {"120", "29"}, "12": {"130", "31"}, "13": {"140", "33"}, "14": {"150", "35"}, "15": {"160", "37"}, "16": {"170", "39"}, "17": {"180", "41"}, "18": {"190", "43"}, "20": {"215", "47"}},
	"22": {"04": {"47", "18"}, "05": {"52", "18"}, "06": {"62", "20"}, "07": {"72", "23"}, "08": {"80", "23"}, "09": {"85", "23"}, "10": {"90", "23"}, "11": {"100", "25"}, "12": {"110", "28"}, "13": {"120", "31"}, "14": {"125", "31"}, "15": {"130", "31"}, "16": {"140", "33"}, "17": {"150", "36"}, "18": {"160", "40"}, "20": {"180", "46"}},
	"23": {"08": {"90", "33"}, "09": {"100", "36"}, "10": {"110", "40"}, "11": {"120", "43"}, "12": {"130", "46"}, "13": {"140", "48"}, "14": {"150", "51"}, "15": {"160", "55"}, "16": {"170", "58"}, "17": {"180", "60"}, "18": {"190", "64"}, "20": {"215", "73"}},
	"02": {"03": {"40", "13.25"}, "04": {"47", "15.25"}, "05": {"52", "16.25"}, "06": {"62", "17.25"}, "07": {"72", "18.25"}, "08": {"80", "19.75"}, "09": {"85", "20.75"}, "10": {"90", "21.75"}, "11": {"100", "22.75"}, "12": {"110", "23.75"}, "13": {"120", "24.75"}, "14": {"125", "26.25"}, "15": {"130", "27.25"}, "16": {"140", "28.25"}, "17": {"150", "30.5"}, "18": {"160", "32.5"}, "20": {"180", "37"}},
}

// Small deep groove bearings, whose designation ends in the bore itself.
var smallBearings = map[string][3]string{
	"625": {"5", "16", "5"}, "626": {"6", "19", "6"}, "607": {"7", "19", "6"}, "627": {"7", "22", "7"},
	"608": {"8", "22", "7"}, "609": {"9", "24", "7"}, "629": {"9", "26", "8"},
}

var boreCodes = []string{"00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "20"}

func boreOf(code string) string {
	switch code {
	case "00":
		return "10"
	case "01":
		return "12"
	case "02":
		return "15"
	case "03":
		return "17"
	}
	n, _ := strconv.Atoi(code)
	return strconv.Itoa(5 * n)
}

// A bearingKind is a type of bearing: what stands before the bore code, and
// whose dimensions it has.
type bearingKind struct {
	name    string
	weight  int
	prefix  []string // parallel to series
	series  []string
	suffix  string // part of every designation of this kind
	sealed  bool   // comes with seals and shields
	tapered bool   // comes with a tapered bore (K)
	word    term
}

var bearingKinds = []bearingKind{
	{name: "deep_groove_ball", weight: 50, prefix: []string{"60", "62", "63"}, series: []string{"60", "62", "63"}, sealed: true,
		word: term{de: []string{"Rillen|kugel|lager"}, en: []string{"deep groove ball bearing"}}},
	{name: "angular_contact_ball", weight: 10, prefix: []string{"72", "73"}, series: []string{"62", "63"}, suffix: "B",
		word: term{de: []string{"Schräg|kugel|lager"}, en: []string{"angular contact ball bearing", "angular contact bearing"}}},
	{name: "self_aligning_ball", weight: 6, prefix: []string{"12", "13"}, series: []string{"62", "63"}, tapered: true,
		word: term{de: []string{"Pendel|kugel|lager"}, en: []string{"self-aligning ball bearing"}}},
	{name: "cylindrical_roller", weight: 14, prefix: []string{"NU2", "NJ2", "NU3", "NUP2"}, series: []string{"62", "62", "63", "62"},
		word: term{de: []string{"Zylinder|rollen|lager"}, en: []string{"cylindrical roller bearing"}}},
	{name: "spherical_roller", weight: 12, prefix: []string{"222", "223"}, series: []string{"22", "23"}, tapered: true,
		word: term{de: []string{"Pendel|rollen|lager"}, en: []string{"spherical roller bearing"}}},
	{name: "tapered_roller", weight: 8, prefix: []string{"302"}, series: []string{"02"},
		word: term{de: []string{"Kegel|rollen|lager"}, en: []string{"tapered roller bearing", "taper roller bearing"}}},
}

var bearingGeneric = term{de: []string{"Kugel|lager", "Lager", "Wälz|lager"}, en: []string{"ball bearing", "bearing", "rolling bearing"}}
var rollerGeneric = term{de: []string{"Lager", "Wälz|lager", "Rollen|lager"}, en: []string{"bearing", "roller bearing"}}

// How the makers write a seal on both sides, a shield on both sides, and one.
var sealCodes = map[string]map[string][]string{
	"SKF": {"2RS": {"2RS1", "2RSH"}, "2Z": {"2Z"}, "RS": {"RS1", "RSH"}, "Z": {"Z"}},
	"FAG": {"2RS": {"2RSR", "2HRS"}, "2Z": {"2ZR", "2Z"}, "RS": {"RSR"}, "Z": {"ZR", "Z"}},
	"NSK": {"2RS": {"DDU"}, "2Z": {"ZZ"}, "RS": {"DU"}, "Z": {"Z"}},
	"NTN": {"2RS": {"LLU"}, "2Z": {"ZZ"}, "RS": {"LU"}, "Z": {"Z"}},
	"":    {"2RS": {"2RS"}, "2Z": {"ZZ", "2Z"}, "RS": {"RS"}, "Z": {"Z"}},
}

var bearingMakers = []string{"SKF", "FAG", "NSK", "NTN", "Koyo", "Timken", "SNR", "NKE"}

var sealWords = map[string]term{
	"2RS": {de: []string{"beid|seitig abge|dichtet", "zwei Dicht|scheiben"}, en: []string{"sealed both sides", "double sealed"}},
	"2Z":  {de: []string{"zwei Deck|scheiben"}, en: []string{"shielded both sides", "double shielded"}},
}

var bearings = family{
	category: "bearing", deep: true, share: 310,
	group: [3]string{"0320", "19-6", "G960"}, unit: [3]string{"ST", "EA", "STK"}, price: [2]int{190, 24000},
	make: makeBearing, twin: twinBearing, describe: describeBearing,
}

func makeBearing(d dice) *product {
	weights := make([]int, len(bearingKinds))
	for i, k := range bearingKinds {
		weights[i] = k.weight
	}
	kind := d.weighted(weights...)
	k := bearingKinds[kind]
	if k.name == "deep_groove_ball" && d.chance(90) {
		names := []string{"607", "608", "609", "625", "626", "627", "629"}
		return newBearing(d, kind, pick(d, names), "open", "CN", "")
	}
	s := d.IntN(len(k.prefix))
	code := pick(d, boreCodes)
	for bearingSizes[k.series[s]][code][0] == "" {
		code = pick(d, boreCodes)
	}
	seal, clearance, bore := "open", "CN", ""
	if k.sealed {
		seal = []string{"open", "2RS", "2Z", "RS", "Z"}[d.weighted(30, 35, 27, 4, 4)]
	}
	if d.chance(300) {
		clearance = []string{"C2", "C3", "C4"}[d.weighted(1, 8, 2)]
	}
	if k.tapered && d.chance(350) {
		bore = "K"
	}
	if k.name == "angular_contact_ball" || k.name == "tapered_roller" {
		clearance = "CN" // set in pairs: no radial clearance class
	}
	return newBearing(d, kind, k.prefix[s]+code+k.suffix, seal, clearance, bore)
}

// newBearing works out the dimensions that the designation stands for.
func newBearing(d dice, kind int, designation, seal, clearance, taper string) *product {
	k := bearingKinds[kind]
	p := &product{category: "bearing", kind: kind, maker: pick(d, bearingMakers)}
	var bore, outer, width string
	if small, ok := smallBearings[designation]; ok {
		bore, outer, width = small[0], small[1], small[2]
	} else {
		for i, prefix := range k.prefix {
			code := strings.TrimSuffix(strings.TrimPrefix(designation, prefix), k.suffix)
			if dim, ok := bearingSizes[k.series[i]][code]; ok && strings.HasPrefix(designation, prefix) {
				bore, outer, width = boreOf(code), dim[0], dim[1]
			}
		}
	}
	p.set(fact{name: "designation", value: designation, critical: true})
	p.set(fact{name: "type", value: k.name})
	p.set(fact{name: "bore", value: bore, unit: "mm"})
	p.set(fact{name: "outer_diameter", value: outer, unit: "mm"})
	p.set(fact{name: "width", value: width, unit: "mm"})
	p.set(fact{name: "seal", value: seal, critical: true, implicit: seal == "open"})
	p.set(fact{name: "clearance", value: clearance, critical: true, implicit: clearance == "CN"})
	if k.tapered {
		shape := "cylindrical"
		if taper == "K" {
			shape = "tapered"
		}
		p.set(fact{name: "bore_shape", value: shape, critical: true, implicit: shape == "cylindrical"})
	}
	p.set(fact{name: "manufacturer", value: p.maker})
	p.part = bearingCode(p, p.maker, 0, "-", "/")
	return p
}

// bearingCode is the full designation as a maker writes it.
func bearingCode(p *product, maker string, variant int, sealSep, clearSep string) string {
	out := p.get("designation")
	if p.get("bore_shape") == "tapered" {
		out += "K"
	}
	if seal := p.get("seal"); seal != "open" {
		codes, ok := sealCodes[maker]
		if !ok {
			codes = sealCodes[""]
		}
		out += sealSep + codes[seal][variant%len(codes[seal])]
	}
	if c := p.get("clearance"); c != "CN" {
		out += clearSep + c
	}
	return out
}

func twinBearing(d dice, p *product) (*product, string) {
	k := bearingKinds[p.kind]
	designation, seal, clearance, taper := p.get("designation"), p.get("seal"), p.get("clearance"), ""
	if p.get("bore_shape") == "tapered" {
		taper = "K"
	}
	_, small := smallBearings[designation]
	var differs string
	switch d.IntN(4) {
	case 0:
		if !k.sealed {
			return nil, ""
		}
		differs, seal = "seal", other(d, []string{"open", "2RS", "2Z", "2Z"}, seal)
	case 1:
		if k.name == "angular_contact_ball" || k.name == "tapered_roller" {
			return nil, ""
		}
		differs, clearance = "clearance", other(d, []string{"CN", "C3", "C4"}, clearance)
	case 2:
		if k.tapered {
			differs = "bore_shape"
			if taper = "K"; p.get("bore_shape") == "tapered" {
				taper = ""
			}
			break
		}
		fallthrough
	default:
		if small {
			return nil, ""
		}
		// Another series or the next size: 6205 and 6305, 6205 and 6206.
		differs = "designation"
		for i, prefix := range k.prefix {
			if !strings.HasPrefix(designation, prefix) {
				continue
			}
			code := strings.TrimSuffix(strings.TrimPrefix(designation, prefix), k.suffix)
			if len(k.prefix) > 1 && d.chance(500) {
				i = (i + 1) % len(k.prefix)
			} else {
				code = other(d, boreCodes, code)
			}
			if bearingSizes[k.series[i]][code][0] == "" {
				return nil, ""
			}
			designation = k.prefix[i] + code + k.suffix
			break
		}
	}
	t := newBearing(d, p.kind, designation, seal, clearance, taper)
	t.maker = p.maker
	t.set(fact{name: "manufacturer", value: p.maker})
	t.part = bearingCode(t, t.maker, 0, "-", "/")
	return t, differs
}

func describeBearing(w *writer, p *product) {
	k := bearingKinds[p.kind]
	deepGroove := k.name == "deep_groove_ball"
	generic := w.chance(350)
	noun := segment{slot: 'n', says: []string{"type"}}
	switch {
	case !generic:
		noun.text = w.say(k.word)
	case strings.Contains(k.name, "roller"):
		noun.text, noun.says = w.say(rollerGeneric), nil
	default:
		noun.text, noun.says = w.say(bearingGeneric), nil
	}
	w.add(noun)

	maker := p.maker
	named := w.chance(400)
	if !named && w.chance(400) {
		maker = "" // no maker in sight: the plain code
	}
	dims := []string{"bore", "outer_diameter", "width"}
	b, o, wd := p.get("bore"), p.get("outer_diameter"), p.get("width")
	if deepGroove && !generic && w.chance(50) {
		// Nothing but the type and the size, which tell the designation.
		w.add(segment{slot: 's', text: w.unitAfter(w.times(b, o, wd), "mm"), says: dims, implies: []string{"designation"}})
		w.mute = p.get("seal") == "open" && p.get("clearance") == "CN"
		if s := p.get("seal"); s != "open" {
			w.add(segment{slot: 'v', text: pick(w.dice, sealCodes[""][s]), says: []string{"seal"}})
		}
		if c := p.get("clearance"); c != "CN" {
			w.add(segment{slot: 'v', text: c, says: []string{"clearance"}})
		}
	} else {
		code := segment{slot: 'c', says: []string{"designation", "seal", "clearance", "bore_shape"}, implies: append(dims, "type")}
		sealSep := pick(w.dice, []string{"-", "-", " ", ".", ""})
		if sealSep == "" && (maker != "NSK" && maker != "NTN" || p.get("seal") == "2Z") {
			sealSep = "-" // 62052RS would be another number
		}
		word, spoken := sealWords[p.get("seal")]
		if spoken && w.chance(60) {
			// The seal in words instead of the code.
			bare := *p
			bare.facts = append([]fact(nil), p.facts...)
			bare.set(fact{name: "seal", value: "open"})
			code.text = bearingCode(&bare, maker, 0, "", pick(w.dice, []string{"/", " ", "-"}))
			w.add(code)
			w.add(segment{slot: 'v', text: w.mild(word), says: []string{"seal"}})
		} else {
			code.text = bearingCode(p, maker, w.IntN(2), sealSep, pick(w.dice, []string{"/", " ", "-", " "}))
			if n := strings.IndexAny(code.text, "0123456789"); n > 0 && w.chance(500) {
				code.text = code.text[:n] + " " + code.text[n:] // NU 206
			}
			w.add(code)
		}
		size := w.times(b, o, wd)
		if w.chance(150) {
			size = fmt.Sprintf("d%s D%s B%s", w.num(b), w.num(o), w.num(wd))
		} else if w.chance(500) {
			size = w.unitAfter(size, "mm")
		}
		w.add(segment{slot: 's', text: size, says: dims, keep: 330})
	}
	if named {
		w.add(segment{slot: 'm', text: p.maker, says: []string{"manufacturer"}, keep: 990})
	}
}
