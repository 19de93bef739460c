package redis

import "catalyst/internal/metrics"

// events counts what is out of the ordinary in the life of a message. taken_over:
// from a member that died or was silent; returned: nacked; lease_lost: taken from
// us while in hand; quarantined; trimmed: removed after every group had acknowledged it.
var events = metrics.Counter("redis_broker_messages_total",
	"Messages of a topic that were taken over, returned, quarantined or trimmed, or whose lease was lost.",
	"topic", "event")
