package app

import (
	"context"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/bearer"
)

// Search builds the use case that answers queries over the catalog. Keep it: it
// holds the catalog in memory.
func (a *App) Search(ctx context.Context) (*flow.Search, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	p, err := a.Parser(ctx)
	if err != nil {
		return nil, err
	}
	e, err := a.Embedder()
	if err != nil {
		return nil, err
	}
	return &flow.Search{Store: s, Pack: pack, Parser: p, Embedder: e, Now: a.now}, nil
}

// TokenVerifier builds what checks the tokens of requests, nil where no issuer is
// configured. Like API it is no method. Error: invalid.
func TokenVerifier(a *App) (httpapi.Authenticator, error) {
	if a.Config.APIIssuer == "" {
		return nil, nil
	}
	keys := a.Config.APIKeys
	if keys != "" && !strings.Contains(keys, "://") {
		keys = a.Config.abs(keys)
	}
	v, err := bearer.New(bearer.Options{Issuer: a.Config.APIIssuer, Audiences: a.Config.APIAudience, Keys: keys, Now: a.now})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// API builds the server of the HTTP API; auth says who sends a request. It is no
// method, so that the functions that serve nothing do not carry it.
func API(ctx context.Context, a *App, auth httpapi.Authenticator) (*httpapi.Server, error) {
	opt, err := APIOptions(ctx, a, auth)
	if err != nil {
		return nil, err
	}
	return httpapi.New(opt)
}

// APIOptions are the use cases of the server of the HTTP API.
func APIOptions(ctx context.Context, a *App, auth httpapi.Authenticator) (httpapi.Options, error) {
	check, err := a.CheckItem(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	search, err := a.Search(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	people, err := a.People(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	in, err := a.Ingest(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	o, err := a.Overview(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	v, err := a.Validate(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	set, err := a.Contracts()
	if err != nil {
		return httpapi.Options{}, err
	}
	r, err := a.Registry(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	return httpapi.Options{
		Check: check, Search: search, People: people, Ingest: in, Overview: o, Validate: v,
		Contracts: set, Registry: r, Responses: in.Store,
		Authenticator: auth, Version: a.version, Now: time.Now, Log: a.log,
	}, nil
}
