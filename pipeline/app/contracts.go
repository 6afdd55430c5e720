package app

import (
	"context"
	"os"
	"strings"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Contracts loads the configured contracts. A broken contract is an error of
// its own feed only. From a registry they are those that are in force now; a
// batch is judged by the version that Ingest chooses for it.
func (a *App) Contracts() (*contract.Set, error) { return a.contracts() }

func (a *App) loadContracts() (*contract.Set, error) {
	base, err := a.folderContracts()
	if err != nil || !a.fromRegistry() {
		return base, err
	}
	// The set is loaded once and lives as long as the App.
	ctx := context.Background()
	r, err := a.Registry(ctx)
	if err != nil {
		return nil, err
	}
	return r.Set(ctx, base)
}

func (a *App) fromRegistry() bool { return strings.HasPrefix(a.Config.Contracts, "registry:") }

// folderContracts are the contracts of the folder, else the embedded ones. With
// a registry they judge the feeds that it does not know.
func (a *App) folderContracts() (*contract.Set, error) {
	from := a.Config.Contracts
	if a.fromRegistry() {
		from = a.Config.existing("dir:", "contracts", "embed:")
	}
	if dir, ok := a.folder(from); ok {
		return contract.Load(os.DirFS(dir), ".")
	}
	return contract.Load(library.FS, "feeds")
}

// Registry is the registry of contracts in the configured store.
func (a *App) Registry(ctx context.Context) (*contract.Registry, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	return &contract.Registry{Store: s, Now: a.now}, nil
}

// Validate builds the use case that judges rows before they are sent.
func (a *App) Validate(ctx context.Context) (*flow.Validate, error) {
	l, s, c, err := a.backends(ctx)
	if err != nil {
		return nil, err
	}
	return &flow.Validate{
		Contracts: c, Registry: &contract.Registry{Store: s, Now: a.now},
		References: &flow.Published{Lake: l, Contracts: c}, Now: a.now,
	}, nil
}
