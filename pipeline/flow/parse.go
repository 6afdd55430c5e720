package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// Topics of the queue.
const (
	TopicParse = "parse"
	TopicMatch = "match"
)

// A ParseShard is the body of a parse message: where at most ShardItems items
// stand, never the items themselves. The file is immutable.
type ParseShard struct {
	Feed   string `json:"feed"`
	Batch  string `json:"batch"`
	Seq    int64  `json:"seq"`
	Shard  int    `json:"shard"`
	Shards int    `json:"shards"`
	File   string `json:"file,omitempty"`
	Size   int64  `json:"size,omitempty"`
	First  int64  `json:"first"`
	Count  int64  `json:"count"`
	// Degraded: published by an open breaker with that fallback.
	Degraded bool `json:"degraded,omitempty"`
	// Spared are items of the feed which rejected rows of a snapshot name: they
	// stay in the catalog as they are. Such a shard has no rows.
	Spared []string `json:"spared,omitempty"`
}

// A MatchBatch is the body of a match message: every shard of the batch has
// been parsed.
type MatchBatch struct {
	Feed  string `json:"feed"`
	Batch string `json:"batch"`
	Seq   int64  `json:"seq"`

	actor string // whose answer had items judged again, where there is no batch
}

// shardsOf cuts the files that b added into shards. A batch without a row has
// one empty shard, so that what follows a batch always happens.
func shardsOf(b Batch, m *lake.Manifest, degraded bool) []ParseShard {
	var shards []ParseShard
	for _, f := range m.Files {
		// Files kept from older batches were parsed with those.
		if f.Batch != b.ID {
			continue
		}
		for first := int64(0); first < f.Rows; first += ShardItems {
			shards = append(shards, ParseShard{
				Feed: b.Feed, Batch: b.ID, Shard: len(shards), File: f.Key, Size: f.Size,
				First: first, Count: min(ShardItems, f.Rows-first), Degraded: degraded,
			})
		}
	}
	if len(shards) == 0 {
		shards = []ParseShard{{Feed: b.Feed, Batch: b.ID, Degraded: degraded}}
	}
	return shards
}

// Parse turns shards of published rows into catalog entries.
type Parse struct {
	Lake      *lake.Lake
	Store     Store
	Contracts Contracts
	Parser    *parse.Parser
	Embedder  embed.Embedder
	// Knowledge is the hash of the pack that Parser works with; a shard is
	// parsed once per hash.
	Knowledge string
	// Pack, where set, gives the order of attributes that people added.
	Pack *knowledge.Pack
	// Fallback, where set, reads while a breaker of the answers is not closed;
	// Observer samples what was read.
	Fallback *Fallback
	Observer *Observer
	// Trials, where set, let a share of the items see something new.
	Trials *Trials
	Now    func() time.Time
	Log    *slog.Logger
}

// Message handles one parse message. Handling it again changes nothing.
func (p *Parse) Message(ctx context.Context, m Message) error {
	var s ParseShard
	if err := json.Unmarshal(m.Body, &s); err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "parse message %s does not read: %w", m.ID, err)
	}
	return p.Shard(ctx, s)
}

// Shard parses one shard and stores its entries.
func (p *Parse) Shard(ctx context.Context, s ParseShard) error {
	var c cohort
	var err error
	if c.trial, c.parser, err = p.Trials.acting(ctx); err != nil {
		return err
	}
	entries, fell, broken, err := p.entries(ctx, s, &c)
	if err != nil {
		return err
	}
	at := stamp(p.Now)
	var answers []observe.Answer
	watch, reader := c.observer(p.Observer, p.Parser)
	if watch != nil {
		if answers, err = watch.read(ctx, reader, entries, c.others(entries, fell), at); err != nil {
			return err
		}
	}
	compared, err := p.Trials.read(ctx, c.trial, p.Parser, c.parser, entries, fell, at)
	if err != nil {
		return err
	}
	fresh, news := 0, 0
	err = p.Store.Atomic(ctx, func(tx Tx) error {
		fresh, news = 0, 0
		first, err := tx.PutShard(ctx, s.Batch, s.Shard, p.Knowledge, at)
		if err != nil || !first {
			return err
		}
		entries, err := p.enriched(ctx, tx, entries)
		if err != nil {
			return err
		}
		changes, err := changedItems(ctx, tx, entries, p.Knowledge, at)
		if err != nil {
			return err
		}
		if err := spare(ctx, tx, s); err != nil {
			return err
		}
		if err := tx.PutEntries(ctx, entries); err != nil {
			return err
		}
		lost, err := p.lost(ctx, tx, s, entries, broken, at)
		if err != nil {
			return err
		}
		changes = append(changes, lost...)
		if err := tx.AddReviews(ctx, degradedReviews(entries, at)); err != nil {
			return err
		}
		out, err := p.outgoing(ctx, tx, s, entries, at)
		if err != nil {
			return err
		}
		if fresh, err = tx.PutObserved(ctx, answers); err != nil {
			return err
		}
		if news, err = tx.PutObserved(ctx, compared); err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, append(changes, out...)...)
	})
	if err != nil {
		return err
	}
	if err := p.Trials.watch(ctx, c.trial, compared, news); err != nil {
		return err
	}
	if watch == nil {
		return nil
	}
	violated := slices.ContainsFunc(answers, func(a observe.Answer) bool { return len(a.Violations) > 0 })
	return watch.Watch(ctx, fresh, violated)
}

