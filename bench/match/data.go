package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// A part is one made item: what it is in truth, and how two people would write
// it down.
type part struct {
	category string
	facts    map[string]string
	de, en   string
}

// thing is what p is, whoever makes it: bearings of one designation are
// interchangeable.
func (p *part) thing() string {
	var facts []string
	for k, v := range p.facts {
		if k != "manufacturer" {
			facts = append(facts, k+"="+v)
		}
	}
	slices.Sort(facts)
	return p.category + " " + strings.Join(facts, " ")
}

// makePart draws a part of one of eight families.
func makePart(r *rand.Rand) part {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	f := map[string]string{}
	p := part{facts: f}
	switch k := r.IntN(8); k {
	case 0: // screw
		std := pick("DIN 933", "DIN 931", "DIN 912", "DIN 7991", "DIN 7985")
		f["standard"], f["thread"] = std, pick("M3", "M4", "M5", "M6", "M8", "M10", "M12", "M16", "M20", "M24")
		f["length"] = fmt.Sprint(5 * (2 + r.IntN(39)))
		f["class"] = pick("8.8", "10.9", "12.9", "A2-70", "A4-80")
		coat := pick("zinc plated", "zinc flake", "plain")
		if strings.HasPrefix(f["class"], "A") {
			coat = ""
		}
		f["coating"] = coat
		de := map[string]string{"DIN 933": "Sechskantschraube", "DIN 931": "Sechskantschraube", "DIN 912": "Zylinderschraube", "DIN 7991": "Senkschraube", "DIN 7985": "Linsenschraube"}[std]
		en := map[string]string{"DIN 933": "hexagon screw", "DIN 931": "hexagon bolt", "DIN 912": "socket head cap screw", "DIN 7991": "countersunk screw", "DIN 7985": "pan head screw"}[std]
		dc := map[string]string{"zinc plated": "verzinkt", "zinc flake": "Zinklamelle", "plain": "blank"}[coat]
		p.category = "screw"
		p.de = strings.TrimSpace(fmt.Sprintf("%s %s %sx%s %s %s", de, std, f["thread"], f["length"], f["class"], dc))
		p.en = strings.TrimSpace(fmt.Sprintf("%s, %s x %s, %s, %s, %s", en, f["thread"], f["length"], std, f["class"], coat))
	case 1: // bearing
		bore := 4 + r.IntN(16)
		series := pick("60", "62", "63")
		f["designation"] = fmt.Sprintf("%s%02d", series, bore)
		f["bore"] = fmt.Sprint(5 * bore)
		f["seal"], f["clearance"] = pick("2RS", "ZZ", ""), pick("C3", "")
		f["manufacturer"] = pick("SKF", "FAG", "NSK", "NTN", "SNR", "Koyo")
		name := f["designation"]
		for _, s := range []string{f["seal"], f["clearance"]} {
			if s != "" {
				name += " " + s
			}
		}
		p.category = "bearing"
		p.de = fmt.Sprintf("Rillenkugellager %s %s", name, f["manufacturer"])
		p.en = fmt.Sprintf("%s deep groove ball bearing %s", f["manufacturer"], name)
	case 2: // motor
		f["power"] = pick("0.37", "0.55", "0.75", "1.1", "1.5", "2.2", "3", "4", "5.5", "7.5", "11", "15", "18.5", "22", "30", "37", "45", "55")
		f["poles"], f["mounting"] = pick("2", "4", "6", "8"), pick("B3", "B5", "B14", "B35")
		f["voltage"], f["efficiency"] = pick("230/400", "400/690"), pick("IE2", "IE3", "IE4")
		f["manufacturer"] = pick("Siemens", "ABB", "SEW", "Lenze", "WEG")
		p.category = "motor"
		p.de = fmt.Sprintf("Drehstrommotor %s kW %s-polig %s V %s %s %s", strings.ReplaceAll(f["power"], ".", ","), f["poles"], f["voltage"], f["mounting"], f["efficiency"], f["manufacturer"])
		p.en = fmt.Sprintf("three phase motor %s, %s kW, %s pole, %s V, %s, %s", f["manufacturer"], f["power"], f["poles"], f["voltage"], f["mounting"], f["efficiency"])
	case 3: // resistor
		f["resistance"] = pick("1", "1.5", "2.2", "3.3", "4.7", "6.8", "8.2") + pick("", "0", "00")
		if strings.Contains(f["resistance"], ".") {
			f["resistance"] = strings.TrimRight(f["resistance"], "0")
		}
		mult := pick("", "k", "M")
		f["resistance"] += mult
		f["tolerance"], f["package"], f["rating"] = pick("1", "5", "0.1"), pick("0402", "0603", "0805", "1206"), pick("0.1", "0.125", "0.25")
		p.category = "resistor"
		p.de = fmt.Sprintf("Widerstand %sOhm %s%% %s %sW", f["resistance"], f["tolerance"], f["package"], f["rating"])
		p.en = fmt.Sprintf("chip resistor %s %s ohm %sW %s%%", f["package"], f["resistance"], f["rating"], f["tolerance"])
	case 4: // capacitor
		f["capacitance"] = pick("1", "2.2", "4.7", "10", "22", "47", "100", "220", "470") + pick("pF", "nF", "uF")
		f["voltage"], f["dielectric"], f["package"] = pick("16", "25", "50", "100"), pick("X7R", "X5R", "C0G"), pick("0402", "0603", "0805", "1206")
		p.category = "capacitor"
		p.de = fmt.Sprintf("Keramikkondensator %s %sV %s %s", f["capacitance"], f["voltage"], f["dielectric"], f["package"])
		p.en = fmt.Sprintf("ceramic capacitor %s %s %s %s V", f["package"], f["capacitance"], f["dielectric"], f["voltage"])
	case 5: // washer
		f["standard"], f["thread"] = pick("DIN 125", "DIN 127", "DIN 9021"), pick("M3", "M4", "M5", "M6", "M8", "M10", "M12", "M16", "M20")
		f["coating"] = pick("zinc plated", "plain", "A2")
		dc := map[string]string{"zinc plated": "Stahl verzinkt", "plain": "Stahl blank", "A2": "Edelstahl A2"}[f["coating"]]
		ec := map[string]string{"zinc plated": "steel zinc plated", "plain": "steel plain", "A2": "stainless A2"}[f["coating"]]
		hard := pick("140 HV", "200 HV")
		f["hardness"] = hard
		p.category = "washer"
		p.de = fmt.Sprintf("Scheibe %s %s %s %s", f["standard"], f["thread"], hard, dc)
		p.en = fmt.Sprintf("washer, %s, %s, %s, %s", f["thread"], f["standard"], ec, hard)
	case 6: // O-ring
		f["inner"], f["section"] = fmt.Sprint(3+r.IntN(200)), pick("1.5", "2", "2.5", "3", "3.53", "4", "5")
		f["material"], f["hardness"] = pick("NBR", "FKM", "EPDM", "VMQ"), pick("60", "70", "80", "90")
		p.category = "seal"
		p.de = fmt.Sprintf("O-Ring %sx%s %s %s Shore A", f["inner"], strings.ReplaceAll(f["section"], ".", ","), f["material"], f["hardness"])
		p.en = fmt.Sprintf("o-ring %s %s x %s mm, %s shore A", f["material"], f["inner"], f["section"], f["hardness"])
	default: // what no category knows: a part number of some maker
		f["number"] = fmt.Sprintf("%c%c%05d%c", 'P'+rune(r.IntN(8)), 'A'+rune(r.IntN(26)), r.IntN(100000), 'Q'+rune(r.IntN(8)))
		kind := [][2]string{{"Greifermodul", "gripper module"}, {"Ersatzmesser", "spare blade"}, {"Abdeckhaube", "cover hood"}, {"Führungsschiene", "guide rail"}}[r.IntN(4)]
		f["kind"] = kind[1]
		p.category = pipeline.Unknown
		p.de, p.en = kind[0]+" "+f["number"], kind[1]+" "+f["number"]
	}
	return p
}

