package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// programMemory asks a program of the GPU's maker.
type programMemory struct {
	name  string
	args  []string
	parse func([]byte) (Usage, error)
	run   func(ctx context.Context, name string, args ...string) ([]byte, error)
}

var (
	rocmSMI   = programMemory{name: "rocm-smi", args: []string{"--showmeminfo", "vram", "--json"}, parse: parseROCm}
	nvidiaSMI = programMemory{name: "nvidia-smi", args: []string{"--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"}, parse: parseNVIDIA}
)

func (m programMemory) Read(ctx context.Context, _ State) (Usage, error) {
	out, err := m.run(ctx, m.name, m.args...)
	if err != nil {
		return Usage{}, fmt.Errorf("run %s: %w", m.name, err)
	}
	usage, err := m.parse(out)
	if err != nil {
		return Usage{}, fmt.Errorf("read %s: %w", m.name, err)
	}
	usage.Source = m.name
	return usage, nil
}

const maxOutput = 64 << 10 // bytes; a machine with sixteen cards prints a few thousand

// output runs a program that ends with ctx, and is not waited for much longer even
// where its children hold its output open.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout = &limited{&out, maxOutput}
	command.WaitDelay = time.Second
	err := command.Run()
	return out.Bytes(), err
}

// limited keeps the first bytes and throws the rest away.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.w.Write(p[:min(len(p), l.left)])
	l.left -= n
	if err != nil {
		return n, err
	}
	return len(p), nil
}

// parseROCm reads `rocm-smi --showmeminfo vram --json`: an object with one for each
// card, whose numbers are texts. Warnings may stand before it.
func parseROCm(out []byte) (Usage, error) {
	start := bytes.IndexByte(out, '{')
	if start < 0 {
		return Usage{}, errNoGPU
	}
	var cards map[string]map[string]any
	if err := json.NewDecoder(bytes.NewReader(out[start:])).Decode(&cards); err != nil {
		return Usage{}, err
	}
	var all []Usage
	for _, card := range cards {
		used, okUsed := card["VRAM Total Used Memory (B)"].(string)
		total, okTotal := card["VRAM Total Memory (B)"].(string)
		if !okUsed || !okTotal {
			continue // "system" is among the cards
		}
		u, err := number(used)
		t, err2 := number(total)
		if errors.Join(err, err2) == nil {
			all = append(all, Usage{Used: u, Total: t})
		}
	}
	return fullest(all)
}

// parseNVIDIA reads nvidia-smi's CSV without units: a line for each card, used and
// total in MiB. A card that does not tell has a word in brackets instead.
func parseNVIDIA(out []byte) (Usage, error) {
	var all []Usage
	for line := range strings.Lines(string(out)) {
		used, total, _ := strings.Cut(line, ",")
		u, err := number(used)
		t, err2 := number(total)
		if errors.Join(err, err2) == nil && t <= math.MaxInt64>>20 && u <= t {
			all = append(all, Usage{Used: u << 20, Total: t << 20})
		}
	}
	return fullest(all)
}

func readNumber(dir fs.FS, path string) (int64, error) {
	data, err := fs.ReadFile(dir, path)
	if err != nil {
		return 0, err
	}
	return number(string(data))
}

func number(text string) (int64, error) { return strconv.ParseInt(strings.TrimSpace(text), 10, 64) }
