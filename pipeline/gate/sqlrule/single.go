package sqlrule

import (
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// Single refuses what is more than one query: a semicolon, or a parenthesis
// that closes one of ours, outside texts and comments. Error: invalid.
func Single(query string) error {
	depth := 0
	for i := 0; i < len(query); i++ {
		switch c := query[i]; c {
		case '\'', '"', '`':
			end := strings.IndexByte(query[i+1:], c)
			if end < 0 {
				return pipeline.Errorf(pipeline.CodeInvalid, "the query ends within a text that starts with %c", c)
			}
			i += end + 1
		case '[':
			end := strings.IndexByte(query[i+1:], ']')
			if end < 0 {
				return pipeline.Errorf(pipeline.CodeInvalid, "the query ends within a name that starts with [")
			}
			i += end + 1
		case '-':
			if strings.HasPrefix(query[i:], "--") {
				end := strings.IndexByte(query[i:], '\n')
				if end < 0 {
					end = len(query) - i - 1
				}
				i += end
			}
		case '/':
			if strings.HasPrefix(query[i:], "/*") {
				end := strings.Index(query[i+2:], "*/")
				if end < 0 {
					return pipeline.Errorf(pipeline.CodeInvalid, "the query ends within a comment")
				}
				i += end + 3
			}
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return pipeline.Errorf(pipeline.CodeInvalid, "a parenthesis of the query is closed before it is opened")
			}
		case ';':
			return pipeline.Errorf(pipeline.CodeInvalid, "a rule is one query; what follows the semicolon would be another")
		case 0:
			return pipeline.Errorf(pipeline.CodeInvalid, "the query holds a NUL byte")
		}
	}
	if depth > 0 {
		return pipeline.Errorf(pipeline.CodeInvalid, "a parenthesis of the query is not closed")
	}
	return nil
}

// A Problem is a query that does not run.
type Problem struct {
	Rule contract.Check
	Err  error
}

// Check tries the sql rules of a contract on an empty table, without a batch:
// for lint. Errors: unavailable.
func (e *Engine) Check(ctx context.Context, f *contract.Feed) ([]Problem, error) {
	i := slices.IndexFunc(f.Checks, func(k contract.Check) bool { return k.Kind == "sql" })
	if i < 0 {
		return nil, nil
	}
	t, err := e.Table(ctx, gate.SQLTable(f))
	if err != nil {
		if pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			return nil, err
		}
		return []Problem{{f.Checks[i], err}}, nil
	}
	defer t.Close() //nolint:errcheck // a table of this function alone, in memory
	var out []Problem
	for _, k := range f.Checks[i:] {
		if k.Kind != "sql" {
			continue
		}
		_, err := t.Query(ctx, k.Query)
		switch {
		case err == nil || strings.HasSuffix(pipeline.ErrorMessage(err), "gives no row"):
			// Over no rows a query may well give nothing.
		case pipeline.ErrorCode(err) != pipeline.CodeInvalid:
			return nil, err
		default:
			out = append(out, Problem{k, err})
		}
	}
	return out, nil
}
