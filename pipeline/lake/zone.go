package lake

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
)

// The zones. Each is the first element of a key.
const (
	Landing    = "landing"
	Data       = "data"
	Curated    = "curated"
	Quarantine = "quarantine"
	Reports    = "reports"
	Archive    = "archive"
)

// MaxName is the longest name of a feed or batch, in bytes.
const MaxName = 128

// CheckName reports whether name can be the name of a feed or batch: ASCII
// letters, digits, '.', '_' and '-', beginning with a letter or digit, not
// ending in '.', at most MaxName bytes, and neither "raw" (a folder of the
// quarantine) nor a device name of Windows. Error: invalid.
func CheckName(what, name string) error {
	bad := func(why string) error {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s name %q %s", what, name, why).
			WithHint("use letters, digits, '.', '_' and '-', at most %d, beginning with a letter or digit", MaxName)
	}
	switch {
	case name == "":
		return bad("is empty")
	case len(name) > MaxName:
		return bad("is too long")
	case strings.HasSuffix(name, "."):
		return bad("ends in a dot")
	case strings.EqualFold(name, "raw"):
		return bad("is reserved")
	}
	for i := range len(name) {
		c := name[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return bad(fmt.Sprintf("has %q at byte %d", name[i:i+1], i))
		}
	}
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return bad("is a device name of Windows")
	}
	if len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && '0' <= stem[3] && stem[3] <= '9' {
		return bad("is a device name of Windows")
	}
	return nil
}

// checkKey reports whether key is one that a driver may see.
func checkKey(key string) error {
	if !utf8.ValidString(key) {
		return pipeline.Errorf(pipeline.CodeInvalid, "lake key %q is not UTF-8", key).WithHint("rename the file")
	}
	if !fs.ValidPath(key) || key == "." || strings.ContainsRune(key, 0) {
		return pipeline.Errorf(pipeline.CodeInvalid, "lake key %q is not a relative, slash-separated path", key).
			WithHint("keys have no empty element, no \"..\", no leading slash")
	}
	if len(key) > 1024 {
		return pipeline.Errorf(pipeline.CodeInvalid, "lake key %.40q… has %d bytes, the limit is 1024", key, len(key))
	}
	return nil
}

// checkWritable reports whether key is one that callers may write themselves.
// The curated zone is not: only Publish, Finish and SetStatus write there.
func checkWritable(key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	elems := strings.Split(key, "/")
	rest := elems[1:]
	names := []string{"feed", "batch"}
	switch elems[0] {
	case Landing, Archive:
		names = names[:1]
	case Quarantine:
		if len(rest) > 0 && rest[0] == "raw" {
			rest = rest[1:]
		}
	case Data, Reports:
	case Curated:
		return pipeline.Errorf(pipeline.CodeInvalid, "lake key %q lies in the curated zone, which only a publish writes", key)
	default:
		return pipeline.Errorf(pipeline.CodeInvalid, "lake key %q lies in no zone", key).
			WithHint("the first element is landing, data, quarantine, reports or archive")
	}
	if len(rest) <= len(names) {
		return pipeline.Errorf(pipeline.CodeInvalid, "lake key %q is too short: %s/<%s>/<file> is the least", key, elems[0], strings.Join(names, ">/<"))
	}
	for i, what := range names {
		if err := CheckName(what, rest[i]); err != nil {
			return err
		}
	}
	// People name what they drop into the landing zone; the pipeline's own
	// files have to exist on every platform.
	if elems[0] != Landing && elems[0] != Archive && strings.Contains(key, ":") {
		return pipeline.Errorf(pipeline.CodeInvalid, "lake key %q has a colon, which not every file system can hold", key)
	}
	return nil
}

// FeedOf returns the feed of a key in the landing zone. It reports false for
// keys outside it, for files that lie in no feed's folder, and for folders
// whose name cannot be that of a feed.
func FeedOf(key string) (feed string, ok bool) {
	rest, ok := strings.CutPrefix(key, Landing+"/")
	if !ok {
		return "", false
	}
	feed, file, ok := strings.Cut(rest, "/")
	if !ok || file == "" || CheckName("feed", feed) != nil {
		return "", false
	}
	return feed, true
}

// LandingKey is the key of a file in a feed's landing folder.
func LandingKey(feed, name string) string { return path.Join(Landing, feed, name) }

// ArchiveKey is where an object of the landing zone goes when it is archived.
func ArchiveKey(landing string) string {
	return Archive + strings.TrimPrefix(landing, Landing)
}

// DataKey is the key of the part-th data file of a batch, from 0.
func DataKey(feed, batch string, part int) string {
	return fmt.Sprintf("%s/%s/%s/part-%04d.parquet", Data, feed, batch, part)
}

// ObjectPrefix is where the accepted objects of a batch of files lie, beside
// the table that names them.
func ObjectPrefix(feed, batch string) string {
	return fmt.Sprintf("%s/%s/%s/objects/", Data, feed, batch)
}

// batchOfObject is the batch whose object lies at key, "" for other keys.
func batchOfObject(key string) string {
	elems := strings.SplitN(key, "/", 5)
	if len(elems) == 5 && elems[0] == Data && elems[3] == "objects" {
		return elems[2]
	}
	return ""
}

// QuarantineKey is the key of a file of rejected rows.
func QuarantineKey(feed, batch, name string) string { return path.Join(Quarantine, feed, batch, name) }

// RawKey is the key of landed bytes that could not be judged.
func RawKey(feed, batch, name string) string {
	return path.Join(Quarantine, "raw", feed, batch, name)
}

// ReportKey is the key of a batch's report; ext is json or html.
func ReportKey(feed, batch, ext string) string {
	return path.Join(Reports, feed, batch, "report."+ext)
}

func pointerKey(feed string) string  { return path.Join(Curated, feed, "_manifest.json") }
func chainPrefix(feed string) string { return path.Join(Curated, feed, "_manifests") + "/" }
func statusKey(feed string) string   { return path.Join(Curated, feed, "_status.json") }

// SymlinkKey is the key of the symlink manifest of a feed.
func SymlinkKey(feed string) string { return path.Join(Curated, feed, "_symlink", "manifest") }

// chainKey pads the sequence number so that key order is the order of publish
// for the first ten billion of them.
func chainKey(feed string, seq int64, id string) string {
	return fmt.Sprintf("%s%010d-%s.json", chainPrefix(feed), seq, id)
}

// parseChainKey is the inverse of chainKey.
func parseChainKey(key string) (seq int64, id string, ok bool) {
	name, ok := strings.CutSuffix(path.Base(key), ".json")
	if !ok {
		return 0, "", false
	}
	num, id, ok := strings.Cut(name, "-")
	if !ok || id == "" {
		return 0, "", false
	}
	if n, err := fmt.Sscanf(num, "%d", &seq); n != 1 || err != nil || seq < 1 {
		return 0, "", false
	}
	return seq, id, true
}
