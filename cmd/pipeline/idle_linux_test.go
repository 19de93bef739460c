package main

import (
	"io"
	"testing"
)

// What is given back comes again when it is touched: the program goes on.
func TestReleaseProgram(t *testing.T) {
	before := filePages()
	released := releaseProgram()
	after := filePages()
	if released < 10<<20 || after >= before {
		t.Errorf("%d bytes of addresses released, %d bytes of files resident before and %d after", released, before, after)
	}
	if code := run([]string{"version"}, stdio{nil, io.Discard, io.Discard}); code != 0 {
		t.Errorf("exit code %d afterwards", code)
	}
}
