// Package metrics holds the process's Prometheus registry. Packages declare
// their metrics as variables through it; the HTTP server serves Handler.
//
// Names are snake_case with a unit suffix, labels have bounded vocabularies:
// never a title, a URL, a ticker list or an error text.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds every metric of the process.
var Registry = newRegistry()

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// Counter declares a counter. A name declared twice panics.
func Counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	declare(name, v)
	return v
}

// Gauge declares a gauge. A name declared twice panics.
func Gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	declare(name, v)
	return v
}

// Histogram declares a histogram with the buckets given, in the metric's unit.
// A name declared twice panics.
func Histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	Registry.MustRegister(v)
	return v
}

// Seconds are buckets for work between a tenth of a millisecond and five
// minutes, which is what a model behind a queue takes.
var Seconds = []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 2, 5, 10, 20, 30, 60, 120, 300}

// Handler serves the registry in Prometheus' text format.
func Handler() http.Handler {
	return promhttp.HandlerFor(Registry, promhttp.HandlerOpts{})
}
