package chaos

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/text/encoding/unicode"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// delivery: batches that are late, short, cut, or in another encoding.
func (c *catalogue) delivery() {
	overdue := []Detector{{Rule: Overdue}}
	clause := frequencyClause(max(int(c.cadence/time.Hour), 1))
	c.add(Fault{Name: "staleness", Levels: [3]string{"no batch for 1.5 times the cadence", "3 times", "8 times"}, Detectors: overdue, Clause: clause,
		Delay: func(level int, cadence time.Duration) time.Duration {
			return time.Duration([3]float64{0.5, 2, 7}[level] * float64(cadence))
		}})
	c.add(Fault{Name: "cadence-change", Levels: [3]string{"every second time", "every third time", "every seventh time"}, Detectors: overdue, Clause: clause,
		Delay: func(level int, cadence time.Duration) time.Duration {
			return [3]time.Duration{1, 2, 6}[level] * cadence
		}})
	c.stale()

	volume := []Detector{{Rule: "volume"}, {Rule: "rowCount"}}
	keep := func(of [3]float64) func(int, *Table, *rand.Rand) int {
		return func(level int, t *Table, d *rand.Rand) int {
			lost := int(float64(len(t.Rows)) * (1 - of[level]))
			d.Shuffle(len(t.Rows), func(i, j int) { t.Rows[i], t.Rows[j] = t.Rows[j], t.Rows[i] })
			t.Rows = t.Rows[:len(t.Rows)-lost]
			return lost
		}
	}
	c.add(Fault{Name: "volume-drop", Levels: [3]string{"70 % of the rows are left", "40 %", "10 %"}, Detectors: volume, Clause: volumeClause(),
		Rows: keep([3]float64{0.7, 0.4, 0.1})})
	c.add(Fault{Name: "truncation", Levels: [3]string{"the last 10 % of the bytes are missing", "the last 50 %", "the last 90 %"},
		Detectors: volume, Clause: volumeClause(),
		File: func(level int, name string, b []byte, _ *rand.Rand) (string, []byte) {
			n := int(float64(len(b)) * [3]float64{0.9, 0.5, 0.1}[level])
			for n > 1 && n < len(b) && (b[n-1] == '\n' || b[n] == '\n') { // within a record
				n--
			}
			return name, b[:n]
		}})
	c.add(Fault{Name: "partial-upload", Levels: [3]string{"99 % of the compressed file", "80 %", "50 %"}, Detectors: []Detector{{Rule: Readable}},
		File: func(level int, name string, b []byte, _ *rand.Rand) (string, []byte) {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			_, _ = w.Write(b) // to memory
			_ = w.Close()
			return name + ".gz", z.Bytes()[:int(float64(z.Len())*[3]float64{0.99, 0.8, 0.5}[level])]
		}})
	c.encoding()
}

// encoding: another one than the contract says.
func (c *catalogue) encoding() {
	if e := strings.ToLower(c.feed.Dialect.Encoding); e != "" && e != "utf-8" && e != "utf8" {
		c.skip("encoding-change", "the contract says "+e+", in which nearly all bytes are letters")
		return
	}
	detectors := []Detector{{Rule: "record"}, {Rule: Readable}}
	c.add(Fault{Name: "encoding-change", Levels: [3]string{"Latin-1 letters in 1 % of the rows", "in 20 %", "the file in UTF-16"}, Detectors: detectors,
		File: func(level int, name string, b []byte, d *rand.Rand) (string, []byte) {
			if level == strongest {
				wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(b)
				if err != nil {
					return name, b
				}
				return name, wide
			}
			var out []byte
			first := c.feed.Format == contract.CSV
			for line := range bytes.Lines(b) {
				if !first && d.Float64() < [2]float64{0.01, 0.2}[level] {
					if i := bytes.IndexAny(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"); i >= 0 {
						line = bytes.Clone(line)
						line[i] = 0xe4 // ä in Latin-1
					}
				}
				first = false
				out = append(out, line...)
			}
			return name, out
		}})
}
