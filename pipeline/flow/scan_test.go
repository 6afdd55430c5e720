package flow

import (
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/lake"
)

func TestEventTime(t *testing.T) {
	stored := time.Date(2026, 5, 5, 5, 5, 5, 0, time.UTC)
	for key, want := range map[string]string{
		"landing/orders/orders-2026-03-01.csv":             "2026-03-01T00:00:00Z",
		"landing/orders/orders_20260301.csv.gz":            "2026-03-01T00:00:00Z",
		"landing/orders/20260301T0630.csv":                 "2026-03-01T06:30:00Z",
		"landing/orders/orders-2026-03-01T06-30-15Z.csv":   "2026-03-01T06:30:15Z",
		"landing/orders/dt=2026-03-01/part-0.csv":          "2026-03-01T00:00:00Z",
		"landing/orders/2026-02-28/orders-2026-03-01.csv":  "2026-03-01T00:00:00Z",
		"landing/orders/orders.csv":                        "2026-05-05T05:05:05Z",
		"landing/orders/orders-2026-13-01.csv":             "2026-05-05T05:05:05Z",
		"landing/orders/orders-2026-02-30.csv":             "2026-05-05T05:05:05Z",
		"landing/orders/120260301999.csv":                  "2026-05-05T05:05:05Z",
		"landing/orders/lot-1234567.csv":                   "2026-05-05T05:05:05Z",
		"landing/orders/2026-03-01-1-bre.csv":              "2026-03-01T00:00:00Z",
		"landing/orders/orders-2026-03-01 (copy 2).csv":    "2026-03-01T00:00:00Z",
		"landing/orders/Aufträge 2026-03-01.csv":           "2026-03-01T00:00:00Z",
		"landing/orders/2025-12-31T23-59-59_2026-01-01.gz": "2025-12-31T23:59:59Z",
	} {
		if got := EventTime(lake.Object{Key: key, Modified: stored}).Format(time.RFC3339); got != want {
			t.Errorf("EventTime(%s) = %s, want %s", key, got, want)
		}
	}
}
