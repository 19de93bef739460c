package main

import (
	"context"
	"fmt"
	"strings"
)

// sameCost is what passes for the same cost among a thousand times as many: a tree is some
// levels deeper, and a busy machine is never the same twice.
const (
	sameCost = 1.25
	asSame   = "the same: ≤ 1.25×"
)

// growth compares what an item costs among few and among many, in the stream and in the
// dedupe window. Items that went before are in the window and are counted nowhere, so
// the start of the process is not in the cost of the first ones; and neither is the wait of
// the last batch.
func (l *life) growth(ctx context.Context) error {
	for broker := range strings.SplitSeq(l.brokers, ",") {
		reports, err := l.bench(ctx, "--broker", broker, "--warm", "2000", "--items", l.sizes)
		if err != nil {
			return err
		}
		var costs []string
		for _, r := range reports {
			costs = append(costs, fmt.Sprintf("%.0f µs of %d", r.CPUMicros, r.Items))
		}
		ratio := reports[len(reports)-1].CPUMicros / reports[0].CPUMicros
		l.judge(ratio <= sameCost, "CPU of an item on "+broker, asSame, "%s: %.2f×", strings.Join(costs, ", "), ratio)
	}
	return nil
}
