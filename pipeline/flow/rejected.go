package flow

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A RejectedRecord is a record of a batch that the gate did not accept.
type RejectedRecord struct {
	Row, Line int64
	// Raw is the record as it landed, at most maxRecord bytes of it; empty where
	// it is not kept any more or may not be shown.
	Raw string
	// Reasons are why it was not accepted.
	Reasons []RejectReason
}

// A RejectReason is one of them; Value is as the gate shows it: masked where the
// field is classified.
type RejectReason struct {
	Code, Column, Value, Rule, Expected, Document string
}

// A RejectPage is some of the rejected records of a batch, in the order of rows.
type RejectPage struct {
	Records []RejectedRecord
	// Next is where the next page begins, empty where none does.
	Next string
	// Hidden: the feed has classified fields, so records are not shown as they
	// landed: a value may stand in any place of a record that is broken.
	Hidden bool
	// Gone: the rejects have outlived their time.
	Gone bool
}

// maxRecord bounds what is shown of a record, in bytes.
const maxRecord = 4000

// Rejects reads n rejected records of a batch from where a page before ended; ""
// is the beginning. It reads those alone, however many there are. Errors: invalid
// (no place of a page), corrupt, unavailable.
func (o *Overview) Rejects(ctx context.Context, b Batch, from string, n int) (*RejectPage, error) {
	out := &RejectPage{}
	var at, rawAt int64
	if from != "" {
		if _, err := fmt.Sscanf(from, "%d.%d", &at, &rawAt); err != nil || at < 0 || rawAt < 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "this is no place among the rejects").WithHint("begin with the first page")
		}
	}
	f, err := o.Contracts.Feed(b.Feed)
	if err != nil {
		// Nobody knows any more which fields are classified.
		out.Hidden = true
	} else {
		for _, x := range f.Fields {
			out.Hidden = out.Hidden || x.Classified
		}
	}
	end, err := o.reasons(ctx, b, at, n, out)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		out.Gone = true
		return out, nil
	}
	if err != nil || len(out.Records) == 0 {
		return out, err
	}
	var rawEnd int64
	if !out.Hidden {
		if rawEnd, err = o.records(ctx, b, rawAt, out.Records); err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
			return nil, err
		}
	}
	if end >= 0 {
		out.Next = fmt.Sprintf("%d.%d", end, rawEnd)
	}
	return out, nil
}

// reasons reads the reasons of n records from an offset of rejects.csv, and
// returns where those of the next record begin, -1 where none follow.
func (o *Overview) reasons(ctx context.Context, b Batch, at int64, n int, out *RejectPage) (int64, error) {
	key := lake.QuarantineKey(b.Feed, b.ID, "rejects.csv")
	in, object, err := o.Lake.Open(ctx, key, at, -1)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if at > 0 && at >= object.Size {
		return -1, nil
	}
	r := csv.NewReader(bufio.NewReaderSize(in, 64<<10))
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	wrong := func(err error) error {
		if at > 0 {
			return pipeline.Errorf(pipeline.CodeInvalid, "this is no place among the rejects").WithHint("begin with the first page")
		}
		return pipeline.Errorf(pipeline.CodeCorrupt, "%s does not read: %v", key, err)
	}
	if at == 0 {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			return -1, nil
		} else if err != nil {
			return 0, wrong(err)
		}
	}
	for {
		here := at + r.InputOffset()
		x, err := r.Read()
		if errors.Is(err, io.EOF) {
			return -1, nil
		}
		if err != nil || len(x) < 10 {
			return 0, wrong(err)
		}
		row, err := strconv.ParseInt(x[0], 10, 64)
		if err != nil {
			return 0, wrong(err)
		}
		line, _ := strconv.ParseInt(x[1], 10, 64) // empty where the format has no lines
		if last := len(out.Records) - 1; last < 0 || out.Records[last].Row != row {
			if len(out.Records) == n {
				return here, nil
			}
			out.Records = append(out.Records, RejectedRecord{Row: row, Line: line})
		}
		reason := RejectReason{Code: x[5], Column: x[6], Value: x[7], Rule: x[8], Expected: x[9]}
		if len(x) > 10 {
			reason.Document = x[10]
		}
		last := &out.Records[len(out.Records)-1]
		last.Reasons = append(last.Reasons, reason)
	}
}

// records fills in the records as they landed, from an offset of raw.jsonl, and
// returns where the next one begins. A record that has no line there stays empty.
func (o *Overview) records(ctx context.Context, b Batch, at int64, records []RejectedRecord) (int64, error) {
	in, object, err := o.Lake.Open(ctx, lake.RawKey(b.Feed, b.ID, "raw.jsonl"), at, -1)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if at > object.Size {
		return at, nil
	}
	r := bufio.NewReaderSize(in, 64<<10)
	for i := 0; i < len(records); {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
		var x struct {
			Row    int64  `json:"row"`
			Raw    string `json:"raw"`
			Base64 []byte `json:"raw_base64"`
		}
		if json.Unmarshal(line, &x) != nil {
			return at, nil // a place that was made up, or a line that was removed
		}
		for i < len(records) && records[i].Row < x.Row {
			i++
		}
		if i == len(records) {
			break // it belongs to the next page
		}
		at += int64(len(line))
		if records[i].Row == x.Row {
			if records[i].Raw = x.Raw; x.Base64 != nil {
				records[i].Raw = string(x.Base64)
			}
			records[i].Raw = records[i].Raw[:min(len(records[i].Raw), maxRecord)]
			i++
		}
	}
	return at, nil
}
