package httpapi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
)

// ofCommands matches what a client of the API has no use for, more widely than the
// table does.
var ofCommands = regexp.MustCompile(`\bassay [a-z]+\b|(^|[^-])--[a-z]`)

// hintsOf are the hints that the files below dir give, by where they stand.
func hintsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch fun := call.Fun.(type) {
			case *ast.SelectorExpr:
				if fun.Sel.Name != "WithHint" {
					return true
				}
			case *ast.Ident:
				if fun.Name != "bad" && fun.Name != "didYouMean" {
					return true
				}
			default:
				return true
			}
			for _, arg := range call.Args {
				if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					out[fset.Position(lit.Pos()).String()] = text
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A problem document speaks of requests: no hint of the rooms below the API
// reaches a client with a command or a flag in it, alone or within a message,
// and nothing in the table speaks of a hint that nobody gives.
func TestHintsSpeakOfRequests(t *testing.T) {
	met := make([]bool, len(inRequests))
	commands := 0
	for _, room := range []string{"breaker", "catalog", "contract", "flow", "gate", "guard", "knowledge", "model", "parse", "quantity", "review", "httpapi"} {
		for at, hint := range hintsOf(t, filepath.Join("..", room)) {
			if ofCommands.MatchString(hint) {
				commands++
			}
			for i := range inRequests {
				met[i] = met[i] || inRequests[i].said.MatchString(hint)
			}
			inner := pipeline.Errorf(pipeline.CodeInvalid, "it is wrong").WithHint("%s", hint)
			p := problemOf(inner)
			if ofCommands.MatchString(p.Hint) {
				t.Errorf("%s: a client is told %q", at, p.Hint)
			}
			p = problemOf(pipeline.Errorf(pipeline.CodeInvalid, "item 1: %w", inner))
			if ofCommands.MatchString(p.Detail) || !strings.HasPrefix(p.Detail, "item 1: it is wrong") {
				t.Errorf("%s: a client is told %q", at, p.Detail)
			}
		}
	}
	if commands < 15 {
		t.Errorf("only %d hints speak of commands; does the test still read them?", commands)
	}
	for i, ok := range met {
		if !ok {
			t.Errorf("no hint says %s", inRequests[i].said)
		}
	}
}

// No case shows a problem document that speaks of commands.
func TestCasesSpeakOfRequests(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "cases", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	line := regexp.MustCompile(`(?m)^ *"(detail|hint)": .*$`)
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range line.FindAllString(string(src), -1) {
			if ofCommands.MatchString(l) {
				t.Errorf("%s: %s", f, l)
			}
		}
	}
}
