// Package catalyst carries the files that the binary ships with.
package catalyst

import _ "embed"

// Pipeline is the default pipeline.yaml.
//
//go:embed pipeline.yaml
var Pipeline []byte

// Sample is two days of made-up news, as JSON lines, for `pipeline demo` and tests.
//
//go:embed examples/sample.jsonl
var Sample []byte
