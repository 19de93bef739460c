// Package brokertest is the conformance suite of [broker.Broker]. Whatever
// passes it may stand behind the engine.
package brokertest

import (
	"testing"

	"catalyst/internal/broker"
)

// Test runs the suite as subtests of t.
//
// Each call of open stands for a server or file of its own, which the suite
// does not share between cases; a real server may be shared all the same,
// because every topic and group of the suite has a unique name. The Brokers that
// one opener opens see the same server or file, as two processes would: each
// call is a new member with a name of its own. The suite closes them.
func Test(t *testing.T, open func(tb testing.TB) (opener func() broker.Broker)) {
	cases := []struct {
		name string
		run  func(*harness)
	}{
		{"a message arrives as it was published", arrivesIntact},
		{"a large message arrives", largeArrives},
		{"a group that joins late gets what was there", lateGroup},
		{"the window is filled at once", windowFilled},
		{"topics of a subscriber share its window", windowShared},
		{"messages are settled in any order", anyOrder},
		{"a message's context lives until it is settled", contexts},
		{"a subscription ends with its context", subscriptionEnds},
		{"ten thousand messages", tenThousand},
		{"publishers do not disturb one another", concurrentPublish},

		{"every group gets everything", everyGroup},
		{"members share without overlap", membersShare},
		{"a message in hand is not given to another", heldLong},
		{"what a crashed member held comes back", crash},

		{"a failing message delays no other", nackDelaysNone},
		{"a failing message is not redelivered in a hot loop", nackWaits},
		{"what cannot be delivered is quarantined", quarantined},

		{"drain waits for what is in hand", drainWaits},
		{"drain releases what is left", drainReleases},
		{"giving back by drain is no failed delivery", drainCountsNothing},
		{"drain twice", drainTwice},
		{"close gives up at once", closeGivesUp},

		{"slices are delivered whole", slicesArrive},
		{"a slice is settled message by message", slicesSettleSingly},
		{"what is left of slices goes back", slicesGoBack},
		{"what was settled before close counts", slicesClosed},

		{"lag", lag},
		{"browse and delete", browseDelete},
		{"what is refused", refused},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(&harness{T: t, opener: open(t)})
		})
	}
}
