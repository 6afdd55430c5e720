package sample_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline/sample"
)

const dictionaries = "../../contracts/catalog"

// dictionaryWords are all texts of the catalog knowledge, as data: every scalar
// and every key, cut into words of letters.
func dictionaryWords(t *testing.T) map[string]bool {
	t.Helper()
	words := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			for _, w := range letters(v) {
				words[w] = true
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for k, e := range v {
				walk(k)
				walk(e)
			}
		case map[any]any:
			for k, e := range v {
				walk(k)
				walk(e)
			}
		}
	}
	err := filepath.WalkDir(dictionaries, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var doc any
		if err := yaml.Unmarshal(b, &doc); err != nil {
			return err
		}
		walk(doc)
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return words
}

func letters(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) })
}

func isTerm(c *ast.CompositeLit) bool {
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if k, ok := kv.Key.(*ast.Ident); ok && (k.Name == "de" || k.Name == "en") {
				return true
			}
		}
	}
	return false
}

// termWords are the words of the generator's terms. A bar joins the parts of
// one word. Its imports are looked at in passing.
func termWords(t *testing.T) map[string]bool {
	t.Helper()
	words := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			for _, room := range []string{"/contracts", "/quantity", "/knowledge", "/parse", "/catalog", "/embed", "/guard"} {
				if strings.HasSuffix(path, room) {
					t.Errorf("%s imports %s: the generator must not know its readers", file, path)
				}
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			list, ok := n.(*ast.CompositeLit)
			if !ok || !isTerm(list) {
				return true
			}
			ast.Inspect(list, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					s, _ := strconv.Unquote(lit.Value)
					if strings.Contains(s, ".") {
						t.Errorf("%s: the term %q holds an abbreviation", file, s)
					}
					for _, w := range letters(strings.ReplaceAll(s, "|", "")) {
						words[w] = true
					}
				}
				return true
			})
			return false
		})
	}
	if len(words) < 50 {
		t.Fatalf("only %d words in the terms", len(words))
	}
	return words
}

// shortens reports whether short abbreviates long: it begins with the same
// letter, its letters stand in long in order, and it is shorter by a third.
func shortens(short, long string) bool {
	a, b := []rune(short), []rune(long)
	if len(a) < 3 || len(a)*3 > len(b)*2 || a[0] != b[0] {
		return false
	}
	i := 0
	for _, r := range b {
		if i < len(a) && a[i] == r {
			i++
		}
	}
	return i == len(a)
}

// No abbreviation is written down in the generator: no word of its terms
// shortens another one. They are made by rule or not at all.
func TestGeneratorHoldsNoAbbreviations(t *testing.T) {
	// Whole words that a longer one happens to begin with.
	whole := map[string]bool{"links": true, "socket": true, "motor": true, "hex": true, "lock": true, "seal": true}
	words := termWords(t)
	var bad []string
	for w := range words {
		for l := range words {
			if !whole[w] && shortens(w, l) && looksCut(w, l) {
				bad = append(bad, w+" (for "+l+"?)")
			}
		}
	}
	sort.Strings(bad)
	for _, b := range bad {
		t.Errorf("the terms hold %s: if it is an abbreviation, make it by rule", b)
	}
}

// looksCut: without most of its vowels, or cut off inside.
func looksCut(short, long string) bool {
	vowels := 0
	for _, r := range short {
		if strings.ContainsRune("aeiouäöüy", r) {
			vowels++
		}
	}
	return strings.HasPrefix(long, short) || vowels*5 < utf8.RuneCountInString(short)
}

// Most of what the rules make stands in no dictionary: it has to be read by
// rule, not looked up. A dictionary into which the forms of the generator were
// copied would fail here.
func TestFormsAreNotInDictionaries(t *testing.T) {
	dictionary := dictionaryWords(t)
	if len(dictionary) == 0 {
		t.Skip("there is no catalog knowledge yet")
	}
	forms := map[string]sample.Rule{}
	for seed := range uint64(3) {
		for _, f := range sample.Generate(sample.Options{Seed: 1000 + seed}).Truth.Forms {
			w := strings.ToLower(f.Written)
			if f.Rule != sample.Fold && utf8.RuneCountInString(w) >= 3 && strings.ToLower(f.Word) != w {
				forms[w] = f.Rule
			}
		}
	}
	if len(forms) < 500 {
		t.Fatalf("only %d forms", len(forms))
	}
	known := map[sample.Rule]int{}
	all := map[sample.Rule]int{}
	total := 0
	for w, rule := range forms {
		all[rule]++
		if dictionary[w] {
			known[rule]++
			total++
		}
	}
	t.Logf("%d forms, %d in dictionaries; by rule %v of %v", len(forms), total, known, all)
	// People shorten by the same habits that the rules describe, so some forms
	// coincide by themselves: 15 % when the first dictionaries were written.
	// A quarter would mean that they were written from here.
	if total*4 > len(forms) {
		t.Errorf("%d of %d forms that the rules make stand in the dictionaries, at most one in four may: by rule %v of %v", total, len(forms), known, all)
	}
	for _, rule := range []sample.Rule{sample.Swap, sample.Drop, sample.Double} {
		if known[rule]*50 > all[rule] {
			t.Errorf("%d of %d typos (%s) stand in the dictionaries", known[rule], all[rule], rule)
		}
	}
}
