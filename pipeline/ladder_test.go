package pipeline_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/assay-pipeline/assay/"

// rungs is the house: a package may import only rungs below its own, never a
// sibling. A package that is not in the table does not belong to the house. Below
// the nouns stands what knows none of them.
var rungs = map[string]int{
	"pipeline/fill":             -1,
	"pipeline/page":             0,
	"contracts":                 0,
	"pipeline":                  0,
	"pipeline/contract":         1,
	"pipeline/codec":            1,
	"pipeline/lake":             1,
	"pipeline/breaker":          1,
	"pipeline/quantity":         1,
	"pipeline/embed":            1,
	"pipeline/model":            1,
	"pipeline/review":           1,
	"pipeline/stats":            1,
	"evals/stats":               1,
	"evals/observe":             3,
	"pipeline/knowledge":        2,
	"pipeline/gate":             2,
	"pipeline/guard":            2,
	"pipeline/catalog/learn":    2,
	"pipeline/catalog/postings": 1,
	"pipeline/parse":            3,
	"pipeline/catalog":          3,
	"pipeline/flow":             4,
	"evals":                     5,
	"pipeline/httpapi":          5,
	"pipeline/httpapi/pages":    6,
	"pipeline/sample":           5,
	"evals/chaos":               6,
	"evals/gen":                 9,
	"pipeline/store/postgres":   6,
	"pipeline/store/sqlite":     6,
	"pipeline/store/storetest":  6,
	"pipeline/lake/dirlake":     6,
	"pipeline/lake/s3lake":      6,
	"pipeline/lake/laketest":    6,
	"pipeline/sqsqueue":         6,
	"pipeline/llm":              6,
	"pipeline/llm/llmtest":      6,
	"pipeline/notify":           6,
	"pipeline/gate/sqlrule":     6,
	"pipeline/localrt":          6,
	"infra":                     0,
	"infra/integration":         9,
	"pipeline/app":              7,
	"pipeline/app/serve":        8,
	"cmd/assay":                 9,
	"functions/api":             9,
	"functions/evals":           9,
	"functions/ingest":          9,
	"functions/parse":           9,
	"functions/drill":           9,
	"functions/sweep":           9,
	"functions/relay":           9,
	"functions/replay":          9,
	"functions/migrate":         9,
}

// testOnly packages are imported by _test.go files alone; localrt by the verbs
// that run functions, too.
var testOnly = map[string]bool{
	"pipeline/localrt":                   true,
	"pipeline/store/storetest":           true,
	"pipeline/lake/laketest":             true,
	"pipeline/llm/llmtest":               true,
	"pipeline/httpapi/bearer/bearertest": true,
}

// rooms holds what only some packages may import, by prefix.
var rooms = []struct {
	prefix string
	may    func(pkg string) bool
	why    string
}{
	{"github.com/aws/aws-lambda-go", func(p string) bool { return strings.HasPrefix(p, "functions/") || p == "pipeline/localrt" }, "aws-lambda-go stays in functions"},
	{"github.com/aws/aws-sdk-go-v2", func(p string) bool {
		return p == "pipeline/lake/s3lake" || p == "pipeline/sqsqueue" || p == "pipeline/notify" || strings.HasPrefix(p, "pipeline/llm") || p == "pipeline/app"
	}, "the AWS SDK stays in adapters and app"},
	{"github.com/tmc/langchaingo", func(p string) bool { return p == "pipeline/llm" }, "langchaingo stays in llm"},
	{"github.com/go-jose/go-jose", func(p string) bool { return p == "pipeline/httpapi/bearer" }, "tokens are verified in httpapi/bearer"},
	{"modernc.org/sqlite", func(p string) bool { return p == "pipeline/store/sqlite" || p == "pipeline/gate/sqlrule" }, "SQLite stays in its store"},
	{"github.com/jackc/pgx", func(p string) bool { return p == "pipeline/store/postgres" }, "pgx stays in its store"},
}

// TestLadder reads the import lines of every package itself.
func TestLadder(t *testing.T) {
	root := ".."
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			nested := false
			if m, _ := filepath.Glob(filepath.Join(file, "go.mod")); len(m) > 0 && file != root {
				nested = true // bench and other modules live outside the house
			}
			if nested || name == "testdata" || (strings.HasPrefix(name, ".") && file != root) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		seen[pkg] = true
		checkFile(t, file, pkg, strings.HasSuffix(file, "_test.go"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["pipeline"] {
		t.Fatal("the walk did not find the pipeline package: the test looks in the wrong place")
	}
}

func checkFile(t *testing.T, file, pkg string, isTest bool) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	own, ok := rungOf(pkg)
	if !ok {
		t.Errorf("%s: package %s has no rung; give it one in the table, or a better place", file, pkg)
		return
	}
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, room := range rooms {
			if strings.HasPrefix(p, room.prefix) && !room.may(pkg) && !isTest {
				t.Errorf("%s imports %s: %s", file, p, room.why)
			}
		}
		to, inside := strings.CutPrefix(p, module)
		if !inside || isTest {
			continue // tests may look up and sideways
		}
		rung, ok := rungOf(to)
		if !ok {
			t.Errorf("%s imports %s, which has no rung", file, to)
			continue
		}
		// A room may be divided inside: a subfolder without a rung of its own
		// shares its parent's, and the two may import each other one way.
		if roomOf(to) == roomOf(pkg) {
			continue
		}
		if rung >= own {
			t.Errorf("%s: %s (rung %d) imports %s (rung %d); only lower rungs may be imported", file, pkg, own, to, rung)
		}
		handed := pkg == "cmd/assay" && (to == "pipeline/localrt" || to == "pipeline/llm/llmtest")
		if testOnly[roomOf(to)] && !handed {
			t.Errorf("%s: %s is for tests only", file, to)
		}
	}
}

// roomOf is the nearest folder upwards that has a rung.
func roomOf(pkg string) string {
	for p := pkg; p != "." && p != "/"; p = path.Dir(p) {
		if _, ok := rungs[p]; ok {
			return p
		}
	}
	return ""
}

func rungOf(pkg string) (int, bool) {
	r := roomOf(pkg)
	// pipeline itself is a room, not the parent of the others.
	if r == "pipeline" && pkg != "pipeline" || r == "" {
		return 0, false
	}
	return rungs[r], true
}
