package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A program is a run of the binary in a folder of its own, with nothing in its
// environment but what a test gives it.
type program struct {
	*testing.T
	cmd    *exec.Cmd
	output string // file of what it prints and logs
	ended  chan struct{}
}

func startProgram(t *testing.T, dir string, env map[string]string, args ...string) *program {
	t.Helper()
	output, err := os.CreateTemp(dir, "output-*")
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	p := &program{T: t, cmd: exec.Command(binary(t), args...), output: output.Name(), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, output, output
	p.cmd.Env = []string{"SystemRoot=" + os.Getenv("SystemRoot"), "GORACE=" + os.Getenv("GORACE")} // Windows opens no socket without the first
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// text is all it has printed and logged so far.
func (p *program) text() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		p.Fatal(err)
	}
	return string(text)
}

// awaits returns when the program has said so.
func (p *program) awaits(what string) {
	p.Helper()
	deadline := time.After(30 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); !strings.Contains(p.text(), what); <-tick {
		select {
		case <-deadline:
			p.Fatalf("it does not say %q:\n%s", what, p.text())
		case <-p.ended:
			if !strings.Contains(p.text(), what) {
				p.Fatalf("it ends without saying %q:\n%s", what, p.text())
			}
		default:
		}
	}
}

// get asks the program's HTTP server, whose address the log tells.
func (p *program) get(path string) (status int, body string) {
	p.Helper()
	p.awaits("http_listening")
	var address string
	for line := range strings.Lines(p.text()) {
		var event struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &event) == nil && event.Msg == "http_listening" {
			address = event.Address
		}
	}
	response, err := http.Get("http://" + address + path)
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// exit waits for the end and returns the code; interrupted asks for the end first.
func (p *program) exit() int {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		p.Fatalf("it does not end:\n%s", p.text())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *program) interrupted() int {
	p.Helper()
	if runtime.GOOS == "windows" {
		p.cmd.Process.Kill() // there is no interrupt for another process
		p.exit()
		return 0
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.Fatal(err)
	}
	return p.exit()
}

// write makes a file in dir and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