// lost is what leaves because something did not arrive: broken are the items of
// which a record lacks something, and what the catalog keeps is read back.
func (p *Parse) lost(ctx context.Context, tx Tx, s ParseShard, entries []catalog.Entry, broken []string, at time.Time) ([]Outgoing, error) {
	rate := 0.0
	if p.Observer != nil {
		rate = p.Observer.Settings.SampleRate
	}
	missing, err := kept(ctx, tx, entries, rate)
	if err != nil {
		return nil, err
	}
	broken = slices.Concat(broken, missing)
	if len(broken) == 0 || p.Fallback == nil {
		return nil, nil
	}
	p.Log.Error("what a stage handed over did not arrive", "feed", s.Feed, "batch", s.Batch, "shard", s.Shard, "items", len(broken))
	return p.Fallback.Wire.handoverTrip(ctx, tx, s, broken, len(entries), at)
}

// spare lets the items that the shard names count as seen in its batch. What
// the batch itself, or a later one, said of them stands.
func spare(ctx context.Context, tx Tx, s ParseShard) error {
	if len(s.Spared) == 0 {
		return nil
	}
	held, err := tx.Entries(ctx, catalog.Query{IDs: s.Spared, Live: true})
	if err != nil {
		return err
	}
	held = slices.DeleteFunc(held, func(e catalog.Entry) bool { return e.Seq >= s.Seq })
	for i := range held {
		held[i].Seq = s.Seq
	}
	return tx.PutEntries(ctx, held)
}

// degradedReviews asks people about the records of a batch that was published
// although its feed's breaker was open.
func degradedReviews(entries []catalog.Entry, at time.Time) []review.Entry {
	var out []review.Entry
	for _, e := range entries {
		if !e.Item.Degraded {
			continue
		}
		out = append(out, review.Entry{
			ID: pipeline.ContentID("review", string(review.Record), e.Item.ID, e.Batch), Kind: review.Record, Subject: e.Item.ID,
			Feed: e.Item.Meta.Feed, Category: e.Record.Category, Priority: 0.5, Created: at,
			Reason: "from a batch that was published while the breaker was open",
		})
	}
	return out
}

// enriched puts what people answered about the items back into their records,
// where the text is still the one that they were asked about.
func (p *Parse) enriched(ctx context.Context, tx Tx, entries []catalog.Entry) ([]catalog.Entry, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.Item.ID
	}
	answers, err := tx.Enrichments(ctx, ids)
	if err != nil || len(answers) == 0 {
		return entries, err
	}
	entries = slices.Clone(entries)
	for i := range entries {
		catalog.Enrich(p.Pack, &entries[i], answers)
	}
	return entries, nil
}

// entries of the shard; fell has those that a stand-in read, broken the items whose
// records lack something that their rows have.
func (p *Parse) entries(ctx context.Context, s ParseShard, c *cohort) (entries []catalog.Entry, fell []bool, broken []string, err error) {
	if s.Count == 0 {
		return nil, nil, nil, nil
	}
	f, err := p.Contracts.Feed(s.Feed)
	if err != nil {
		return nil, nil, nil, err
	}
	if f.Catalog == nil {
		return nil, nil, nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: feed %s is no longer bound to a catalog", f.File, s.Feed).
			WithHint("restore assay.catalog, or drop the message")
	}
	items, rows, err := p.items(ctx, s, f)
	if err != nil {
		return nil, nil, nil, err
	}
	asked := slices.Clone(items)
	for i := range asked {
		asked[i].Batch = s.Batch // who pays; no part of what the item is
	}
	records, fell, err := p.records(ctx, c, asked)
	if err != nil {
		return nil, nil, nil, err
	}
	broken = arrived(rows, records)
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = it.Source
	}
	vectors, err := p.Embedder.Embed(ctx, texts)
	if err != nil {
		return nil, nil, nil, err
	}
	at := stamp(p.Now)
	entries = make([]catalog.Entry, len(items))
	for i := range items {
		entries[i] = catalog.Entry{
			Item: items[i], Record: records[i], Batch: s.Batch, Seq: s.Seq,
			Space: p.Embedder.Space(), Vector: vectors[i], Updated: at,
		}
	}
	return entries, fell, broken, nil
}

