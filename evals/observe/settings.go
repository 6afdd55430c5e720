package observe

import "github.com/assay-pipeline/assay/pipeline"

// Settings of the observer.
type Settings struct {
	// SampleRate is the share of the items that are looked at, 0 to 1; 0.05, or
	// 0.01 where there are very many. 0 looks at none.
	SampleRate float64 `json:"sample_rate"`
	// BaselineSize is how many answers lock the live baseline; 50.
	BaselineSize int `json:"baseline_size"`
	// DriftThreshold is the effect that has to be exceeded and be significant;
	// 0.15. A cumulative sum, which has many more answers behind it, asks for a
	// third of it.
	DriftThreshold float64 `json:"drift_threshold"`
}

// Default are the settings of a project that has none.
func Default() Settings {
	return Settings{SampleRate: 0.05, BaselineSize: 50, DriftThreshold: 0.15}
}

// Window is how many answers are judged together.
const Window = 100

// Level is the probability that a window without drift shows one in any signal.
const Level = 0.01

// Check reports what is wrong with settings. Error: invalid.
func (s Settings) Check() error {
	switch {
	case !(s.SampleRate >= 0 && s.SampleRate <= 1):
		return pipeline.Errorf(pipeline.CodeInvalid, "observe.sample_rate %g is no share", s.SampleRate).WithHint("write 0.05, or 0.01 for very many items")
	case s.BaselineSize < 20 || s.BaselineSize > 10_000:
		return pipeline.Errorf(pipeline.CodeInvalid, "observe.baseline_size %d is not between 20 and 10,000", s.BaselineSize).WithHint("50 is usual")
	case !(s.DriftThreshold > 0 && s.DriftThreshold < 1):
		return pipeline.Errorf(pipeline.CodeInvalid, "observe.drift_threshold %g is not between 0 and 1", s.DriftThreshold).WithHint("0.15 is usual")
	}
	return nil
}
