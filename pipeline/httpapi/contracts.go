package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// ListContracts lists contracts and their versions.
func (s *Server) ListContracts(ctx context.Context, r ListContractsRequestObject) (ListContractsResponseObject, error) {
	after, err := readCursor(r.Params.Cursor, "contracts", nil, 1)
	if err != nil {
		return nil, err
	}
	all, err := s.contracts(ctx)
	if err != nil {
		return nil, err
	}
	page, last := pageOf(all, contractKey, after, limitOf(r.Params.Limit))
	out := ListContracts200JSONResponse{Data: page}
	if last != "" {
		out.Next = writeCursor("contracts", nil, last)
	}
	return out, nil
}

func contractKey(c ContractSummary) string {
	return c.ID + "\x00" + string(c.Source) + "\x00" + c.Version
}

// contracts are those of the folder, of the registry, and drafts.
func (s *Server) contracts(ctx context.Context) ([]ContractSummary, error) {
	all := []ContractSummary{}
	for _, d := range s.opt.Contracts.Documents() {
		all = append(all, ContractSummary{ID: d.ID(), Name: d.Name(), Version: d.Version(), Status: d.Status(), Owner: d.Owner(), Feeds: d.Feeds(), Source: Folder})
	}
	vs, err := s.opt.Registry.Versions(ctx, "")
	if err != nil {
		return nil, err
	}
	drafts, err := s.opt.Registry.Drafts(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, v := range vs {
		all = append(all, summaryOf(v, Registry))
	}
	for _, v := range drafts {
		all = append(all, summaryOf(v, Draft))
	}
	for i := range all {
		if all[i].Feeds == nil {
			all[i].Feeds = []string{}
		}
	}
	slices.SortFunc(all, func(a, b ContractSummary) int { return cmp.Compare(contractKey(a), contractKey(b)) })
	return all, nil
}

func summaryOf(v contract.Version, from ContractSummarySource) ContractSummary {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	return ContractSummary{ID: v.Contract, Version: v.Version, Owner: "", Feeds: v.Feeds, Source: from, Published: at(v.Published), Deprecated: at(v.Deprecated)}
}

// GetContract is a contract as it was written: the published one, else that of
// the folder, else a draft.
func (s *Server) GetContract(ctx context.Context, r GetContractRequestObject) (GetContractResponseObject, error) {
	src, err := s.contract(ctx, r.Contract, r.Params.Version)
	if err != nil {
		return nil, err
	}
	return GetContract200ApplicationYamlResponse{Body: bytes.NewReader(src), ContentLength: int64(len(src))}, nil
}

func (s *Server) contract(ctx context.Context, id, version string) ([]byte, error) {
	v, err := s.opt.Registry.Version(ctx, id, version)
	if err == nil {
		return v.Source, nil
	}
	if pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return nil, err
	}
	for _, d := range s.opt.Contracts.Documents() {
		if d.ID() == id && (version == "" || d.Version() == version) {
			return d.Bytes(), nil
		}
	}
	drafts, err := s.opt.Registry.Drafts(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, d := range drafts {
		if version == "" || d.Version == version {
			return d.Source, nil
		}
	}
	name := id
	if version != "" {
		name += " " + version
	}
	return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no contract %q", cut(name)).WithHint("GET /v1/contracts lists them")
}

// ValidateRows judges rows by a contract before they are sent.
func (s *Server) ValidateRows(ctx context.Context, r ValidateRowsRequestObject) (ValidateRowsResponseObject, error) {
	rows := make([][]byte, len(r.Body.Rows))
	for i, row := range r.Body.Rows {
		rows[i] = row
	}
	v, err := s.opt.Validate.Rows(ctx, r.Contract, r.Body.Version, r.Body.Feed, rows)
	return ValidateRows200JSONResponse(v), err
}
