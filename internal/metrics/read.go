package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// declared are the counters and gauges, each in a registry of its own.
var declared sync.Map

func declare(name string, c prometheus.Collector) {
	Registry.MustRegister(c)
	alone := prometheus.NewRegistry()
	alone.MustRegister(c)
	declared.Store(name, alone)
}

// A Sample is what a counter or gauge stands at for one combination of labels.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Read returns what a counter or gauge stands at, one sample for each combination of
// labels that was used; none for a name that nobody declared.
func Read(name string) (samples []Sample) {
	alone, ok := declared.Load(name)
	if !ok {
		return nil
	}
	families, err := alone.(*prometheus.Registry).Gather()
	if err != nil {
		return nil // a vector of plain metrics has no errors to give
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			s := Sample{Labels: map[string]string{}, Value: m.GetCounter().GetValue() + m.GetGauge().GetValue()}
			for _, l := range m.GetLabel() {
				s.Labels[l.GetName()] = l.GetValue()
			}
			samples = append(samples, s)
		}
	}
	return samples
}
