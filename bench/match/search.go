package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// A query and what it means: the items that fit it, and those that meet its
// filters.
type query struct {
	kind     string // text, filter, both
	lang     string
	text     string
	relevant func(p *part) bool
	filtered func(p *part) bool // nil where there is no filter
}

// same reports whether two parts agree in facts.
func same(a *part, facts ...string) func(*part) bool {
	return func(p *part) bool {
		if p.category != a.category {
			return false
		}
		for _, f := range facts {
			if p.facts[f] != a.facts[f] {
				return false
			}
		}
		return true
	}
}

func number(p *part, fact string) float64 {
	v, err := strconv.ParseFloat(p.facts[fact], 64)
	if err != nil {
		return -1
	}
	return v
}

// ask makes a query of each kind about an item, in the words of lang; these
// differ from the words of the catalog in order, abbreviation and language.
func ask(kind, lang string, a *part, r *rand.Rand) (query, bool) {
	de := lang == "de"
	say := func(german, english string) string {
		if de {
			return german
		}
		return english
	}
	q := query{kind: kind, lang: lang}
	f := a.facts
	comma := func(s string) string { return say(strings.ReplaceAll(s, ".", ","), s) }
	var noun, text, filter string
	var byText, byFilter []string // facts
	var over func(*part) bool     // an open filter
	switch a.category {
	case "screw":
		noun = map[string]string{
			"DIN 933": say("Sechskantschraube", "hexagon screw"), "DIN 931": say("Sechskantschraube DIN 931", "hex bolt DIN 931"),
			"DIN 912": say("Zylinderschraube", "socket head cap screw"), "DIN 7991": say("Senkschraube", "countersunk screw"), "DIN 7985": say("Linsenschraube", "pan head screw"),
		}[f["standard"]]
		if f["standard"] == "DIN 933" {
			noun = say("Skt-Schraube DIN 933", "hex screw DIN 933")
		}
		text = fmt.Sprintf("%s %s x %s", noun, f["thread"], f["length"])
		byText = []string{"standard", "thread", "length"}
		if r.IntN(2) == 0 {
			filter, byFilter = fmt.Sprintf("thread=%s length=%smm", f["thread"], f["length"]), []string{"thread", "length"}
		} else {
			n := number(a, "length")
			filter = fmt.Sprintf("thread=%s length>=%gcm", f["thread"], n/10)
			over = func(p *part) bool {
				return p.category == "screw" && p.facts["thread"] == f["thread"] && number(p, "length") >= n
			}
		}
		if kind == "both" {
			byText = []string{"standard"}
		}
	case "bearing":
		noun = say("Kugellager", "ball bearing")
		text = fmt.Sprintf("%s %s %s", f["manufacturer"], noun, f["designation"])
		byText = []string{"designation", "manufacturer"}
		filter, byFilter = fmt.Sprintf("bore=%smm category=bearing", f["bore"]), []string{"bore"}
		if kind == "both" {
			noun, byText = f["manufacturer"]+" "+say("Rillenkugellager", "deep groove bearing"), []string{"manufacturer"}
		}
	case "motor":
		noun = say("E-Motor", "electric motor")
		text = fmt.Sprintf("%s %skW %s %s", noun, comma(f["power"]), say(f["poles"]+"polig", f["poles"]+" poles"), f["mounting"])
		byText = []string{"power", "poles", "mounting"}
		if r.IntN(2) == 0 {
			filter, byFilter = fmt.Sprintf("power=%skW poles=%s", comma(f["power"]), f["poles"]), []string{"power", "poles"}
		} else {
			n := number(a, "power")
			filter = fmt.Sprintf("power>=%gW poles=%s", 1000*n, f["poles"])
			over = func(p *part) bool {
				return p.category == "motor" && p.facts["poles"] == f["poles"] && number(p, "power") >= n
			}
		}
		if kind == "both" {
			noun, byText = say("Drehstrommotor ", "three-phase motor ")+f["manufacturer"], []string{"manufacturer"}
		}
	case "resistor":
		noun = say("Widerstand", "resistor")
		text = fmt.Sprintf("%s %s ohm %s", noun, f["resistance"], f["package"])
		byText = []string{"resistance", "package"}
		filter, byFilter = fmt.Sprintf("resistance=%sOhm", f["resistance"]), []string{"resistance"}
		if kind == "both" {
			noun, byText = noun+" "+f["package"], []string{"package"}
		}
	case "capacitor":
		noun = say("Kondensator", "capacitor")
		text = fmt.Sprintf("%s %s %s", f["capacitance"], f["package"], noun)
		byText = []string{"capacitance", "package"}
		filter, byFilter = "capacitance="+f["capacitance"], []string{"capacitance"}
		if kind == "both" {
			noun, byText = f["dielectric"]+" "+noun, []string{"dielectric"}
		}
	case "washer":
		noun = say("Unterlegscheibe", "washer")
		text = fmt.Sprintf("%s %s %s", noun, f["standard"], f["thread"])
		byText = []string{"standard", "thread"}
		filter, byFilter = "thread="+f["thread"]+" category=washer", []string{"thread"}
		if kind == "both" {
			noun, byText = noun+" "+f["standard"], []string{"standard"}
		}
	case "seal":
		noun = say("O-Ring", "o-ring")
		text = fmt.Sprintf("%s %s x %s %s", noun, f["inner"], comma(f["section"]), f["material"])
		byText = []string{"inner", "section", "material"}
		filter, byFilter = fmt.Sprintf("inner_diameter=%smm", f["inner"]), []string{"inner"}
		if kind == "both" {
			noun, byText = noun+" "+f["material"], []string{"material"}
		}
	default:
		noun, text = f["kind"], f["number"]+" "+f["kind"]
		byText = []string{"number"}
		if kind != "text" {
			return q, false
		}
	}
	meets := over
	if meets == nil && len(byFilter) > 0 {
		meets = same(a, byFilter...)
	}
	switch kind {
	case "text":
		q.text, q.relevant = text, same(a, byText...)
	case "filter":
		q.text, q.relevant, q.filtered = filter, meets, meets
	default:
		worded := same(a, byText...)
		q.text, q.filtered = noun+" "+filter, meets
		q.relevant = func(p *part) bool { return worded(p) && meets(p) }
	}
	return q, true
}

