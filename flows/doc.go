// Package flows is the engine: it cuts a pipeline.yaml into segments, carries
// messages through their stages with go-streams, and from segment to segment with
// Watermill.
//
// # Life of a message
//
// A source publishes an item to the first topic; from then on it is durable. The
// segment's subscriber delivers it, in slices, to the segment, which decodes it and puts
// it into its flow. There it meets stage after stage, in batches, until it
// has its fate: delivered to the next topic or to every sink, dropped for a
// reason, failed, or parked. Only when that is known is the message acknowledged. One that
// failed or is parked goes to a Watermill handler: failed messages come again, with backoff, and are
// published to the poison topic when they keep failing; parked ones wait
// until their dependency answers, and while they wait the segment takes in nothing new.
//
// # Guarantees
//
// Delivery is at least once; effects are once.
//
//   - A published message is processed until it is delivered, dropped or poisoned,
//     whatever process dies in between, as long as the broker keeps its promise.
//   - A message keeps its ID through redelivery and from topic to topic. Stages can
//     therefore tell a redelivery from a duplicate, and sinks record effects under the
//     item's key.
//   - A message may be processed more than once: after a crash, and when a retry
//     follows a failure of a later stage. Everything that stages and sinks do must
//     bear that, and the conformance suites check it.
//   - There is no order between messages of a topic.
//   - If a process dies between publishing to the next topic and acknowledging the
//     message it came from, the next segment gets that message twice, under the same
//     ID. Batches may then form differently; the ledger keeps effects single.
//
// Less formally: you may pull the plug at any time.
package flows
