package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/localrt"
)

// An invoked is what assay invoke tells, in its JSON form.
type invoked struct {
	SchemaVersion int              `json:"schema_version"`
	Function      string           `json:"function"`
	RequestID     string           `json:"request_id"`
	Response      json.RawMessage  `json:"response,omitempty"`
	Failure       *localrt.Failure `json:"failure,omitempty"`
	DurationMS    float64          `json:"duration_ms"`
	InitMS        float64          `json:"init_ms"`
	MemoryMB      float64          `json:"memory_mb"`
}

func (c *cli) invokeCommand() *cobra.Command {
	var event, binary string
	var timeout time.Duration
	var memory int
	cmd := &cobra.Command{
		Use:   "invoke FUNCTION --event FILE",
		Short: "Run a Lambda function here, on one event",
		Long: `Start the function as Lambda does (its bootstrap, under a Runtime API server on
a loopback port), hand it the event, and print what it answers; how long it took
and what memory it needed go to standard error.

Inside the repository the function is built first, with SQLite unless ASSAY_STORE
is Postgres; elsewhere --binary names a built one. It works in the project folder
(--dir), by the variables of this shell. sam local invoke takes the same events:
functions/*/testdata/event.json.

Exit code: 0 when the function answered, 1 when it failed, ran out of time, or died.`,
		Example: `  assay -C mydata invoke ingest --event functions/ingest/testdata/event.json
  echo '{"bucket": "b", "key": "landing/parts/x.csv"}' | assay -C mydata invoke ingest --event -`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			repo, err := repository()
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			names, err := functions(repo)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := c.readEvent(event)
			if err != nil {
				return err
			}
			cfg, err := app.ReadConfig(c.environ, c.dir)
			if err != nil {
				return err
			}
			if binary == "" {
				tmp, err := os.MkdirTemp("", "assay-invoke-*")
				if err != nil {
					return pipeline.Errorf(pipeline.CodeUnavailable, "%w", err)
				}
				defer os.RemoveAll(tmp)
				p := c.startProgress("building "+args[0], -1)
				binary, err = buildFunction(cmd.Context(), args[0], tmp, cfg)
				p.Done()
				if err != nil {
					return err
				}
			}
			if binary, err = filepath.Abs(binary); err != nil {
				return pipeline.Errorf(pipeline.CodeInvalid, "%w", err)
			}
			env := localrt.NewEnvironment(localrt.Function{
				Name: args[0], Bootstrap: binary, Dir: c.dir, Env: functionEnv(c.environ), Memory: memory, Timeout: timeout, Log: c.stderr,
			})
			res, err := env.Invoke(cmd.Context(), raw)
			if peak := env.Close(); peak > res.Memory {
				res.Memory = peak
			}
			if err != nil {
				return err
			}
			return c.printInvoked(args[0], res)
		},
	}
	f := cmd.Flags()
	f.StringVar(&event, "event", "", "file with the event, JSON; - is standard input")
	f.StringVar(&binary, "binary", "", "a function that is built already (its bootstrap)")
	f.DurationVar(&timeout, "timeout", time.Minute, "how long the function may take, at most 15m")
	f.IntVar(&memory, "memory", 512, "MB that the function is told it has; nothing enforces it")
	_ = cmd.MarkFlagRequired("event") // it is one of its flags
	return cmd
}

// readEvent reads an event and sees that it is JSON.
func (c *cli) readEvent(file string) ([]byte, error) {
	var b []byte
	var err error
	if file == "-" {
		b, err = io.ReadAll(io.LimitReader(c.stdin, localrt.PayloadLimit+1))
	} else {
		b, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "event: %w", err)
	}
	if !json.Valid(b) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "event %s is not JSON", file).WithHint("functions/*/testdata/event.json are examples")
	}
	return b, nil
}

func (c *cli) printInvoked(name string, res localrt.Result) error {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	out := invoked{
		SchemaVersion: 1, Function: name, RequestID: res.RequestID, Failure: res.Failure,
		DurationMS: ms(res.Duration), InitMS: ms(res.Init), MemoryMB: float64(res.Memory>>10) / 1024,
	}
	if res.Failure == nil {
		out.Response = res.Response
		if !json.Valid(res.Response) { // a function may answer anything
			quoted, err := json.Marshal(string(res.Response))
			if err != nil {
				return err
			}
			out.Response = quoted
		}
	}
	if c.json() {
		if err := c.printJSON(out); err != nil {
			return err
		}
	} else {
		if res.Failure != nil {
			fmt.Fprintf(c.stderr, "assay: %s failed: %v\n", name, res.Failure)
		} else {
			var b bytes.Buffer
			if json.Indent(&b, out.Response, "", "  ") != nil {
				b.Write(res.Response)
			}
			fmt.Fprintln(c.stdout, b.String())
		}
		fmt.Fprintf(c.stderr, "duration %.1f ms, init %.1f ms, memory %.0f MB\n", out.DurationMS, out.InitMS, out.MemoryMB)
	}
	if res.Failure != nil {
		return exitError{1}
	}
	return nil
}
