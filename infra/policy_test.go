package infra_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// actions are the rights that each operation of the SDK needs.
var actions = map[string]string{
	"s3.GetObject": "s3:GetObject", "s3.HeadObject": "s3:GetObject", "s3.PutObject": "s3:PutObject", "s3.CreateMultipartUpload": "s3:PutObject",
	"s3.UploadPart": "s3:PutObject", "s3.CompleteMultipartUpload": "s3:PutObject", "s3.AbortMultipartUpload": "s3:AbortMultipartUpload",
	"s3.ListObjectsV2": "s3:ListBucket", "s3.DeleteObject": "s3:DeleteObject", "s3.ListMultipartUploads": "s3:ListBucketMultipartUploads",
	"eventbridge.PutEvents": "events:PutEvents", "sns.Publish": "sns:Publish",
	"sqs.SendMessageBatch": "sqs:SendMessage", "sqs.SendMessage": "sqs:SendMessage", "sqs.ReceiveMessage": "sqs:ReceiveMessage", "sqs.DeleteMessage": "sqs:DeleteMessage",
	"bedrockruntime.Converse": "bedrock:InvokeModel", "bedrockruntime.InvokeModel": "bedrock:InvokeModel",
}

var services = map[string]bool{"s3": true, "eventbridge": true, "sns": true, "sqs": true, "bedrockruntime": true}

// signed are the rights of requests that the project signs itself.
var signed = map[string]string{"app.App.databaseToken": "rds-db:connect", "app.App.getSecretValue": "secretsmanager:GetSecretValue"}

// A code is who refers to whom among the composition root and the adapters, by
// name: pkg.Func, pkg.Type (whose methods count as called once there is a value)
// and pkg.Type.Method.
type code struct {
	refs map[string][]string
	ops  map[string][]string // operations of the SDK that a function asks for
}

// read adds the functions of a package as a build for Lambda has them.
func (c *code) read(t *testing.T, dir string) {
	t.Helper()
	pkg := path.Base(dir)
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.BuildTags = "linux", "arm64", []string{"lambda.norpc"}
	names, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	for _, name := range names {
		ok, err := ctx.MatchFile(filepath.Dir(name), filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		if !ok || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			id := pkg + "." + fn.Name.Name
			if fn.Recv != nil {
				typ := fn.Recv.List[0].Type
				if s, ok := typ.(*ast.StarExpr); ok {
					typ = s.X
				}
				recv, ok := typ.(*ast.Ident)
				if !ok {
					continue
				}
				id = pkg + "." + recv.Name + "." + fn.Name.Name
				// Whoever has a value of an adapter may call it; the composition root is
				// called by name.
				if pkg != "app" || recv.Name != "App" {
					c.refs[pkg+"."+recv.Name] = append(c.refs[pkg+"."+recv.Name], id)
				}
			}
			c.body(pkg, id, fn.Body)
		}
	}
}

func (c *code) body(pkg, id string, body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				if op, is := strings.CutSuffix(n.Sel.Name, "Input"); is && services[x.Name] {
					c.ops[id] = append(c.ops[id], x.Name+"."+op)
				}
				c.refs[id] = append(c.refs[id], x.Name+"."+n.Sel.Name)
			}
			// app.Open hands methods on that are called later, by those below.
			if id != "app.Open" && isApp(n.X) {
				c.refs[id] = append(c.refs[id], "app.App."+n.Sel.Name)
			}
		case *ast.Ident:
			c.refs[id] = append(c.refs[id], pkg+"."+n.Name)
		}
		return true
	})
}

// isApp reports whether an expression is the composition root, by the names that
// it has everywhere.
func isApp(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "a" || x.Name == "sub"
	case *ast.SelectorExpr:
		return x.Sel.Name == "app"
	case *ast.CallExpr:
		f, ok := x.Fun.(*ast.SelectorExpr)
		return ok && f.Sel.Name == "Open"
	}
	return false
}

