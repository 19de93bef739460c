package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/rogpeppe/go-internal/testscript"

	"catalyst"
	"catalyst/internal/broker/embedded"
)

var update = flag.Bool("update", false, "rewrite what scripts, goldens and the reference expect")

// Each file in testdata/script is a session at a terminal: its folder holds the
// repository's pipeline.yaml as default.yaml and the sample as sample.jsonl. Beside
// testscript's own commands there are
//
//	exits CODE command…   runs a command that must exit with CODE
//	capture NAME PATTERN  sets $NAME to what the group of PATTERN matches in stdout
//	publish DB TOPIC FILE puts a file as it is into a topic of an embedded broker
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HTTP_LISTEN", "off")
			e.Setenv("GORACE", os.Getenv("GORACE"))
			return errors.Join(
				os.WriteFile(filepath.Join(e.WorkDir, "default.yaml"), catalyst.Pipeline, 0o644),
				os.WriteFile(filepath.Join(e.WorkDir, "sample.jsonl"), catalyst.Sample, 0o644),
			)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "capture": capture, "publish": publish,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v exits with %d, want %d", args[1:], got, want)
	}
}

func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	match := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(match) != 2 {
		ts.Fatalf("stdout has no %s", args[1])
	}
	ts.Setenv(args[0], match[1])
}

func publish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: publish DB TOPIC FILE")
	}
	b, err := embedded.Open(context.Background(), ts.MkAbs(args[0]), embedded.Options{Name: "script"})
	ts.Check(err)
	ts.Check(errors.Join(
		b.Publisher().Publish(args[1], message.NewMessage(watermill.NewUUID(), []byte(ts.ReadFile(args[2])))),
		b.Close(),
	))
}
