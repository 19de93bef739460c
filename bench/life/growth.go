package main

import (
	"context"
	"fmt"
	"strings"
)

// growth compares what an item costs among few and among many, in the stream and in the
// dedupe window. Items that went before are in the window and are counted nowhere, so
// the start of the process is not in the cost of the first ones.
func (l *life) growth(ctx context.Context) error {
	for broker := range strings.SplitSeq(l.brokers, ",") {
		reports, err := l.bench(ctx, "--broker", broker, "--warm", "2000", "--items", l.sizes)
		if err != nil {
			return err
		}
		var costs []string
		least, most := reports[0].CPUMicros, reports[0].CPUMicros
		for _, r := range reports {
			least, most = min(least, r.CPUMicros), max(most, r.CPUMicros)
			costs = append(costs, fmt.Sprintf("%.0f µs of %d", r.CPUMicros, r.Items))
		}
		l.judge(most <= 1.15*least, "CPU of an item on "+broker, "the same: ≤ 1.15×", "%s: %.2f×", strings.Join(costs, ", "), most/least)
	}
	return nil
}
