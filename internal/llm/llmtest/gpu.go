package llmtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// A GPU says what the model of a fake Ollama takes and how it fares. The zero GPU has
// 16 GiB, and its model takes 4.1 GB of them, loads at once and stays.
type GPU struct {
	Memory int64 // bytes of the card
	Model  int64 // bytes of the model when it is fresh
	Others int64 // bytes that other programs use: what then has no room spills into the CPU's memory
	Leak   int64 // bytes that every answer adds to the model, until it is unloaded

	Load      time.Duration // to load the model; given up if the client leaves
	KeepAlive time.Duration // after a call, until the server unloads the model by itself; 0 is for ever
	FailAfter int           // answers after which all others are status 500, until the model is unloaded; 0 is never
	Stuck     bool          // the model is said to be unloaded and its memory stays taken
	Broken    bool          // the model cannot be loaded: status 500
	Speed     float64       // tokens a second, by the server's measure; 0 is 40
}

// A Machine is a fake Ollama with a GPU, and an [http.RoundTripper] that asks it
// without a socket, so that tests may hold the clock. It can also be served:
// [Machine.Handler] is the same server.
type Machine struct {
	*Server
	gpu *gpu

	mu   sync.Mutex
	down bool
	life context.Context
	die  context.CancelFunc
}

// NewMachine turns one on. Its URL is one that only it answers.
func NewMachine(g GPU, script ...Step) *Machine {
	o := &ollama{newGPU(g)}
	m := &Machine{Server: &Server{api: o, script: script, closed: make(chan struct{}), URL: "http://ollama.test"}, gpu: o.gpu}
	m.life, m.die = context.WithCancel(context.Background())
	return m
}

// Change changes the GPU.
func (m *Machine) Change(change func(*GPU)) {
	m.gpu.mu.Lock()
	defer m.gpu.mu.Unlock()
	change(&m.gpu.GPU)
}

// Used is how many bytes of the GPU are in use.
func (m *Machine) Used() int64 { return m.gpu.used() }

// Total is how many it has.
func (m *Machine) Total() int64 { return m.gpu.memory() }

// Loads is how often the model was loaded so far.
func (m *Machine) Loads() int {
	m.gpu.mu.Lock()
	defer m.gpu.mu.Unlock()
	return m.gpu.loads
}

// Chats is how many there were so far, those included that only load.
func (m *Machine) Chats() int {
	m.gpu.mu.Lock()
	defer m.gpu.mu.Unlock()
	return m.gpu.total
}

// Peak is the highest number of chats at the same time so far.
func (m *Machine) Peak() int {
	m.gpu.mu.Lock()
	defer m.gpu.mu.Unlock()
	return m.gpu.peak
}

// Evict unloads the model, as another one that needs the room does.
func (m *Machine) Evict() { m.gpu.unload() }

// Stop turns the server off: calls under way break, others are refused, and the
// model is gone.
func (m *Machine) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = true
	m.die()
	m.gpu.unload()
}

// Restart turns it on again.
func (m *Machine) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = false
	m.life, m.die = context.WithCancel(context.Background())
}

// Handler serves the same server over HTTP.
func (m *Machine) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		down, life := m.down, m.life
		m.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		end := func() {}
		if r.URL.Path == "/api/chat" {
			end = sync.OnceFunc(m.gpu.chat())
		}
		defer end()
		m.serve(mortal{w, life, end}, r.WithContext(ctx))
		if life.Err() != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

// mortal writes nothing more once the server was turned off. It calls end before the
// last line: a client that has read that may ask again at once.
type mortal struct {
	http.ResponseWriter
	life context.Context
	end  func()
}

func (m mortal) Flush() { m.ResponseWriter.(http.Flusher).Flush() }

func (m mortal) Write(p []byte) (int, error) {
	if m.life.Err() != nil {
		panic(http.ErrAbortHandler)
	}
	if bytes.Contains(p, []byte(`"done":true`)) {
		m.end()
	}
	return m.ResponseWriter.Write(p)
}

var errRefused = errors.New("connection refused")

