package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"time"
)

// Memory reads how full a GPU is.
type Memory interface {
	// Read returns what is in use now. Readers that look at the GPU itself ignore
	// state, which is what the server has just said.
	Read(ctx context.Context, state State) (Usage, error)
}

// Usage is the memory of a GPU, in bytes; on a machine with several, of the one with
// the most, and of several alike, of the fullest: the model is on that one.
type Usage struct {
	Used, Total int64  // 0 if unknown
	Source      string // what told them; empty if nothing did
}

// Share is what part of the memory is in use, negative if unknown.
func (u Usage) Share() float64 {
	if u.Total <= 0 {
		return -1
	}
	return float64(u.Used) / float64(u.Total)
}

const (
	readTimeout = 3 * time.Second
	spawnEvery  = 5 * time.Second // at most, in the middle of a recycle
)

var errNoGPU = errors.New("no GPU found")

// NewMemory returns the reader that c.GPU names, for a server at an address. No
// reading takes longer than three seconds; programs are started at most once in
// c.Every, and every five seconds while a recycle waits for memory.
func NewMemory(c Config, address string) Memory {
	server := serverMemory{int64(c.GPUMemory)}
	sysfs := patient(sysfsMemory{os.DirFS("/sys/class/drm")}, 0)
	program := func(m programMemory) Memory {
		m.run = output
		return patient(m, min(c.Every, spawnEvery))
	}
	switch c.GPU {
	case "sysfs":
		return sysfs
	case "rocm-smi":
		return program(rocmSMI)
	case "nvidia-smi":
		return program(nvidiaSMI)
	case "server":
		return server
	case "none":
		return noMemory{}
	}
	if !here(address) {
		return server
	}
	var all firstMemory
	if installed(nvidiaSMI.name) {
		all = append(all, program(nvidiaSMI))
	}
	all = append(all, sysfs)
	if installed(rocmSMI.name) {
		all = append(all, program(rocmSMI))
	}
	return append(all, server)
}

// here reports whether an address is this machine's.
func here(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// firstMemory is the first reader that works. It asks all of them each time: a
// driver may come late. A card smaller than what the model has in GPU memory is not
// the one that the model is on, or one that borrows the CPU's memory.
type firstMemory []Memory

func (all firstMemory) Read(ctx context.Context, s State) (u Usage, err error) {
	for _, m := range all {
		if u, err = m.Read(ctx, s); err == nil && (u.Total == 0 || u.Total >= s.SizeVRAM) {
			break
		}
	}
	return u, err
}

// serverMemory goes by the size that the server gives for its model.
type serverMemory struct{ total int64 }

func (m serverMemory) Read(_ context.Context, s State) (Usage, error) {
	if s.Loaded && s.Size == 0 {
		return Usage{}, nil // a server that does not say
	}
	return Usage{s.SizeVRAM, m.total, "server"}, nil
}

type noMemory struct{}

func (noMemory) Read(context.Context, State) (Usage, error) { return Usage{}, nil }

// fullest chooses among the cards of a machine.
func fullest(cards []Usage) (Usage, error) {
	var best Usage
	for _, c := range cards {
		if c.Used < 0 || c.Total <= 0 || c.Used > c.Total {
			continue // a driver that lies
		}
		if c.Total > best.Total || c.Total == best.Total && c.Used > best.Used {
			best = c
		}
	}
	if best.Total == 0 {
		return best, errNoGPU
	}
	return best, nil
}

// patient bounds a reader in time and in how often it reads. A reading that does not
// end, as from a GPU that hangs, is left behind, and no other begun before it ends.
func patient(m Memory, every time.Duration) Memory { return &patientMemory{Memory: m, every: every} }

type patientMemory struct {
	Memory
	every time.Duration

	at   time.Time
	last reading
	late chan reading // of one that has not ended
}

type reading struct {
	usage Usage
	err   error
}

func (m *patientMemory) Read(ctx context.Context, s State) (Usage, error) {
	if !m.at.IsZero() && time.Since(m.at) < m.every {
		return m.last.usage, m.last.err
	}
	if m.late == nil {
		m.at, m.late = time.Now(), make(chan reading, 1)
		go func(done chan<- reading) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
			defer cancel()
			u, err := m.Memory.Read(ctx, s)
			done <- reading{u, err}
		}(m.late)
	}
	timer := time.NewTimer(readTimeout)
	defer timer.Stop()
	select {
	case m.last = <-m.late:
		m.late = nil
	case <-timer.C:
		m.last = reading{err: fmt.Errorf("the GPU's memory was not read in %v", readTimeout)}
	case <-ctx.Done():
		m.last = reading{err: context.Cause(ctx)}
	}
	return m.last.usage, m.last.err
}

// sysfsMemory reads what Linux' amdgpu driver shows of each card.
type sysfsMemory struct{ drm fs.FS }

func (m sysfsMemory) Read(context.Context, State) (Usage, error) {
	paths, err := fs.Glob(m.drm, "card*/device/mem_info_vram_total")
	if err != nil {
		return Usage{}, err
	}
	var cards []Usage
	for _, path := range paths {
		total, err := readNumber(m.drm, path)
		if err != nil {
			continue
		}
		used, err := readNumber(m.drm, path[:len(path)-len("total")]+"used")
		if err != nil {
			continue
		}
		cards = append(cards, Usage{used, total, "sysfs"})
	}
	return fullest(cards)
}
