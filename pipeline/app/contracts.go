package app

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Contracts loads the configured contracts. A broken contract is an error of
// its own feed only. From a registry they are those that are in force now; a
// batch is judged by the version that Ingest chooses for it. The set stays the same
// one; RefreshContracts changes what is in it.
func (a *App) Contracts() (*contract.Set, error) { return a.contracts() }

func (a *App) loadContracts() (*contract.Set, error) {
	return a.readContracts(context.Background()) // what is loaded lives as long as the App
}

func (a *App) readContracts(ctx context.Context) (*contract.Set, error) {
	base, err := a.folderContracts()
	if err != nil || !a.fromRegistry() {
		return base, err
	}
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

// contractsSeen is when contracts were looked at last, and what was seen.
type contractsSeen struct {
	mu    sync.Mutex
	at    time.Time
	stamp string
}

// RefreshContracts takes in, for every use case of the App, what changed in the
// folder or the registry of contracts, and reports whether something did. It
// looks again after an age; before that it costs nothing. What cannot be read is
// an error and leaves the contracts as they are. Errors: not_found,
// unavailable.
func (a *App) RefreshContracts(ctx context.Context, age time.Duration) (bool, error) {
	if _, folder := a.folder(a.Config.Contracts); !folder && !a.fromRegistry() {
		return false, nil // those of the program itself
	}
	s := &a.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now() // of the machine, as the times of files are
	if !s.at.IsZero() && now.Sub(s.at) < age {
		return false, nil
	}
	s.at = now
	stamp, err := a.contractsStamp(ctx)
	if err != nil || stamp == s.stamp {
		return false, err
	}
	set, err := a.Contracts() //nolint:contextcheck // once for all
	if err != nil {
		return false, err
	}
	fresh, err := a.readContracts(ctx)
	if err != nil {
		return false, err
	}
	set.Replace(fresh)
	first := s.stamp == ""
	s.stamp = stamp
	return !first, nil
}

// contractsStamp tells one state of the contracts from another.
func (a *App) contractsStamp(ctx context.Context) (string, error) {
	from := a.Config.Contracts
	var parts []string
	if a.fromRegistry() {
		r, err := a.Registry(ctx)
		if err != nil {
			return "", err
		}
		vs, err := r.Versions(ctx, "")
		if err != nil {
			return "", err
		}
		// A version goes out of force by the calendar too.
		parts = append(parts, a.now().UTC().Format(time.DateOnly))
		for _, v := range vs {
			parts = append(parts, v.Contract, v.Version, v.Published.String(), v.Deprecated.String())
		}
		from = a.Config.existing("dir:", "contracts", "embed:")
	}
	if dir, ok := a.folder(from); ok {
		stamp, err := contract.Stamp(os.DirFS(dir), ".")
		if err != nil {
			return "", err
		}
		parts = append(parts, stamp)
	}
	return strings.Join(parts, "\n") + "\n", nil
}
