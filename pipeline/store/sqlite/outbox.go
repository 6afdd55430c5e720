package sqlite

import (
	"context"
	"database/sql"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// PutOutgoing appends to the outbox; an id that was appended before is dropped.
func (p *ports) PutOutgoing(ctx context.Context, out ...flow.Outgoing) error {
	if len(out) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		for _, o := range out {
			o = o.Traced(ctx)
			var kind, id string
			var doc any
			switch {
			case o.Event != nil && o.Message == nil:
				kind, id, doc = "event", o.Event.ID, o.Event
			case o.Message != nil && o.Event == nil:
				kind, id, doc = "message", o.Message.ID, o.Message
			default:
				return pipeline.Errorf(pipeline.CodeInvalid, "outbox: an entry needs either an event or a message")
			}
			if err := goodID(kind+" id", id); err != nil {
				return err
			}
			body, err := encode(doc)
			if err != nil {
				return err
			}
			if _, err := s.exec(ctx, `INSERT INTO outgoing (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO NOTHING`, kind, id, body); err != nil {
				return err
			}
		}
		return nil
	})
}

// Outgoing returns up to n unsent entries in the order appended.
func (p *ports) Outgoing(ctx context.Context, n int) (out []flow.Outgoing, err error) {
	if n <= 0 {
		return nil, nil
	}
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var o flow.Outgoing
			var kind, body string
			if err := r.Scan(&o.Seq, &kind, &body); err != nil {
				return err
			}
			var doc any
			if kind == "event" {
				o.Event = new(pipeline.Event)
				doc = o.Event
			} else {
				o.Message = new(flow.Message)
				doc = o.Message
			}
			err := decode("an outgoing "+kind, body, doc)
			if o.Message != nil && string(o.Message.Body) == "null" {
				o.Message.Body = nil
			}
			out = append(out, o)
			return err
		}, `SELECT seq, kind, body FROM outgoing WHERE sent = 0 ORDER BY seq LIMIT ?`, n)
	})
	return out, err
}

// MarkSent removes entries from what is unsent; their ids are kept.
func (p *ports) MarkSent(ctx context.Context, seqs ...int64) error {
	if len(seqs) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		for _, seq := range seqs {
			if _, err := s.exec(ctx, `UPDATE outgoing SET sent = 1, body = NULL WHERE seq = ? AND sent = 0`, seq); err != nil {
				return err
			}
		}
		return nil
	})
}
