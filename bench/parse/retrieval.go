package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

// retrievalFigure is the least recall@5 of the three stages, on the project's
// own questions.
func retrievalFigure(p *knowledge.Pack, verbose bool) (float64, error) {
	ctx := context.Background()
	x, err := retrieve.New(ctx, p, embed.NewHashing(nil), nil)
	if err != nil {
		return 0, err
	}
	f, err := os.Open(filepath.Join("..", "pipeline", "knowledge", "retrieve", "testdata", "questions.txt"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	qs, err := retrieve.ReadQuestions(f)
	if err != nil {
		return 0, err
	}
	recall, missed, err := x.Recall(ctx, qs, 5)
	if err != nil {
		return 0, err
	}
	least := 1.0
	for _, s := range retrieve.Stages {
		fmt.Printf("retrieval    %-10s recall@5 %.4f\n", s, recall[s])
		least = min(least, recall[s])
	}
	for _, q := range missed {
		if verbose {
			fmt.Printf("retrieval missed %s %q, answered by %v\n", q.Stage, q.Text, q.Any)
		}
	}
	return least, nil
}