// RoundTrip asks the server.
func (m *Machine) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	down := m.down
	m.mu.Unlock()
	if down {
		return nil, errRefused
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	body, out := io.Pipe()
	w := &pipeWriter{header: http.Header{}, out: out, begun: make(chan struct{}), status: http.StatusOK}
	go func() {
		defer func() {
			w.begin()
			if recover() != nil {
				out.CloseWithError(io.ErrUnexpectedEOF)
			}
			out.Close()
		}()
		m.Handler().ServeHTTP(w, r)
	}()
	select {
	case <-w.begun:
		return &http.Response{StatusCode: w.status, Header: w.header, Body: body, Request: r}, nil
	case <-r.Context().Done():
		body.Close()
		return nil, r.Context().Err()
	}
}

// A pipeWriter is the writer of a response that is read from a pipe.
type pipeWriter struct {
	header http.Header
	status int
	out    *io.PipeWriter
	once   sync.Once
	begun  chan struct{}
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) Flush()              { w.begin() }
func (w *pipeWriter) begin()              { w.once.Do(func() { close(w.begun) }) }

func (w *pipeWriter) WriteHeader(status int) {
	w.status = status
	w.begin()
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.out.Write(p)
}

// gpu is what becomes of a GPU.
type gpu struct {
	loading chan struct{} // held by who loads

	mu sync.Mutex
	GPU
	loaded  bool
	context int       // tokens that it was loaded with
	expires time.Time // zero is never
	leaked  int64
	stuck   int64 // bytes that nothing frees
	answers int   // since it was loaded
	loads   int
	chats   int // under way
	total   int
	peak    int
}

func newGPU(g GPU) *gpu {
	if g.Memory == 0 {
		g.Memory = 16 << 30
	}
	if g.Model == 0 {
		g.Model = 4_100_000_000
	}
	if g.Speed == 0 {
		g.Speed = 40
	}
	return &gpu{GPU: g, loading: make(chan struct{}, 1)}
}

// load loads the model with a context of so many tokens, and reports whether it is
// there; the client may have left meanwhile.
func (g *gpu) load(ctx context.Context, tokens int) bool {
	select {
	case g.loading <- struct{}{}:
		defer func() { <-g.loading }()
	case <-ctx.Done():
		return false
	}
	g.mu.Lock()
	g.expire()
	there, wait := g.loaded && g.context == tokens, g.Load
	g.mu.Unlock()
	if !there {
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return false
			}
		}
		g.mu.Lock()
		if g.Broken {
			g.mu.Unlock()
			return false
		}
		g.loaded, g.context, g.leaked, g.answers = true, tokens, 0, 0
		g.loads++
		g.mu.Unlock()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.KeepAlive > 0 {
		g.expires = time.Now().Add(g.KeepAlive)
	}
	return true
}

func (g *gpu) unload() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.loaded && g.Stuck {
		g.stuck += g.vram()
	}
	g.loaded = false
}

func (g *gpu) expire() {
	if g.KeepAlive > 0 && g.loaded && !time.Now().Before(g.expires) {
		g.loaded = false
	}
}

// answer counts an answer, and reports whether the model still gives one.
func (g *gpu) answer() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.FailAfter > 0 && g.answers >= g.FailAfter {
		return false
	}
	g.answers++
	g.leaked += g.Leak
	return true
}

// vram is what the model has of the GPU's memory.
func (g *gpu) vram() int64 {
	return min(g.Model+g.leaked, max(0, g.Memory-g.Others-g.stuck))
}

func (g *gpu) used() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	used := g.Others + g.stuck
	if g.loaded {
		used += g.vram()
	}
	return used
}

func (g *gpu) memory() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Memory
}

// duration is how many nanoseconds the server says that it wrote at a text.
func (g *gpu) duration(text string) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int64(float64(tokens(text)) / g.Speed * float64(time.Second))
}

// chat counts the chats at the same time; the function it returns ends one.
func (g *gpu) chat() func() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.chats++
	g.total++
	g.peak = max(g.peak, g.chats)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.chats--
	}
}

// running is what /api/ps says.
func (g *gpu) running(name string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expire()
	models := []any{}
	if g.loaded {
		expires := g.expires
		if g.KeepAlive == 0 {
			expires = time.Now().AddDate(100, 0, 0)
		}
		models = append(models, map[string]any{
			"name": name, "model": name, "context_length": g.context, "expires_at": expires,
			"size": g.Model + g.leaked, "size_vram": g.vram(),
		})
	}
	return encode(map[string]any{"models": models})
}
