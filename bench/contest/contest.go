// Package contest runs programs that do the same work in turns, each as a process of its
// own, and says what each took: what differs between the machines, and between one minute
// and the next on one machine, is the same for all of them.
package contest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// A Process is a contestant at work.
type Process struct {
	Name string
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{}
	err  error
}

// Start starts a contestant. env is added to the environment.
func Start(ctx context.Context, name string, env []string, command string, args ...string) (*Process, error) {
	return StartIn(ctx, "", name, env, command, args...)
}

// StartIn is [Start] in a folder.
func StartIn(ctx context.Context, folder, name string, env []string, command string, args ...string) (*Process, error) {
	p := &Process{Name: name, cmd: exec.CommandContext(ctx, command, args...), done: make(chan struct{})}
	p.cmd.Dir = folder
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	return p, nil
}

// Stop interrupts the process and waits for its end.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not stop in 20s", p.Name)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && !exit.Exited() {
		return nil // of the interrupt
	}
	return p.err
}

// Until waits until done says so. It is an error if the process ends before, or if it
// takes longer than limit.
func (p *Process) Until(limit time.Duration, done func() (bool, error)) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(2 * time.Millisecond) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %v\n%s", p.Name, p.err, &p.out)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s was not done after %v\n%s", p.Name, limit, &p.out)
		}
	}
}

// ticks a second, in which /proc counts: it is 100 on every Linux that Go runs on.
const ticks = 100

// CPU is the time that the process has used so far, in user and system; zero where there
// is no /proc.
func (p *Process) CPU() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may have blanks in it
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / ticks
}

// Build builds a program of the repository into folder, as a release is built. module is
// the folder of its go.mod.
func Build(ctx context.Context, folder, module, pkg, name string) (string, error) {
	path := filepath.Join(folder, name)
	build := exec.CommandContext(ctx, "go", "build", "-C", module, "-trimpath", "-ldflags=-s -w", "-o", path, pkg)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// Results are the measured figures, in the order in which they were first added.
type Results struct {
	contestants, figures []string
	values               map[[2]string][]float64
}

// Add adds a measurement of a figure.
func (r *Results) Add(contestant, figure string, value float64) {
	if r.values == nil {
		r.values = map[[2]string][]float64{}
	}
	if !slices.Contains(r.contestants, contestant) {
		r.contestants = append(r.contestants, contestant)
	}
	if !slices.Contains(r.figures, figure) {
		r.figures = append(r.figures, figure)
	}
	key := [2]string{contestant, figure}
	r.values[key] = append(r.values[key], value)
}

// Median of a figure; zero if it was not measured.
func (r *Results) Median(contestant, figure string) float64 {
	v := slices.Sorted(slices.Values(r.values[[2]string{contestant, figure}]))
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2]
}

// Print writes the medians, then each contestant's as multiples of the reference's.
func (r *Results) Print(out io.Writer, reference string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := func(first string) { fmt.Fprintf(w, "%s\t%s\t\n", first, strings.Join(r.figures, "\t")) }
	rows := func(cell func(contestant, figure string) string) {
		for _, c := range r.contestants {
			fmt.Fprintf(w, "%s\t", c)
			for _, f := range r.figures {
				fmt.Fprintf(w, "%s\t", cell(c, f))
			}
			fmt.Fprintln(w)
		}
	}
	head("medians")
	rows(func(c, f string) string {
		n := r.Median(c, f)
		if len(r.values[[2]string{c, f}]) == 0 {
			return "-"
		}
		if n >= 1000 {
			return strconv.FormatFloat(n, 'f', 0, 64)
		}
		return strconv.FormatFloat(n, 'g', 3, 64)
	})
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n")
	head("of " + reference)
	rows(func(c, f string) string {
		n, base := r.Median(c, f), r.Median(reference, f)
		if n == 0 || base == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f×", n/base)
	})
	return w.Flush()
}

// Quantile of delays in milliseconds; zero if there are none. It sorts them.
func Quantile(delays []time.Duration, q float64) float64 {
	if len(delays) == 0 {
		return 0
	}
	slices.SortFunc(delays, cmp.Compare)
	return float64(delays[int(q*float64(len(delays)-1))].Microseconds()) / 1000
}
