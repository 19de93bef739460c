//go:build race

package brokertest

// raceDetector says that everything takes ten times as long.
const raceDetector = true
