package eval

import (
	"math"
	"testing"
)

func TestShare(t *testing.T) {
	for _, c := range []struct {
		share            Share
		value, low, high float64 // by an independent calculation
	}{
		{Share{0, 0}, 0, 0, 1},
		{Share{0, 10}, 0, 0, 0.2775},
		{Share{10, 10}, 1, 0.7225, 1},
		{Share{1, 2}, 0.5, 0.0945, 0.9055},
		{Share{146, 150}, 0.9733, 0.9335, 0.9896},
	} {
		low, high := c.share.Bounds()
		for _, v := range []struct {
			name      string
			got, want float64
		}{{"value", c.share.Value(), c.value}, {"low", low, c.low}, {"high", high, c.high}} {
			if math.Abs(v.got-v.want) > 0.0001 {
				t.Errorf("%+v: %s is %.4f, want %.4f", c.share, v.name, v.got, v.want)
			}
		}
	}
	var s Share
	s.Add(true)
	s.Add(false)
	if got, want := s.String(), "0.500 (1 of 2, 0.095–0.905)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
