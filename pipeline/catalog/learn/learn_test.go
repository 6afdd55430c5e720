package learn

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
)

// shops makes two catalogs of one assortment in two styles, and labels: the
// matches, and for each product its nearest relatives as mismatches.
func shops(t testing.TB, products int) (*Space, []Label) {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 4))
	makers := []string{"acme", "borealis", "cygnus", "dorado"}
	kinds := []string{"cordless drill", "angle grinder", "jig saw", "heat gun", "belt sander"}
	var a, b strings.Builder
	a.WriteString("id,title,manufacturer,price\n")
	b.WriteString("id,title,manufacturer,price\n")
	var labels []Label
	for i := range products {
		mk, kind := makers[r.IntN(4)], kinds[r.IntN(5)]
		volts, code := 12+6*r.IntN(4), fmt.Sprintf("%c%c%d", 'a'+rune(r.IntN(26)), 'a'+rune(r.IntN(26)), 100+r.IntN(900))
		price := 40 + r.IntN(200)
		fmt.Fprintf(&a, "a%d,%s %s %s %dv with case,%s,%d\n", i, mk, kind, code, volts, mk, price)
		title := fmt.Sprintf("%s %d v %s %s", kind, volts, mk, strings.ToUpper(code))
		if r.IntN(3) == 0 {
			title = fmt.Sprintf("%s %s %d volt professional", mk, kind, volts) // no code
		}
		fmt.Fprintf(&b, "b%d,%s,,%d\n", i, title, price+r.IntN(5))
		labels = append(labels, Label{fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i), true})
	}
	ta, err := ReadTable("a.csv", strings.NewReader(a.String()))
	if err != nil {
		t.Fatal(err)
	}
	tb, err := ReadTable("b.csv", strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	s := NewSpace(ta, tb)
	for i := range products {
		n := 0
		for _, j := range s.candidates(0, int32(i), 8) {
			if int(j) != i && n < 4 {
				labels = append(labels, Label{fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", j), false})
				n++
			}
		}
	}
	return s, labels
}

func TestLearnsAndRepeats(t *testing.T) {
	s, labels := shops(t, 80)
	ctx := context.Background()
	m, err := Train(ctx, s, labels)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Train(ctx, s, labels)
	if err != nil {
		t.Fatal(err)
	}
	var x, y bytes.Buffer
	if err := m.Write(&x); err != nil {
		t.Fatal(err)
	}
	if err := again.Write(&y); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x.Bytes(), y.Bytes()) {
		t.Error("the same labels gave another model")
	}
	if m.Training.Mixed < 0.9 || m.Training.Competition < m.Training.Trees-0.02 {
		t.Errorf("out of fold %+v: want an F1 of 0.9, and no loss by competition", m.Training)
	}
	back, err := ReadModel(&x)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Predict(ctx, s, labels, false)
	if err != nil {
		t.Fatal(err)
	}
	q, err := back.Predict(ctx, s, labels, false)
	if err != nil || !reflect.DeepEqual(p, q) {
		t.Errorf("the stored model predicts otherwise: %v", err)
	}
	if got := Measure(p, labels); got.F1 < 0.95 {
		t.Errorf("on its own training pairs %+v", got)
	}
	for _, x := range p {
		if x.Probability < 0 || x.Probability > 1 {
			t.Fatalf("probability %v", x.Probability)
		}
	}
}

func TestRulesNeedNoLabels(t *testing.T) {
	s, labels := shops(t, 150)
	ps, err := Rules(context.Background(), s, labels, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := Measure(ps, labels); got.F1 < 0.7 {
		t.Errorf("rules alone %+v", got)
	}
	if r, err := CandidateRecall(s, labels, 10); err != nil || r < 0.98 {
		t.Errorf("candidate recall %v, %v", r, err)
	}
}

func TestMistakesInTheInput(t *testing.T) {
	table := func(s string) error { _, err := ReadTable("t.csv", strings.NewReader(s)); return err }
	labels := func(s string) error { _, err := ReadLabels("l.csv", strings.NewReader(s)); return err }
	for _, c := range []struct {
		err  error
		says string
	}{
		{table(""), "empty file"},
		{table("id\n1\n"), "1 column"},
		{table("id,title\n1,a\n1,b\n"), `line 3: id "1" is there twice`},
		{table("id,title\n,a\n"), "line 2: no id"},
		{table("id,title\n1,a,b\n"), "line 2"},
		{labels(""), "no header"},
		{labels("x,y\n"), "no column ltable_id"},
		{labels("ltable_id,rtable_id,label\n1,2,x\n"), `line 2: label "x"`},
		{labels("ltable_id,rtable_id,label\n1,2,1\n1,2,0\n"), "both same and different"},
	} {
		if pipeline.ErrorCode(c.err) != pipeline.CodeInvalid || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("error %v, want one of code invalid that says %q", c.err, c.says)
		}
	}
	s, ls := shops(t, 20)
	if _, err := Train(context.Background(), s, append(ls, Label{"nobody", "b1", true})); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("unknown id: %v", err)
	}
	if _, err := Train(context.Background(), s, ls[:5]); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("five labels: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Train(ctx, s, ls); pipeline.ErrorCode(err) != pipeline.CodeCanceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRepeatedLabelCountsOnce(t *testing.T) {
	ls, err := ReadLabels("l.csv", strings.NewReader("ltable_id,rtable_id,label\n1,2,1\n1,2,1\n"))
	if err != nil || len(ls) != 1 {
		t.Errorf("labels %v, %v", ls, err)
	}
}

func TestLogisticFindsTheLine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var x [][]float64
	var y []bool
	for range 2000 {
		v := []float64{r.NormFloat64(), r.NormFloat64(), 5}
		x = append(x, v)
		y = append(y, 2*v[0]-v[1]+0.5+r.NormFloat64()*0.1 > 0)
	}
	l := fitLogistic(x, y, 0.1)
	wrong := 0
	for i := range x {
		if (l.logit(x[i]) > 0) != y[i] {
			wrong++
		}
	}
	if wrong > 60 {
		t.Errorf("%d of 2000 wrong", wrong)
	}
}

