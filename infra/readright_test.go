package infra_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline/lake"
)

// TestStateMachineReads: the role of the state machine for large files reads the
// list of ranges that its first step wrote (ItemReader), and no other object: not
// what landed, not what was published, not the rejects of a batch.
func TestStateMachineReads(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Resources map[string]struct {
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	role := doc.Resources["LargeFilesRole"].Properties
	var patterns []string
	var find func(n *yaml.Node)
	find = func(n *yaml.Node) {
		if n.Kind == yaml.MappingNode {
			fields := map[string]*yaml.Node{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				fields[n.Content[i].Value] = n.Content[i+1]
			}
			if a := fields["Action"]; a != nil && strings.HasPrefix(a.Value, "s3:") {
				if a.Value != "s3:GetObject" {
					t.Errorf("the state machine may %s", a.Value)
				}
				patterns = append(patterns, strings.TrimPrefix(fields["Resource"].Value, "${Lake.Arn}/"))
			}
		}
		for _, c := range n.Content {
			find(c)
		}
	}
	find(&role)
	if len(patterns) == 0 {
		t.Fatal("the state machine may read nothing, and its ItemReader has to")
	}
	may := func(key string) bool {
		for _, p := range patterns {
			if prefix, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(key, prefix) || p == key {
				return true
			}
		}
		return false
	}
	if key := lake.RawKey("parts", "b1", path.Join("ranges", "parts.json")); !may(key) {
		t.Errorf("the list of ranges %s may not be read: %v", key, patterns)
	}
	for _, key := range []string{"landing/parts/a.csv", lake.DataKey("parts", "b1", 0), lake.QuarantineKey("parts", "b1", "rejects.jsonl"), "curated/parts/_manifest.json", "flags.json"} {
		if may(key) {
			t.Errorf("the state machine may read %s: %v", key, patterns)
		}
	}
}
