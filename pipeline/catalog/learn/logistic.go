package learn

import "math"

// Logistic is a ridge logistic regression on standardised features.
type Logistic struct {
	Mean  []float64 `json:"mean"`
	Scale []float64 `json:"scale"`
	Coef  []float64 `json:"coef"`
	Bias  float64   `json:"bias"`
}

// fitLogistic minimises the log loss with a ridge of lambda by Newton's
// method (iteratively reweighted least squares).
func fitLogistic(x [][]float64, y []bool, lambda float64) *Logistic {
	n := len(x)
	if n == 0 {
		return &Logistic{}
	}
	m := len(x[0])
	l := &Logistic{Mean: make([]float64, m), Scale: make([]float64, m), Coef: make([]float64, m)}
	for c := range m {
		for i := range n {
			l.Mean[c] += x[i][c]
		}
		l.Mean[c] /= float64(n)
		for i := range n {
			d := x[i][c] - l.Mean[c]
			l.Scale[c] += d * d
		}
		l.Scale[c] = math.Sqrt(l.Scale[c] / float64(n))
		if l.Scale[c] < 1e-12 {
			l.Scale[c] = 1
		}
	}
	z := make([][]float64, n)
	for i := range n {
		z[i] = make([]float64, m+1)
		for c := range m {
			z[i][c] = (x[i][c] - l.Mean[c]) / l.Scale[c]
		}
		z[i][m] = 1
	}
	w := make([]float64, m+1)
	for range 25 {
		grad := make([]float64, m+1)
		hess := make([][]float64, m+1)
		for c := range hess {
			hess[c] = make([]float64, m+1)
		}
		for i := range n {
			s := 0.0
			for c, v := range z[i] {
				s += w[c] * v
			}
			p := 1 / (1 + math.Exp(-s))
			d := p
			if y[i] {
				d = p - 1
			}
			q := math.Max(p*(1-p), 1e-6)
			for c, v := range z[i] {
				grad[c] += d * v
				qv := q * v
				for e := 0; e <= c; e++ {
					hess[c][e] += qv * z[i][e]
				}
			}
		}
		for c := range m {
			grad[c] += lambda * w[c]
			hess[c][c] += lambda
		}
		hess[m][m] += 1e-6
		step := cholesky(hess, grad)
		most := 0.0
		for c := range w {
			w[c] -= step[c]
			most = math.Max(most, math.Abs(step[c]))
		}
		if most < 1e-6 {
			break
		}
	}
	copy(l.Coef, w[:m])
	l.Bias = w[m]
	return l
}

// cholesky solves h x = b for the lower triangle of a positive definite h.
func cholesky(h [][]float64, b []float64) []float64 {
	n := len(b)
	for i := range n {
		for j := 0; j <= i; j++ {
			s := h[i][j]
			for k := range j {
				s -= h[i][k] * h[j][k]
			}
			if i == j {
				h[i][i] = math.Sqrt(math.Max(s, 1e-12))
			} else {
				h[i][j] = s / h[j][j]
			}
		}
	}
	x := make([]float64, n)
	for i := range n {
		s := b[i]
		for k := range i {
			s -= h[i][k] * x[k]
		}
		x[i] = s / h[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		s := x[i]
		for k := i + 1; k < n; k++ {
			s -= h[k][i] * x[k]
		}
		x[i] = s / h[i][i]
	}
	return x
}

// logit is the log odds of x.
func (l *Logistic) logit(x []float64) float64 {
	s := l.Bias
	for c := range l.Coef {
		s += l.Coef[c] * (x[c] - l.Mean[c]) / l.Scale[c]
	}
	return s
}
