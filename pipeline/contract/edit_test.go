package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/google/go-cmp/cmp"
)

// Cases of edits: "edit" holds one edit, "after" the document.
func TestEditCases(t *testing.T) {
	eachCase(t, "edit", "after", func(t *testing.T, files map[string][]byte) string {
		d, err := Parse("c.odcs.yaml", files["c.odcs.yaml"])
		if err != nil {
			t.Fatal(err)
		}
		words := strings.SplitN(strings.TrimSpace(string(files["edit"])), " ", 4)
		switch words[0] {
		case "set":
			err = d.Set(words[1], strings.Join(words[2:], " "))
		case "add":
			err = d.Add(words[1], words[2], words[3])
		case "append":
			err = d.Append(words[1], map[string]any{words[2]: words[3]})
		case "delete":
			err = d.Delete(words[1])
		default:
			t.Fatalf("no edit %q", words[0])
		}
		if err != nil {
			return err.Error()
		}
		return string(d.Bytes())
	})
}

// places are all nodes of a tree below the root that can be edited.
func places(n *node, out []*node) []*node {
	for _, e := range n.items {
		if !e.alias {
			out = places(e, append(out, e))
		}
	}
	return out
}

// In every official example, at every place: changing a value, adding an entry
// and deleting one change the tree there and leave every other byte as it was.
func TestEditsLeaveTheRest(t *testing.T) {
	edits := 0
	for name, src := range contractsUnder(t, sharedData(t, "odcs/examples")) {
		edits += editEverywhere(t, name, src)
	}
	if edits < 500 {
		t.Errorf("only %d edits were possible", edits)
	}
	t.Logf("%d edits", edits)
}

func editEverywhere(t *testing.T, name string, src []byte) (edits int) {
	if len(src) > 50_000 {
		src = cutAfter(src, 12_000)
	}
	whole, found := readYAML(name, src)
	if found != nil {
		t.Fatal(found)
	}
	all := places(whole, nil)
	for i := 0; i < len(all); i += 1 + len(all)/60 {
		p := all[i]
		if p.kind == scalarNode {
			d := &Document{file: name, src: src, root: whole}
			edits += checkEdit(t, d, p.path, "set", func() error { return d.Set(p.path, "changed, surely") })
		}
		if p.kind == mappingNode {
			d := &Document{file: name, src: src, root: whole}
			edits += checkEdit(t, d, p.path, "add", func() error { return d.Add(p.path, "description", "an added one") })
		}
		d := &Document{file: name, src: src, root: whole}
		edits += checkEdit(t, d, p.path, "delete", func() error { return d.Delete(p.path) })
	}
	return edits
}

// checkEdit makes one edit and compares with what the same change makes of the
// parsed tree. An edit that the standard forbids is none.
func checkEdit(t *testing.T, d *Document, path, what string, edit func() error) int {
	t.Helper()
	before := d.src
	want := plain(d.root)
	err := edit()
	if err != nil && pipeline.ErrorCode(err) == pipeline.CodeConflict {
		return 0
	}
	applyPlain(&want, path, what)
	if err != nil {
		b, _ := json.Marshal(want)
		if _, bad := Parse(d.file, b); bad == nil {
			t.Fatalf("%s: %s %s was refused: %v", d.file, what, path, err)
		}
		return 0
	}
	if diff := cmp.Diff(want, plain(d.root)); diff != "" {
		t.Fatalf("%s %s %s changed something else (-want +got)\n%s", d.file, what, path, diff)
	}
	// What is common at both ends is untouched; what is between is the edit.
	a, b := before, d.src
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	gone, come := a[head:len(a)-tail], b[head:len(b)-tail]
	comments := bytes.Count(gone, []byte("\n#")) + bytes.Count(gone, []byte("\n  #"))
	if what != "delete" && comments > 0 || what == "add" && len(bytes.TrimSpace(gone)) > 0 && !bytes.Equal(gone, []byte("{}")) {
		t.Fatalf("%s %s %s took away %q and put %q", d.file, what, path, gone, come)
	}
	return 1
}

// applyPlain does to a plain tree what an edit does to the text.
func applyPlain(v *any, path, what string) {
	path = strings.TrimPrefix(path, ".")
	if path == "" {
		switch what {
		case "set":
			*v = "changed, surely"
		case "add":
			(*v).(map[string]any)["description"] = "an added one"
		}
		return
	}
	if path[0] == '[' && path[1] != '"' {
		var i int
		if _, err := fmt.Sscanf(path, "[%d]", &i); err != nil {
			panic(err)
		}
		rest := path[strings.IndexByte(path, ']')+1:]
		list := (*v).([]any)
		if rest == "" && what == "delete" {
			*v = slices.Delete(slices.Clone(list), i, i+1)
			return
		}
		applyPlain(&list[i], rest, what)
		return
	}
	m := (*v).(map[string]any)
	for k := range m {
		at := joinPath("", k)
		if path == at && what == "delete" {
			delete(m, k)
			return
		}
		if path == at || strings.HasPrefix(path, at) && strings.ContainsRune(".[", rune(path[len(at)])) {
			e := m[k]
			applyPlain(&e, path[len(at):], what)
			m[k] = e
			return
		}
	}
	panic("no place " + path)
}

func cutAfter(src []byte, n int) []byte {
	// At the last entry of the schema's first object before n.
	i := bytes.LastIndex(src[:n], []byte("\n      - name:"))
	if i < 0 {
		i = bytes.LastIndexByte(src[:n], '\n')
	}
	return src[:i+1]
}
