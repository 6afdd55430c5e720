package postgres

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// ClaimResponse stores a claim, or returns what stands in its place.
func (p *ports) ClaimResponse(ctx context.Context, r flow.Response, now time.Time) (out flow.Response, err error) {
	if err := goodResponse(r, false); err != nil {
		return out, err
	}
	header, err := encode(r.Header)
	if err != nil {
		return out, err
	}
	err = p.writing(ctx, func(s session) error {
		var until, at *time.Time
		var had string
		out = flow.Response{Subject: r.Subject, Key: r.Key}
		found, err := one(ctx, s, []any{&out.Print, &out.Owner, &until, &out.Status, &had, &out.Body, &at},
			`SELECT print, owner, until, status, header::text, body, at FROM responses WHERE subject = $1 AND key = $2`, r.Subject, r.Key)
		if err != nil {
			return err
		}
		out.Until, out.At = moment(until), moment(at)
		if found && (out.Status != 0 || out.Until.After(now)) {
			return decode("a response", []byte(had), &out.Header)
		}
		out = r
		_, err = s.Exec(ctx, `INSERT INTO responses (subject, key, print, owner, until, status, header, body, at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8)
			ON CONFLICT (subject, key) DO UPDATE SET print = excluded.print, owner = excluded.owner, until = excluded.until, status = 0,
				header = excluded.header, body = excluded.body, at = excluded.at`,
			r.Subject, r.Key, r.Print, r.Owner, stamp(r.Until), header, r.Body, stamp(r.At))
		return err
	})
	return out, err
}

// PutResponse replaces a claim by the answer.
func (p *ports) PutResponse(ctx context.Context, r flow.Response) error {
	if err := goodResponse(r, true); err != nil {
		return err
	}
	header, err := encode(r.Header)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		n, err := changed(ctx, s, `UPDATE responses SET status = $1, header = $2, body = $3, until = NULL WHERE subject = $4 AND key = $5 AND owner = $6 AND status = 0`,
			r.Status, header, r.Body, r.Subject, r.Key, r.Owner)
		if err == nil && n == 0 {
			err = pipeline.Errorf(pipeline.CodeConflict, "the claim of idempotency key %q by %s has ended", r.Key, r.Owner)
		}
		return err
	})
}

// DropResponse gives a claim up.
func (p *ports) DropResponse(ctx context.Context, subject, key, owner string) error {
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `DELETE FROM responses WHERE subject = $1 AND key = $2 AND owner = $3 AND status = 0`, subject, key, owner)
		return err
	})
}

// TrimResponses removes what was claimed before a time.
func (p *ports) TrimResponses(ctx context.Context, before time.Time) (int, error) {
	return p.trim(ctx, `DELETE FROM responses WHERE coalesce(at, '-infinity') < $1`, stamp(before))
}

// goodResponse refuses what not every backend can keep.
func goodResponse(r flow.Response, answered bool) error {
	for _, f := range []struct{ what, value string }{{"subject of a response", r.Subject}, {"idempotency key", r.Key}, {"owner of a response", r.Owner}} {
		if err := goodID(f.what, f.value); err != nil {
			return err
		}
	}
	if answered != (r.Status != 0) {
		return pipeline.Errorf(pipeline.CodeInvalid, "store: a claim has no status and an answer has one, this has %d", r.Status)
	}
	if !utf8.ValidString(r.Body) || strings.IndexByte(r.Body, 0) >= 0 {
		return pipeline.Errorf(pipeline.CodeInvalid, "store: the body of a response is not text")
	}
	return nil
}
