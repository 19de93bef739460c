package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

const mib = 1 << 20

// Outputs of the two programs, in the form that their makers document, and what
// they print when something is wrong.
func TestPrograms(t *testing.T) {
	for file, want := range map[string]Usage{
		"rocm-smi/one.json":                {4577853440, 17163091968, "rocm-smi"},
		"rocm-smi/beside-integrated.json":  {15000000000, 17163091968, "rocm-smi"},
		"rocm-smi/no-memory.json":          {},
		"rocm-smi/not-available.json":      {},
		"rocm-smi/cut.json":                {},
		"rocm-smi/no-driver.json":          {},
		"rocm-smi/impossible.json":         {},
		"nvidia-smi/one.csv":               {4512 * mib, 24564 * mib, "nvidia-smi"},
		"nvidia-smi/two-alike.csv":         {20000 * mib, 24564 * mib, "nvidia-smi"},
		"nvidia-smi/windows.csv":           {812 * mib, 12282 * mib, "nvidia-smi"},
		"nvidia-smi/one-does-not-tell.csv": {512 * mib, 8192 * mib, "nvidia-smi"},
		"nvidia-smi/not-supported.csv":     {},
		"nvidia-smi/no-driver.csv":         {},
		"nvidia-smi/no-devices.csv":        {},
		"nvidia-smi/huge.csv":              {},
		"nvidia-smi/empty.csv":             {},
		"nvidia-smi/program-is-gone":       {},
	} {
		program := rocmSMI
		if strings.HasPrefix(file, "nvidia") {
			program = nvidiaSMI
		}
		program.run = func(context.Context, string, ...string) ([]byte, error) {
			return os.ReadFile(filepath.Join("testdata", file))
		}
		got, err := program.Read(t.Context(), State{})
		if got != want || (err == nil) != (want.Total > 0) {
			t.Errorf("%s: %+v (%v), want %+v", file, got, err, want)
		}
		if err != nil && got.Share() >= 0 {
			t.Errorf("%s: share %v with an error", file, got.Share())
		}
	}
}

func TestSysfs(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, test := range map[string]struct {
		drm  fstest.MapFS
		want Usage
	}{
		"an integrated GPU beside a card": {fstest.MapFS{
			"card0/device/mem_info_vram_used":  file("482263040\n"),
			"card0/device/mem_info_vram_total": file("536870912\n"),
			"card1/device/mem_info_vram_used":  file("4577853440\n"),
			"card1/device/mem_info_vram_total": file("17163091968\n"),
			"card1-DP-1/status":                file("connected\n"),
			"renderD128/device/uevent":         file("DRIVER=amdgpu\n"),
		}, Usage{4577853440, 17163091968, "sysfs"}},
		"a card that is gone": {fstest.MapFS{
			"card0/device/mem_info_vram_total": file("17163091968\n"),
			"card1/device/mem_info_vram_used":  file("1\n"),
			"card1/device/mem_info_vram_total": file("2\n"),
		}, Usage{1, 2, "sysfs"}},
		"no numbers": {fstest.MapFS{
			"card0/device/mem_info_vram_used":  file("\n"),
			"card0/device/mem_info_vram_total": file("17163091968\n"),
		}, Usage{}},
		"a card of another maker": {fstest.MapFS{"card0/device/vendor": file("0x10de\n")}, Usage{}},
		"no cards":                {fstest.MapFS{}, Usage{}},
	} {
		got, err := sysfsMemory{test.drm}.Read(t.Context(), State{})
		if got != test.want || (err == nil) != (test.want.Total > 0) {
			t.Errorf("%s: %+v (%v), want %+v", name, got, err, test.want)
		}
	}
}

// readFunc is a reader in a line.
type readFunc func(context.Context) (Usage, error)

func (f readFunc) Read(ctx context.Context, _ State) (Usage, error) { return f(ctx) }

