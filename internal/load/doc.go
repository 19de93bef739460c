// Package load measures a pipeline: it publishes items at a rate or as fast as they are
// taken, notes when each was shown and when it was done with, and what that cost.
//
// # What is measured
//
// Delays count from when an item was due, not from when the source got round to
// publishing it, so a pipeline that falls behind is not flattered. CPU and allocations
// are the whole process's, publishing included, until 99 in a hundred items have their fate.
// At full speed a delay is mostly the length of the queue; delays that mean something
// need a rate the pipeline keeps up with.
package load
