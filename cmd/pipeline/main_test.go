package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asCommand makes the test binary behave as pipeline: tests that need a process of
// their own, to kill for instance, start os.Args[0] with it set.
const asCommand = "PIPELINE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"pipeline": main})
}