// items reads the shard's rows through the feed's catalog binding, and
// what the rows themselves say.
func (p *Parse) items(ctx context.Context, s ParseShard, f *contract.Feed) ([]pipeline.Item, []handed, error) {
	r, _, err := p.Lake.ReaderAt(ctx, s.File)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	b := newBinder(f)
	items, rows, hand := make([]pipeline.Item, 0, s.Count), make([]handed, 0, s.Count), handedBy(f, b)
	err = codec.ReadRows(ctx, r, s.Size, s.First, s.Count, b.columns, func(_ int64, values []string) error {
		it := b.item(values)
		it.Degraded = s.Degraded
		items, rows = append(items, it), append(rows, hand(values))
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if int64(len(items)) != s.Count {
		return nil, nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s: rows %d to %d were asked for, %d came", s.File, s.First, s.First+s.Count, len(items)).
			WithHint("assay lake verify checks every file against its manifest")
	}
	return items, rows, nil
}

// outgoing is the event about the shard and, with the last one, the message
// that has the batch matched.
func (p *Parse) outgoing(ctx context.Context, tx Tx, s ParseShard, entries []catalog.Entry, at time.Time) ([]Outgoing, error) {
	var out []Outgoing
	if len(entries) > 0 {
		event, err := pipeline.NewEvent(pipeline.ItemsParsed, source(s.Feed), fmt.Sprintf("%s/%d", s.Batch, s.Shard), s.Feed, at, parsedData(s, entries, p.Knowledge))
		if err != nil {
			return nil, err
		}
		out = append(out, Outgoing{Event: &event})
	}
	done, err := tx.ShardsDone(ctx, s.Batch, p.Knowledge)
	if err != nil {
		return nil, err
	}
	if done < s.Shards {
		return out, nil
	}
	m, err := newMessage(TopicMatch, p.Knowledge, MatchBatch{Feed: s.Feed, Batch: s.Batch, Seq: s.Seq})
	if err != nil {
		return nil, err
	}
	return append(out, Outgoing{Message: &m}), nil
}

// newMessage makes a message whose id derives from topic, salt and body.
func newMessage(topic, salt string, body any) (Message, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Message{}, pipeline.Errorf(pipeline.CodeInternal, "message for %s: %w", topic, err)
	}
	return Message{ID: pipeline.ContentID("message", topic, salt, string(b)), Topic: topic, Body: b}, nil
}

// A binder reads items out of rows by a feed's catalog binding.
type binder struct {
	feed     string
	category string // of items that state none
	trust    pipeline.Trust
	columns  []string
	set      []func(*pipeline.Item, string)
}

func newBinder(f *contract.Feed) *binder {
	c := f.Catalog
	b := &binder{feed: f.Name, category: c.DefaultCategory, trust: c.Trusts()}
	add := func(column string, set func(*pipeline.Item, string)) {
		if column == "" {
			return
		}
		b.columns = append(b.columns, column)
		b.set = append(b.set, set)
	}
	for _, id := range c.IDs {
		add(id, func(it *pipeline.Item, v string) { it.ID += "/" + v })
	}
	add(c.Text, func(it *pipeline.Item, v string) { it.Source = v })
	add(c.Category, func(it *pipeline.Item, v string) { it.Meta.Category = v })
	add(c.Manufacturer, func(it *pipeline.Item, v string) { it.Meta.Manufacturer = v })
	add(c.PartNumber, func(it *pipeline.Item, v string) { it.Meta.PartNumber = v })
	add(c.UnitOfMeas, func(it *pipeline.Item, v string) { it.Meta.UnitOfMeas = v })
	add(c.PackQuantity, func(it *pipeline.Item, v string) { it.Meta.PackQuantity = v })
	add(c.Procurement, func(it *pipeline.Item, v string) { it.Meta.Procurement = v })
	add(c.Group, func(it *pipeline.Item, v string) { it.Meta.Group = v })
	add(c.Plant, func(it *pipeline.Item, v string) { it.Meta.Plant = v })
	add(c.Language, func(it *pipeline.Item, v string) { it.Meta.Language = v })
	// Two nouns may come from one column; the reader is asked for it once.
	for i := 0; i < len(b.columns); i++ {
		for j := i + 1; j < len(b.columns); {
			if b.columns[j] != b.columns[i] {
				j++
				continue
			}
			first, second := b.set[i], b.set[j]
			b.set[i] = func(it *pipeline.Item, v string) { first(it, v); second(it, v) }
			b.columns, b.set = slices.Delete(b.columns, j, j+1), slices.Delete(b.set, j, j+1)
		}
	}
	return b
}

func (b *binder) item(values []string) pipeline.Item {
	it := pipeline.Item{ID: b.feed, Meta: pipeline.Meta{Feed: b.feed, Category: b.category, Trust: b.trust}}
	for i, v := range values {
		if !codec.IsNull(v) {
			b.set[i](&it, v)
		}
	}
	return it
}
