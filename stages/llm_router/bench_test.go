package llmrouter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/openai"
	"catalyst/internal/news"
)

// A local is a server with OpenAI's API that costs as little as one can: every answer
// is the same few bytes.
type local struct {
	*httptest.Server
	takes time.Duration // of every answer

	mu   sync.Mutex
	last []byte // request
}

func newLocal(tb testing.TB, takes time.Duration) *local {
	s := &local{takes: takes}
	quote := func(text string) string { q, _ := json.Marshal(text); return string(q) }
	var answer strings.Builder
	chunk := func(delta, finish string) {
		fmt.Fprintf(&answer, `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", delta, finish)
	}
	chunk(`{"role":"assistant","content":""}`, "null")
	for piece := range slices.Chunk([]byte(llmtest.Verdict("Acme wins contract")), 24) {
		chunk(`{"content":`+quote(string(piece))+`}`, "null")
	}
	chunk(`{}`, `"stop"`)
	answer.WriteString(`data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":400,"completion_tokens":90,"total_tokens":490}}` +
		"\n\ndata: [DONE]\n\n")
	text := answer.String()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.last = body
		s.mu.Unlock()
		time.Sleep(s.takes)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, text)
	}))
	tb.Cleanup(s.Close)
	return s
}

// provider asks this server as the program does.
func (s *local) provider(tb testing.TB) llm.Provider {
	c := openai.Defaults
	c.BaseURL, c.Model = s.URL+"/v1", "m"
	p, err := openai.New("local", c, manyConnections())
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// manyConnections is a client with room for all calls; that of the program has 30 a
// host, for which calls of both kinds would wait.
func manyConnections() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
}

// stageAt is a router at a place that has only this one to ask.
func stageAt(tb testing.TB, p *place, provider llm.Provider, concurrency int) *Router {
	r := routerOf(tb, p, func(c *Config) { c.Concurrency = concurrency }, provider)
	ask(tb, r, -1) // it is known to answer, and has a connection
	return r
}

// ask has the router judge one item, the nth.
func ask(tb testing.TB, r *Router, n int) {
	m := flows.NewMessage(strconv.Itoa(n), &news.Item{
		Key: strconv.Itoa(n), Source: "wire", Tickers: []string{"ACME"}, Title: "Acme wins contract " + strconv.Itoa(n),
		Summary: "The contract is the largest that the company has signed so far.",
	})
	if out, err := r.Process(tb.Context(), []*flows.Message{m}); err != nil || len(out) != 1 || !m.Item.Analysis.Done() {
		tb.Errorf("item %d: %v, %+v", n, err, m.Outcome())
	}
}

// A direct client does what a careful programmer does without a router: the same
// request, the stream read to its end, and the fields that matter decoded.
type direct struct {
	client *http.Client
	url    string
	body   []byte
}

func (d *direct) ask(tb testing.TB) {
	text, err := d.call()
	var verdict struct {
		Direction         string
		Score, Confidence float64
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &verdict)
	}
	if err != nil || verdict.Direction != "bullish" {
		tb.Errorf("%v, %+v", err, verdict)
	}
}

func (d *direct) call() (text string, err error) {
	response, err := d.client.Post(d.url, "application/json", bytes.NewReader(d.body))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer strings.Builder
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok || string(data) == "[DONE]" {
			continue
		}
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal(data, &chunk); err != nil {
			return "", err
		}
		for _, c := range chunk.Choices {
			answer.WriteString(c.Delta.Content)
		}
	}
	return answer.String(), lines.Err()
}

// bare is a provider that does no more than a direct client does.
type bare struct{ *direct }

func (bare) Name() string       { return "bare" }
func (bare) Model() string      { return "m" }
func (bare) Limits() llm.Limits { return llm.Limits{Free: true} }

func (b bare) Complete(context.Context, llm.Request) (llm.Response, error) {
	text, err := b.call()
	return llm.Response{Text: text, TokensIn: 400, TokensOut: 90}, err
}

// BenchmarkOverhead measures what the whole stage (rules, prompt, limits, budget,
// breaker, the provider's client library, answer, booking, metrics) adds to a call of a
// local server, in rounds that take turns with direct calls. "bare" is the stage
// without a client library. One call at a time is answered at once; of fifty, each
// takes the 100 ms that a fast model needs: else it would be measured only how long
// fifty callers wait for the processors.
//
//	go test ./stages/llm_router -run - -bench Overhead -benchtime 5000x
func BenchmarkOverhead(b *testing.B) {
	for _, name := range []string{"file", "redis"} {
		for _, library := range []bool{true, false} {
			for _, c := range []struct {
				concurrency int
				takes       time.Duration
			}{{1, 0}, {50, 100 * time.Millisecond}} {
				kind := "whole"
				if !library {
					kind = "bare"
				}
				b.Run(fmt.Sprintf("%s/%s/%d", name, kind, c.concurrency), func(b *testing.B) {
					overhead(b, places[name](b, nil, nil), library, c.concurrency, c.takes)
				})
			}
		}
	}
}

