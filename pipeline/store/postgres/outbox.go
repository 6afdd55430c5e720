package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// PutOutgoing appends to the outbox; an id that was appended before is dropped.
func (p *ports) PutOutgoing(ctx context.Context, out ...flow.Outgoing) error {
	if len(out) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		b := &pgx.Batch{}
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
			b.Queue(`INSERT INTO outgoing (kind, id, body) VALUES ($1, $2, $3) ON CONFLICT (kind, id) DO NOTHING`, kind, id, body)
		}
		return s.SendBatch(ctx, b).Close()
	})
}

// Outgoing returns up to n unsent entries in the order appended.
func (p *ports) Outgoing(ctx context.Context, n int) (out []flow.Outgoing, err error) {
	if n <= 0 {
		return nil, nil
	}
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
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
			err := decode("an outgoing "+kind, []byte(body), doc)
			if o.Message != nil && string(o.Message.Body) == "null" {
				o.Message.Body = nil
			}
			out = append(out, o)
			return err
		}, `SELECT seq, kind, body FROM outgoing WHERE NOT sent ORDER BY seq LIMIT $1`, n)
	})
	return out, err
}

// MarkSent removes entries from what is unsent; their ids are kept.
func (p *ports) MarkSent(ctx context.Context, seqs ...int64) error {
	if len(seqs) == 0 {
		return nil
	}
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `UPDATE outgoing SET sent = true, body = NULL WHERE seq = ANY($1) AND NOT sent`, seqs)
		return err
	})
}
