package gate

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// maxMeasured bounds the line of one object: its text, escaped.
const maxMeasured = 64<<20 - 1

// openMeasured opens a feed whose rows are measured of documents or objects.
func (r *run) openMeasured(ctx context.Context) (func(), error) {
	f := r.g.feed
	var members, measures []string
	of := f.Kind.Measures(f.Format)
	for _, fd := range r.g.fields {
		if _, ok := of[fd.spec.Column]; ok {
			measures = append(measures, fd.spec.Column)
		} else {
			members = append(members, fd.spec.Column)
		}
	}
	if f.Format == contract.Files {
		objects, err := Objects(ctx, r.in)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(objects, func(o codec.Object) bool { return !strings.HasSuffix(o.Name, codec.MetaSuffix) }) {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: there are no objects in it", r.in.Name).WithHint("a batch of objects is a ZIP archive or a folder of files")
		}
		m := codec.NewMeasurer(ctx, codec.Measurer{Text: f.Kind == contract.KindText, Content: slices.Contains(measures, "text"), Prefix: r.opt.ObjectPrefix}, objects)
		d := r.g.dialect
		d.MaxRecordBytes = maxMeasured
		j, err := codec.NewJSON(r.in.Name, m, d, slices.Concat(members, measures), false)
		if err != nil {
			return nil, err
		}
		r.rdr = &measuredObjects{JSON: j, kind: f.Kind}
		return nil, nil
	}
	body, err := r.in.Open(ctx, 0, -1)
	if err != nil {
		return nil, openError(r.in.Name, err)
	}
	closer := func() { _ = body.Close() }
	var src io.Reader = body
	if p := r.progress(); p != nil {
		src = &meter{r: body, told: p}
	}
	text, err := codec.Open(r.in.Name, src, r.g.dialect)
	if err != nil {
		return closer, err
	}
	if !slices.Contains(members, f.Text) {
		members = append(members, f.Text)
	}
	j, err := codec.NewJSON(r.in.Name, text, r.g.dialect, members, false)
	if err != nil {
		return closer, err
	}
	r.rdr = &measuredTexts{Documents: codec.NewDocuments(j, f.Text, measures), text: f.Text}
	return closer, nil
}

// Objects lists the objects of an input: those that it names, or the files of
// the ZIP archive that it is. Errors: invalid, and those of the input.
func Objects(ctx context.Context, in Input) ([]codec.Object, error) {
	if in.Objects != nil {
		objects, err := in.Objects(ctx)
		return codec.SortObjects(objects), err
	}
	if in.Size < 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: a ZIP archive cannot be read from a stream", in.Name).WithHint("give a file or a folder")
	}
	return codec.ZipObjects(in.Name, codec.NewRanges(ctx, in.Name, in.Size, in.Open, nil), in.Size)
}

// measuredObjects hides the members that every object is measured for whether
// the contract declares them or not.
type measuredObjects struct {
	*codec.JSON
	kind contract.Kind
}

// Extra are the undeclared metadata.
func (m *measuredObjects) Extra() []string {
	of := m.kind.Measures(contract.Files)
	return slices.DeleteFunc(m.JSON.Extra(), func(n string) bool { _, ok := of[n]; return ok })
}

// measuredTexts hides the text where the contract does not declare it.
type measuredTexts struct {
	*codec.Documents
	text string
}

// Extra are the undeclared members.
func (m *measuredTexts) Extra() []string {
	return slices.DeleteFunc(m.Documents.Extra(), func(n string) bool { return n == m.text })
}

// documentOf is the name of the document of a row, for samples of a feed whose
// rows are measured; "" where it has none, or it is classified.
func (r *run) documentOf(s *sheet, row int) string {
	if !r.g.feed.Kind.Measured() {
		return ""
	}
	for _, f := range r.g.fields {
		if f.spec.Column == "document" && !f.spec.Classified {
			return clip(s.vecs[f.index].display(row))
		}
	}
	return ""
}

// rejectHead is the first line of rejects.csv.
func (k *sink) rejectHead() string {
	const head = "row,line,start,end,hash,code,column,value,rule,expected"
	if k.r.g.feed.Kind.Measured() {
		return head + ",document\n"
	}
	return head + "\n"
}

// rejectSpec are the columns of rejects.parquet.
func (k *sink) rejectSpec() []codec.ColumnSpec {
	if k.r.g.feed.Kind.Measured() {
		return append(slices.Clone(rejectColumns), documentColumn)
	}
	return rejectColumns
}