func overhead(b *testing.B, p *place, library bool, concurrency int, takes time.Duration) {
	server := newLocal(b, takes)
	provider := server.provider(b)
	router := stageAt(b, p, provider, concurrency)
	d := &direct{client: manyConnections(), url: server.URL + "/v1/chat/completions", body: server.last}
	d.ask(b)
	if !library {
		router = stageAt(b, p, bare{d}, concurrency)
	}
	round := 20 * max(concurrency, 5) // calls
	var direct, routed []time.Duration
	for n := 0; n < b.N; n += round {
		calls := min(round, b.N-n)
		turns := []func(){
			func() { direct = append(direct, timed(calls, concurrency, takes, func(int) { d.ask(b) })...) },
			func() {
				routed = append(routed, timed(calls, concurrency, takes, func(i int) { ask(b, router, n+i) })...)
			},
		}
		if n/round%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			turn()
		}
	}
	b.StopTimer()
	for _, q := range []struct {
		name  string
		share float64
	}{{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}} {
		with, without := quantile(routed, q.share), quantile(direct, q.share)
		b.ReportMetric(millis(without), "direct-"+q.name+"-ms")
		b.ReportMetric(millis(with), "routed-"+q.name+"-ms")
		b.ReportMetric(millis(with-without), "added-"+q.name+"-ms")
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// timed makes calls, so many at a time, and returns how long each took. Callers begin
// one after the other within a time: they would not come all at once either.
func timed(calls, concurrency int, within time.Duration, call func(i int)) []time.Duration {
	took := make([]time.Duration, calls)
	var wg sync.WaitGroup
	next := make(chan int)
	for caller := range concurrency {
		wg.Go(func() {
			time.Sleep(within * time.Duration(caller) / time.Duration(concurrency))
			for i := range next {
				start := time.Now()
				call(i)
				took[i] = time.Since(start)
			}
		})
	}
	for i := range calls {
		next <- i
	}
	close(next)
	wg.Wait()
	return took
}

func quantile(all []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// BenchmarkConcurrency has a model that takes a second answer all items of an evening,
// and prints how long that takes and the ratio to what is possible.
func BenchmarkConcurrency(b *testing.B) {
	for _, c := range []struct{ items, concurrency int }{{100, 5}, {7, 7}} {
		b.Run(fmt.Sprintf("%d-at-%d", c.items, c.concurrency), func(b *testing.B) {
			server := newLocal(b, time.Second)
			router := stageAt(b, newPlace(b, nil, nil), server.provider(b), c.concurrency)
			n := 0
			for b.Loop() {
				timed(c.items, c.items, 0, func(i int) { ask(b, router, n+i) })
				n += c.items
			}
			took := b.Elapsed().Seconds() / float64(b.N)
			ideal := float64((c.items + c.concurrency - 1) / c.concurrency)
			b.ReportMetric(took, "s")
			b.ReportMetric(took/ideal, "ratio")
		})
	}
}

// BenchmarkBatch is what the stage itself needs for five items, with a model that answers at
// once.
func BenchmarkBatch(b *testing.B) {
	f := free("free")
	text := llmtest.Verdict("Acme wins contract")
	f.answer = func(llm.Request) string { return text }
	r := routerOf(b, newPlace(b, nil, nil), func(c *Config) { c.Rules = Defaults.Rules }, f)
	ask(b, r, -1)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		batch := make([]*flows.Message, 5)
		for i := range batch {
			n++
			batch[i] = flows.NewMessage(strconv.Itoa(n), &news.Item{
				Key: strconv.Itoa(n), Source: "wire", Tickers: []string{"ACME"}, Title: "Acme wins contract " + strconv.Itoa(n),
				Summary: "The contract is the largest that the company has signed so far.",
			})
		}
		if out, err := r.Process(b.Context(), batch); err != nil || len(out) != 5 || !batch[4].Item.Analysis.Done() {
			b.Fatal(err, len(out), batch[4].Outcome())
		}
	}
}