func TestTreesFindAnExclusiveOr(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var x [][]float64
	var y []bool
	for range 1500 {
		v := []float64{r.Float64(), r.Float64(), r.Float64()}
		x = append(x, v)
		y = append(y, (v[0] > 0.5) != (v[1] > 0.5))
	}
	b := pairwiseTrees
	b.Seed, b.Columns = 1, 1
	f := b.fit(x, y)
	if !f.sound(3) {
		t.Fatal("the forest is not sound")
	}
	wrong := 0
	for i := range x {
		if (f.logit(x[i]) > 0) != y[i] {
			wrong++
		}
	}
	if wrong > 75 {
		t.Errorf("%d of 1500 wrong", wrong)
	}
	if one := b.fit(x[:3], []bool{true, true, true}); len(one.Trees) != 0 || one.logit(x[0]) <= 0 {
		t.Errorf("labels of one kind: %+v", one)
	}
	if none := b.fit(nil, nil); len(none.Trees) != 0 {
		t.Errorf("no labels: %+v", none)
	}
}

func TestFeaturesAreFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := func(side string) *Table {
			tb := &Table{Name: side, Columns: []string{"title", "brand", "modelno", "price", "category", "notes"}, IDs: []string{"1"}, at: map[string]int{"1": 0}}
			var vs []string
			for range tb.Columns {
				vs = append(vs, rapid.StringN(0, 30, 60).Draw(t, side))
			}
			tb.Rows = [][]string{vs}
			return tb
		}
		s := NewSpace(row("a"), row("b"))
		f := s.features(0, 0)
		if len(f) != len(featureNames) {
			t.Fatalf("%d features, %d names", len(f), len(featureNames))
		}
		for i, v := range f {
			if v != v || v > 1e9 || v < -1e9 {
				t.Fatalf("%s is %v", featureNames[i], v)
			}
		}
	})
}

func TestJaroWinkler(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"martha", "marhta", 0.9611}, {"dixon", "dicksonx", 0.8133}, {"a", "", 0}, {"abc", "xyz", 0}, {"same", "same", 1}} {
		if got := jaroWinkler(c.a, c.b); got < c.want-0.001 || got > c.want+0.001 {
			t.Errorf("%s, %s: %.4f, want %.4f", c.a, c.b, got, c.want)
		}
	}
}

func FuzzReadModel(f *testing.F) {
	f.Add([]byte(`{"format":1,"features":[],"members":[null]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ReadModel(bytes.NewReader(b))
		if err == nil && len(m.Members) == 0 {
			t.Fatal("a model without members was accepted")
		}
	})
}

func FuzzReadTable(f *testing.F) {
	f.Add("id,title\n1,a\n")
	f.Add("id,title\n\"1,a\n")
	f.Fuzz(func(t *testing.T, s string) {
		if tb, err := ReadTable("f", strings.NewReader(s)); err == nil {
			NewSpace(tb, tb)
		}
		_, _ = ReadLabels("f", strings.NewReader(s))
	})
}
