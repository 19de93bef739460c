// Package replay runs a pipeline on history: the same stages, in the time of what is
// replayed, on stores of its own.
//
// # Time
//
// A [Clock] stands at the time of an item while that item is worked on, and is turned
// on only when the pipeline has nothing left to do that does not wait for the clock.
// Between two items it stops at every time that something waits for: a batch that has
// waited long enough, a dedupe window that has passed. So the speed of a replay decides
// when an item is published in the time of day, and nothing else: what becomes of
// the items is the same at every speed, and the same each time.
//
// # Models
//
// An answer that is made up or recorded is there at once, and goes on when it would have come: a
// [Desk] holds it back by the clock, with as many workers and calls at the same time as
// the stage has. So models hold up what is behind them as they did.
//
// # Polls
//
// Where a recording has what sources were answered when they polled, the sources themselves
// do those polls again: their requests are answered from the recording by way of package
// fetch, which has no network then. Recorded time decides when they poll; what they
// make of the answers is theirs.
//
// # What is not as it was
//
// Sinks take what they are given at once; limits of theirs count in the time of day.
//
// # What is not the same each time
//
// Measured times, memory and CPU; the answers of a real model; waits that a stage makes in
// the time of day. While the pipeline does not come to rest for [Patience], the clock goes on
// with the time of day. When a limit is used up in the middle of a call about several
// items at a time, which of them gets the last place is not determined.
package replay