// makeParts draws n entries; about one in four is a second wording of the one
// before. odd is the share of items that no category knows, as one in how many
// of those drawn are kept.
func makeParts(n int, odd int, seed uint64) (items []pipeline.Item, parts []part) {
	r := rand.New(rand.NewPCG(seed, 77))
	for len(items) < n {
		p := makePart(r)
		if p.category == pipeline.Unknown && r.IntN(odd) > 0 {
			continue
		}
		texts := []string{p.de, p.en}
		first := r.IntN(2)
		copies := 1
		if r.IntN(4) == 0 {
			copies = 2
		}
		for c := range copies {
			id := fmt.Sprintf("bench/%07d", len(items))
			items = append(items, pipeline.Item{ID: id, Source: texts[(first+c)%2]})
			parts = append(parts, p)
		}
	}
	return items[:n], parts[:n]
}

// read parses items on every core; vectors are left to what is measured.
func read(ctx context.Context, p *parse.Parser, items []pipeline.Item) ([]catalog.Entry, error) {
	entries := make([]catalog.Entry, len(items))
	const chunk = 2000
	var wg sync.WaitGroup
	next := make(chan int)
	errs := make([]error, runtime.GOMAXPROCS(0))
	for w := range errs {
		wg.Go(func() {
			for from := range next {
				part := items[from:min(from+chunk, len(items))]
				rs, err := p.ParseAll(ctx, part)
				if err != nil {
					errs[w] = err
					continue
				}
				for i := range part {
					entries[from+i] = catalog.Entry{Item: part[i], Record: rs[i]}
				}
			}
		})
	}
	for from := 0; from < len(items); from += chunk {
		next <- from
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// embedAll gives entries their vectors.
func embedAll(ctx context.Context, e embed.Embedder, entries []catalog.Entry) error {
	const chunk = 4096
	texts := make([]string, 0, chunk)
	for from := 0; from < len(entries); from += chunk {
		part := entries[from:min(from+chunk, len(entries))]
		texts = texts[:0]
		for i := range part {
			texts = append(texts, part[i].Item.Source)
		}
		vs, err := e.Embed(ctx, texts)
		if err != nil {
			return err
		}
		for i := range part {
			part[i].Vector, part[i].Space = vs[i], e.Space()
		}
	}
	return nil
}
