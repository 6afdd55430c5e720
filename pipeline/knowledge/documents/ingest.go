package documents

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

// An Ingest takes folders into the store.
type Ingest struct {
	Store    Store
	Embedder embed.Embedder
	Now      func() time.Time
}

// A Report says what was taken in.
type Report struct {
	Snapshot
	// Space of the vectors.
	Space   string    `json:"space"`
	Skipped []Skipped `json:"skipped"`
	// Conflicts are the terms that the documents explain differently: what they
	// say of them is kept out of questions to a model until they agree.
	Conflicts []retrieve.Conflict `json:"conflicts"`
}

// Folder takes the documents of a folder in as one snapshot. Doing it again is
// harmless. Errors: those of Read, of the embedder, and of the store.
func (in *Ingest) Folder(ctx context.Context, fsys fs.FS, origin string) (Report, error) {
	s, chunks, skipped, err := Read(fsys, origin)
	if err != nil {
		return Report{}, err
	}
	s.Created = in.Now().UTC()
	texts := make([]string, len(chunks))
	for i := range chunks {
		texts[i] = retrieve.Text(passage(s.ID, &chunks[i]))
	}
	vectors, err := in.Embedder.Embed(ctx, texts)
	if err != nil {
		return Report{}, err
	}
	if err := in.Store.PutDocuments(ctx, s, chunks); err != nil {
		return Report{}, err
	}
	if err := in.Store.PutDocumentVectors(ctx, s.ID, in.Embedder.Space(), vectors); err != nil {
		return Report{}, err
	}
	if skipped == nil {
		skipped = []Skipped{}
	}
	found := make([]retrieve.Extra, len(chunks))
	for i := range chunks {
		found[i].Passage = passage(s.ID, &chunks[i])
	}
	conflicts := retrieve.Conflicts(found)
	if conflicts == nil {
		conflicts = []retrieve.Conflict{}
	}
	return Report{Snapshot: s, Space: in.Embedder.Space(), Skipped: skipped, Conflicts: conflicts}, nil
}

// Passages are the chunks of the newest snapshot, for retrieve.New; chunks
// without a vector in the embedder's space get one there. No snapshot, no
// passages.
func Passages(ctx context.Context, st Store, e embed.Embedder) ([]retrieve.Extra, error) {
	all, err := st.DocumentSnapshots(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	s := all[len(all)-1]
	chunks, err := st.DocumentChunks(ctx, s.ID, e.Space())
	if err != nil {
		return nil, err
	}
	out := make([]retrieve.Extra, len(chunks))
	for i := range chunks {
		out[i] = retrieve.Extra{Passage: passage(s.ID, &chunks[i]), Vector: chunks[i].Vector}
	}
	return out, nil
}

func passage(snapshot string, c *Chunk) retrieve.Passage {
	return retrieve.Passage{
		ID: fmt.Sprintf("doc/%s/%s#%d", pipeline.ShortID(snapshot), c.Source, c.Seq), Kind: retrieve.Document, Stages: retrieve.Stages,
		Title: c.Title, Text: c.Text, Source: c.Source, Version: c.Version,
	}
}