func TestFirstMemoryThatWorks(t *testing.T) {
	small := readFunc(func(context.Context) (Usage, error) { return Usage{450, 500, "small"}, nil })
	broken := readFunc(func(context.Context) (Usage, error) { return Usage{}, errNoGPU })
	server := serverMemory{16000}
	model := State{Loaded: true, Size: 4000, SizeVRAM: 4000}
	for name, test := range map[string]struct {
		all   firstMemory
		state State
		want  Usage
	}{
		"a program that fails":                  {firstMemory{broken, small, server}, State{}, Usage{450, 500, "small"}},
		"a card that the model cannot be on":    {firstMemory{small, server}, model, Usage{4000, 16000, "server"}},
		"nothing but the server":                {firstMemory{broken, server}, model, Usage{4000, 16000, "server"}},
		"a server that does not know, no total": {firstMemory{broken, serverMemory{}}, State{Loaded: true}, Usage{}},
	} {
		if got, err := test.all.Read(t.Context(), test.state); got != test.want || err != nil {
			t.Errorf("%s: %+v (%v), want %+v", name, got, err, test.want)
		}
	}
}

// What this machine's programs say is nothing to a server on another.
func TestAutoGoesByAddress(t *testing.T) {
	for address, want := range map[string]bool{
		"http://localhost:11434": true, "http://127.0.0.1:8080": true, "http://[::1]:1": true,
		"http://gpu:11434": false, "http://192.168.1.4:11434": false, "https://localhost.example.com": false, ":": false,
	} {
		_, server := NewMemory(Config{GPU: "auto"}, address).(serverMemory)
		if server == want {
			t.Errorf("%s: goes by the server alone: %v", address, server)
		}
	}
}

// A program is not started more often than its interval, however often it is asked.
func TestProgramsAreNotStartedTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := 0
		program := nvidiaSMI
		program.run = func(context.Context, string, ...string) ([]byte, error) {
			started++
			return []byte("1, 2\n"), nil
		}
		m := patient(program, 5*time.Second)
		for range 240 { // a minute
			if u, err := m.Read(t.Context(), State{}); err != nil || u.Total != 2*mib {
				t.Fatalf("%+v, %v", u, err)
			}
			time.Sleep(250 * time.Millisecond)
		}
		if started != 12 {
			t.Errorf("started %d times in a minute, want 12", started)
		}
	})
}

// A GPU that hangs holds nobody up, and is not asked again before it has answered.
func TestReadingThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang, begun := make(chan struct{}), 0
		m := patient(readFunc(func(context.Context) (Usage, error) {
			begun++
			<-hang // whatever the context says: a read of a device cannot be interrupted
			return Usage{1, 2, "sysfs"}, nil
		}), 0)
		for range 5 {
			start := time.Now()
			if _, err := m.Read(t.Context(), State{}); err == nil || time.Since(start) > readTimeout {
				t.Fatalf("error %v after %v", err, time.Since(start))
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := m.Read(ctx, State{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
		close(hang)
		if u, err := m.Read(t.Context(), State{}); err != nil || u.Used != 1 || begun != 1 {
			t.Errorf("%+v (%v) after %d readings, want the first one's", u, err, begun)
		}
	})
}

func TestOutputIsBounded(t *testing.T) {
	var b strings.Builder
	l := &limited{&b, 5}
	for range 3 {
		if n, err := l.Write([]byte("abc")); n != 3 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	if b.String() != "abcab" {
		t.Errorf("kept %q", b.String())
	}
	if _, err := output(t.Context(), "no-such-program-anywhere"); err == nil {
		t.Error("a program that does not exist ran")
	}
}

func FuzzPrograms(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.*")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		for _, parse := range []func([]byte) (Usage, error){parseROCm, parseNVIDIA} {
			u, err := parse(out)
			if err == nil && (u.Total <= 0 || u.Used < 0 || u.Share() > 1) {
				t.Errorf("%q: %+v", out, u)
			}
		}
	})
}