// mistype swaps two letters within the longest word of letters.
func mistype(r *rand.Rand, s string) string {
	words := strings.Fields(s)
	at := -1
	for i, w := range words {
		letters := strings.IndexFunc(w, func(c rune) bool { return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') }) < 0
		if letters && len(w) >= 6 && (at < 0 || len(w) > len(words[at])) {
			at = i
		}
	}
	if at < 0 {
		return s
	}
	w := []byte(words[at])
	k := 2 + r.IntN(len(w)-4)
	w[k], w[k+1] = w[k+1], w[k]
	words[at] = string(w)
	return strings.Join(words, " ")
}

// search measures 300 queries, a third each of words, of filters and of both,
// half German and half English, every fourth of those with words mistyped, over a catalog in both languages whose truth
// the generator knows: in memory, and by the index of a store.
func (b *bench) search(ctx context.Context) error {
	made, parts := makeParts(6000, 1, 21)
	entries, err := read(ctx, b.parser, made)
	if err != nil {
		return err
	}
	s, err := catalog.NewSearcher(ctx, b.pack, entries, embed.NewHashing(nil))
	if err != nil {
		return err
	}
	s.Reader = func(ctx context.Context, text string) (pipeline.Record, error) {
		rs, err := b.parser.ParseAll(ctx, []pipeline.Item{{ID: "query", Source: text}})
		if err != nil {
			return pipeline.Record{}, err
		}
		return rs[0], nil
	}
	at := map[string]*part{}
	for i := range parts {
		at[made[i].ID] = &parts[i]
	}
	if err := b.searchBy(ctx, "search", s, parts, at); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "assay-bench-search-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(ctx, filepath.Join(dir, "store.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PutEntries(ctx, entries); err != nil {
		return err
	}
	x := catalog.NewIndexed(b.pack, embed.NewHashing(nil), db, db)
	x.Reader = s.Reader
	return b.searchBy(ctx, "search_indexed", x, parts, at)
}

// searchBy measures the queries of search on one of its ways.
func (b *bench) searchBy(ctx context.Context, name string, s flow.Asked, parts []part, at map[string]*part) error {
	r := rand.New(rand.NewPCG(31, 8))
	var recall, mrr float64
	broken, n := 0, 0
	byKind := map[string][3]float64{}
	for n < 300 {
		kind, lang := []string{"text", "filter", "both"}[n%3], []string{"de", "en"}[n/3%2]
		q, ok := ask(kind, lang, &parts[r.IntN(len(parts))], r)
		if !ok {
			continue
		}
		n++
		if kind != "filter" && n%4 == 0 {
			q.text = mistype(r, q.text)
		}
		res, err := s.Query(ctx, q.text, 10)
		if err != nil {
			return fmt.Errorf("%q: %w", q.text, err)
		}
		found := res.Found
		relevant := 0
		for i := range parts {
			if q.relevant(&parts[i]) {
				relevant++
			}
		}
		hit, rank := 0, 0.0
		for k, f := range found {
			p := at[f.ID]
			if q.relevant(p) {
				hit++
				if rank == 0 {
					rank = 1 / float64(k+1)
				}
			}
			if q.filtered != nil && !q.filtered(p) {
				broken++
				fmt.Printf("  %q: %s breaks the filter: %q\n", q.text, f.ID, f.Entry.Item.Source)
			}
		}
		rec := float64(hit) / float64(min(10, relevant))
		if rec < 1 && *verbose {
			fmt.Printf("  %q (%s %s): %d of %d, first at %.2f\n", q.text, q.kind, q.lang, hit, min(10, relevant), rank)
		}
		recall += rec
		mrr += rank
		x := byKind[kind+" "+lang]
		byKind[kind+" "+lang] = [3]float64{x[0] + 1, x[1] + rec, x[2] + rank}
	}
	b.out[name+"_recall10"], b.out[name+"_mrr"], b.out[name+"_broken_filters"] = recall/float64(n), mrr/float64(n), broken
	var kinds []string
	for k, x := range byKind {
		kinds = append(kinds, fmt.Sprintf("%s %.3f/%.3f", k, x[1]/x[0], x[2]/x[0]))
	}
	sort.Strings(kinds)
	fmt.Printf("%-16s %d queries: recall@10 %.4f, MRR %.4f, %d results break a filter | %s\n", name, n, recall/float64(n), mrr/float64(n), broken, strings.Join(kinds, ", "))
	return nil
}