// rights are what the code that is reachable from the roots needs.
func (c *code) rights(t *testing.T, roots ...string) map[string]bool {
	t.Helper()
	later := map[string]string{"app.App.Embedder": "app.App.loadEmbedder", "app.App.Knowledge": "app.App.loadPack", "app.App.Contracts": "app.App.loadContracts"}
	seen, out := map[string]bool{}, map[string]bool{}
	for len(roots) > 0 {
		id := roots[0]
		roots = roots[1:]
		if seen[id] {
			continue
		}
		seen[id] = true
		for _, op := range c.ops[id] {
			a, ok := actions[op]
			if !ok {
				t.Errorf("%s calls %s; say in this test what right that needs", id, op)
			}
			out[a] = true
		}
		if a := signed[id]; a != "" {
			out[a] = true
		}
		if l := later[id]; l != "" {
			roots = append(roots, l)
		}
		roots = append(roots, c.refs[id]...)
	}
	return out
}

// granted are the rights that template.yaml gives each function for its own
// calls, by the folder of its code; those by which Lambda takes messages for it,
// and the keys of KMS, are left out.
func granted(t *testing.T) map[string]map[string]bool {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				CodeUri        string      `yaml:"CodeUri"`
				Policies       []yaml.Node `yaml:"Policies"`
				PolicyDocument yaml.Node   `yaml:"PolicyDocument"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var find func(n *yaml.Node, do func(key, value string))
	find = func(n *yaml.Node, do func(key, value string)) {
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				for _, v := range append([]*yaml.Node{n.Content[i+1]}, n.Content[i+1].Content...) {
					do(n.Content[i].Value, v.Value)
				}
			}
		}
		for _, x := range n.Content {
			find(x, do)
		}
	}
	out := map[string]map[string]bool{}
	for name, r := range doc.Resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		rights := map[string]bool{}
		var policies func(n *yaml.Node)
		policies = func(n *yaml.Node) {
			p, ok := doc.Resources[n.Value]
			if ok && p.Type == "AWS::IAM::ManagedPolicy" && !strings.HasPrefix(n.Value, "Take") {
				find(&p.Properties.PolicyDocument, func(key, value string) {
					if key == "Action" && value != "" && !strings.HasPrefix(value, "kms:") {
						rights[value] = true
					}
				})
			}
			for _, x := range n.Content {
				policies(x)
			}
		}
		for i := range r.Properties.Policies {
			policies(&r.Properties.Policies[i])
		}
		if len(rights) == 0 {
			t.Errorf("%s has no rights, which cannot be", name)
		}
		out[name+" "+strings.Trim(r.Properties.CodeUri, "/")] = rights
	}
	return out
}

// TestPolicies: each function may do what its code does, and nothing else. What
// code does is told by its source: which constructors of the composition root a
// function calls, which adapters those make, and which operations of the SDK
// these ask for.
func TestPolicies(t *testing.T) {
	all := granted(t)
	if len(all) < 10 {
		t.Fatalf("template.yaml has %d functions", len(all))
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		name, dir, _ := strings.Cut(key, " ")
		c := &code{map[string][]string{}, map[string][]string{}}
		for _, d := range []string{"pipeline/lake/s3lake", "pipeline/sqsqueue", "pipeline/notify", "pipeline/llm", "pipeline/app", "pipeline/app/serve"} {
			c.read(t, d)
		}
		c.read(t, dir)
		pkg := path.Base(dir)
		var roots []string
		for id := range c.refs {
			if strings.HasPrefix(id, pkg+".") {
				roots = append(roots, id)
			}
		}
		needs := c.rights(t, roots...)
		for _, a := range slices.Sorted(maps.Keys(needs)) {
			if !all[key][a] {
				t.Errorf("%s calls for %s and may not", name, a)
			}
		}
		for _, a := range slices.Sorted(maps.Keys(all[key])) {
			if !needs[a] {
				t.Errorf("%s may %s and calls for it nowhere", name, a)
			}
		}
	}
}
