package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

func (c *cli) contractInferCommand() *cobra.Command {
	var delimiter, encoding string
	var rows int
	cmd := &cobra.Command{
		Use:   "infer FILE",
		Short: "Propose a contract for a CSV, JSONL or Parquet file",
		Long: `Read a file and print a contract that it and the next file of its source should
pass: types, keys, enums, patterns and bounds with margins, each only where the
rows are evidence enough, with a figure that says how sure it is. It is a draft:
read it, add owner and meaning, and set its status to active.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d := codec.Dialect{Encoding: encoding}
			if len(delimiter) == 1 {
				d.Delimiter = delimiter[0]
			} else if delimiter == `\t` {
				d.Delimiter = '\t'
			} else if delimiter != "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "--delimiter %q is not one character", delimiter)
			}
			in, err := c.inferFile(cmd.Context(), args[0], d, rows)
			if err != nil {
				return err
			}
			if d.Delimiter != 0 {
				in.Dialect("delimiter", string(rune(d.Delimiter)))
			}
			if encoding != "" {
				in.Dialect("encoding", encoding)
			}
			b, err := in.Contract()
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(b)
			return err
		},
	}
	cmd.Flags().StringVar(&delimiter, "delimiter", "", `between the cells of a CSV file (default ","; \t for a tab)`)
	cmd.Flags().StringVar(&encoding, "encoding", "", "of the file (default utf-8)")
	cmd.Flags().IntVar(&rows, "rows", 1_000_000, "read at most so many rows")
	return cmd
}

func (c *cli) inferFile(ctx context.Context, file string, d codec.Dialect, rows int) (*contract.Inferrer, error) {
	input, done, err := c.fileInput(file)
	if err != nil {
		return nil, err
	}
	defer done()
	name := filepath.Base(file)
	feed := name
	for _, ext := range []string{".gz", ".zst", ".bz2", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet"} {
		feed = strings.TrimSuffix(feed, ext)
	}
	p := c.startProgress(file, input.Size)
	defer p.Done()
	if strings.HasSuffix(name, ".parquet") {
		src := codec.NewRanges(ctx, file, input.Size, input.Open, p.Set)
		r, err := codec.NewParquet(file, src, input.Size)
		if err != nil {
			return nil, err
		}
		in := contract.NewInferrer(feed, r.Columns())
		in.Format(contract.Parquet)
		return in, inferChunks(ctx, in, r, rows)
	}
	raw, err := input.Open(ctx, 0, -1)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	text, err := codec.Open(file, raw, d)
	if err != nil {
		return nil, err
	}
	if strings.Contains(name, ".jsonl") || strings.Contains(name, ".ndjson") || strings.Contains(name, ".json") {
		return inferJSONL(feed, file, text, rows)
	}
	r, err := codec.NewCSV(file, text, d, nil)
	if err != nil {
		return nil, err
	}
	if names := r.Columns(); d.Delimiter == 0 && len(names) == 1 {
		for _, other := range []string{";", `\t`, "|"} {
			if strings.Contains(names[0], strings.ReplaceAll(other, `\t`, "\t")) {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the header has no comma: the whole of it would be one column", file).
					WithHint("say what stands between the cells: --delimiter '%s' (or ',' where it is one column)", other)
			}
		}
	}
	in := contract.NewInferrer(feed, r.Columns())
	return in, inferChunks(ctx, in, r, rows)
}

func inferChunks(ctx context.Context, in *contract.Inferrer, r codec.Reader, rows int) error {
	names := r.Columns()
	values, null := make([]string, len(names)), make([]bool, len(names))
	var ch codec.Chunk
	for rows > 0 {
		if err := r.Next(ctx, &ch); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for row := 0; row < ch.Rows && rows > 0; row++ {
			rows--
			for i := range names {
				values[i], null[i] = cellText(in, &ch, names[i], i, row)
			}
			in.Add(values, null)
		}
	}
	return nil
}

// cellText is a cell as a contract's values are written. A type that the file
// declares is told to in.
func cellText(in *contract.Inferrer, ch *codec.Chunk, name string, col, row int) (string, bool) {
	c := &ch.Cols[col]
	kind := codec.Text
	if c.Kinds != nil {
		kind = c.Kinds[row]
	}
	moment := func(t contract.Type, at time.Time, layout string) (string, bool) {
		in.Type(name, t)
		return at.UTC().Format(layout), false
	}
	switch kind {
	case codec.Null, codec.Absent:
		return "", true
	case codec.True, codec.False:
		in.Type(name, contract.Boolean)
		return strconv.FormatBool(kind == codec.True), false
	case codec.Int:
		in.Type(name, contract.Integer)
		return strconv.FormatInt(c.Ints[row], 10), false
	case codec.Float:
		in.Type(name, contract.Decimal)
		return strconv.FormatFloat(c.Floats[row], 'f', -1, 64), false
	case codec.Days:
		return moment(contract.Date, time.Unix(c.Ints[row]*86400, 0), time.DateOnly)
	case codec.Micros:
		return moment(contract.Timestamp, time.UnixMicro(c.Ints[row]), "2006-01-02T15:04:05.999999Z07:00")
	case codec.Clock:
		return moment(contract.Time, time.UnixMicro(c.Ints[row]), time.TimeOnly)
	}
	text := string(ch.Text(c.Cells[row]))
	return text, text == "" && c.Kinds == nil
}

// inferJSONL reads objects, one per line. The columns are the keys of the first
// thousand.
func inferJSONL(feed, file string, r io.Reader, rows int) (*contract.Inferrer, error) {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 16<<20)
	var first []map[string]json.RawMessage
	var names []string
	var in *contract.Inferrer
	add := func(o map[string]json.RawMessage) {
		values, null := make([]string, len(names)), make([]bool, len(names))
		for i, n := range names {
			values[i], null[i] = jsonText(in, n, o[n])
		}
		in.Add(values, null)
	}
	begin := func() {
		in = contract.NewInferrer(feed, names)
		in.Format(contract.JSONL)
		for _, o := range first {
			add(o)
		}
		first = nil
	}
	unread := 0 // the first line that is no object
	for line := 1; rows > 0 && scan.Scan(); line++ {
		text := bytes.TrimSpace(scan.Bytes())
		if len(text) == 0 {
			continue
		}
		rows--
		var o map[string]json.RawMessage
		if err := json.Unmarshal(text, &o); err != nil {
			if line == 1 && text[0] == '[' {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: a JSON array", file).WithHint("write one object per line (jq -c '.[]')")
			}
			unread = cmp.Or(unread, line)
			continue // the gate rejects such a line
		}
		if in != nil {
			add(o)
			continue
		}
		var fresh []string
		for k := range o {
			if !slices.Contains(names, k) {
				fresh = append(fresh, k)
			}
		}
		slices.Sort(fresh)
		names = append(names, fresh...)
		if first = append(first, o); len(first) == 1000 {
			begin()
		}
	}
	if err := scan.Err(); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", file, err)
	}
	switch {
	case in == nil && len(first) == 0 && unread > 0:
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: no line is a JSON object", file, unread).WithHint("write one object per line (jq -c .)")
	case in == nil && len(first) == 0:
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the file is empty", file).WithHint("use a file with data; some hundred rows make a useful contract")
	case in == nil:
		begin()
	}
	return in, nil
}

func jsonText(in *contract.Inferrer, name string, v json.RawMessage) (string, bool) {
	switch {
	case len(v) == 0 || string(v) == "null":
		return "", true
	case v[0] == '"':
		var s string
		_ = json.Unmarshal(v, &s) // it was valid as a part of its object
		return s, false
	case v[0] == '{':
		in.Type(name, contract.Object)
	case v[0] == '[':
		in.Type(name, contract.Array)
	}
	return string(v), false
}
