package contest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Memory is what of a process is resident, in MB.
type Memory struct {
	Resident float64 // all of it
	Own      float64 // of it what only this process can have: heap, stacks; the rest are pages of files, first of all of the program
	Peak     float64 // the most that was resident so far
}

// Memory of the process at this moment; zero where there is no /proc.
func (p *Process) Memory() (m Memory) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			m.Resident = kb / 1024
		case "RssAnon:":
			m.Own = kb / 1024
		case "VmHWM:":
			m.Peak = kb / 1024
		}
	}
	return m
}

// PeakMB is the most memory that was resident so far; zero where there is no /proc.
func (p *Process) PeakMB() float64 { return p.Memory().Peak }

// Terminate asks the process to end, as an init does, and returns how long that took. Any
// exit code but 0 is an error.
func (p *Process) Terminate(limit time.Duration) (time.Duration, error) {
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("terminate %s: %w", p.Name, err)
	}
	select {
	case <-p.done:
	case <-time.After(limit):
		return limit, fmt.Errorf("%s has not ended %v after SIGTERM\n%s", p.Name, limit, &p.out)
	}
	if p.err != nil {
		return 0, fmt.Errorf("%s after SIGTERM: %w\n%s", p.Name, p.err, &p.out)
	}
	return time.Since(began), nil
}
