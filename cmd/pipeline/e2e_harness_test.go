package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.yaml.in/yaml/v3"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/news"
	"catalyst/internal/testenv"
	"catalyst/sinks/discord/discordtest"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A world is what one end-to-end test has to itself: a copy of the repository's
// pipeline.yaml with edits, topics and stores under a name of its own, a Discord and
// a model that remember everything.
type world struct {
	testing.TB
	name string // of the pipeline
	dir  string
	file string // the edited pipeline.yaml
	text []byte
	env  map[string]string

	plan    *flows.Plan
	broker  broker.Broker // the test's own connection, to publish and to look
	discord *discordtest.Server
	model   *llmtest.Server
	starts  int
}

// places are where the default pipeline can keep its topics and stores.
var places = []string{"embedded", "redis"}

// newWorld makes a world at one of the places.
func newWorld(tb testing.TB, place string, limits discordtest.Config, edits ...edit) *world {
	tb.Helper()
	w := &world{
		TB: tb, name: "e2e-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:20], dir: tb.TempDir(),
		discord: discordtest.New(limits), model: llmtest.NewOpenAI(),
	}
	tb.Cleanup(w.model.Close)
	database := "sqlite://" + filepath.ToSlash(filepath.Join(w.dir, "e2e.db"))
	w.env = map[string]string{
		"REDIS_URL": database, "DATABASE_URL": database,
		"DISCORD_TOKEN": "token", "DISCORD_CHANNEL": "42", "DISCORD_API_URL": w.front(w.discord).URL,
		"OPENAI_API_URL": w.model.URL, "OPENAI_MODEL": "stand-in",
		"LLM_LOCAL_ENABLED": "0", "MISTRAL_BATCH_DELAY": "0.05", "HTTP_LISTEN": "off",
	}
	if place == "redis" {
		w.env["REDIS_URL"], w.env["DATABASE_URL"] = w.redis(), w.postgres()
	}
	w.text = editedPipeline(tb, append(edits, w.isolate)...)
	w.file = filepath.Join(w.dir, "pipeline.yaml")
	if err := os.WriteFile(w.file, w.text, 0o600); err != nil {
		tb.Fatal(err)
	}
	plan, r, err := w.read()
	if err != nil {
		tb.Fatal(err)
	}
	w.plan = plan
	if w.broker, err = r.Broker(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.close() })
	return w
}

// read reads the world's pipeline, as the program does.
func (w *world) read() (*flows.Plan, *resources, error) {
	a := &app{stdio: stdio{strings.NewReader(""), io.Discard, io.Discard}, logLevel: "error", logFormat: "json"}
	plan, r, err := a.parse(w.file, w.text, func(name string) (string, bool) { v, ok := w.env[name]; return v, ok })
	if err == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return plan, r, err
}

// redis returns the server's URL, and removes in the end what the world left there.
func (w *world) redis() string {
	address := testenv.Redis(w)
	client := w.redisClient(address)
	w.Cleanup(func() {
		ctx := context.Background()
		for keys := client.Scan(ctx, 0, "*"+w.name+"*", 1000).Iterator(); keys.Next(ctx); {
			client.Del(ctx, keys.Val())
		}
	})
	return address
}

func (w *world) redisClient(address string) *redis.Client {
	options, err := redis.ParseURL(address)
	if err != nil {
		w.Fatal("REDIS_URL is no URL of Redis") // and may hold a password
	}
	client := redis.NewClient(options)
	w.Cleanup(func() { client.Close() })
	return client
}

// postgres returns the URL of a schema of the world's own.
func (w *world) postgres() string {
	address, err := url.Parse(testenv.Postgres(w))
	if err != nil {
		w.Fatal("DATABASE_URL is no URL")
	}
	schema := strings.ReplaceAll(w.name, "-", "_")
	w.sql(address.String(), "CREATE SCHEMA "+schema)
	w.Cleanup(func() { w.sql(address.String(), "DROP SCHEMA "+schema+" CASCADE") })
	own := *address
	q := own.Query()
	q.Set("search_path", schema+",public")
	own.RawQuery = q.Encode()
	return own.String()
}

// sql runs one statement; with columns it reads the first row into them.
func (w *world) sql(address, statement string, columns ...any) {
	ctx := context.Background()
	db, err := pgx.Connect(ctx, address)
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close(ctx)
	if len(columns) > 0 {
		err = db.QueryRow(ctx, statement).Scan(columns...)
	} else {
		_, err = db.Exec(ctx, statement)
	}
	if err != nil {
		w.Error(err)
	}
}

// An edit changes the parsed pipeline.yaml.
type edit func(root *yaml.Node)

// editedPipeline returns the repository's pipeline.yaml after edits, with Discord's
// rate limits out of the way.
func editedPipeline(tb testing.TB, edits ...edit) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "pipeline.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		tb.Fatal(err)
	}
	root := doc.Content[0]
	for _, e := range append([]edit{setting("sinks", "discord", "{creates: 100000, edits: 100000, window: 1s, per_second: 100000, per_ticker: 0}")}, edits...) {
		e(root)
	}
	if text, err = yaml.Marshal(&doc); err != nil {
		tb.Fatal(err)
	}
	return text
}

// isolate names the pipeline and its topics, so that tests which share a Redis do
// not meet.
func (w *world) isolate(root *yaml.Node) {
	merge(root, node(fmt.Sprintf("{name: %s, topic: %[1]s.raw, poison: %[1]s.poison}", w.name)))
	for _, stage := range value(root, "stages").Content {
		if topic := value(stage, "topic"); topic != nil {
			topic.Value = w.name + "." + topic.Value
		}
	}
}

// top sets keys at the top of the file.
func top(text string) edit { return func(root *yaml.Node) { merge(root, node(text)) } }

// setting sets keys of the component called word in a section's list.
func setting(section, word, text string) edit {
	return func(root *yaml.Node) {
		for _, component := range value(root, section).Content {
			if settings := value(component, word); settings != nil {
				merge(settings, node(text))
				return
			}
		}
		panic(section + " has no " + word)
	}
}

func node(text string) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		panic(err)
	}
	return doc.Content[0]
}

// value returns the value of a mapping's key; nil if there is none.
func value(mapping *yaml.Node, key string) *yaml.Node {
	if mapping.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if mapping.Content[i].Value == key {
				return mapping.Content[i+1]
			}
		}
	}
	return nil
}

// merge sets the keys of a mapping that another one has.
func merge(mapping, with *yaml.Node) {
	for i := 0; i+1 < len(with.Content); i += 2 {
		if old := value(mapping, with.Content[i].Value); old != nil {
			*old = *with.Content[i+1]
			continue
		}
		mapping.Content = append(mapping.Content, with.Content[i], with.Content[i+1])
	}
}

// A front is an address of a fake: it counts requests, and intercept may stand in
// their way.
type front struct {
	*httptest.Server
	requests  atomic.Int64
	intercept atomic.Pointer[func(http.ResponseWriter, *http.Request, http.Handler)]
}

// front opens an address of fake. There may be several for one.
func (w *world) front(fake http.Handler) *front {
	f := &front{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		f.requests.Add(1)
		if intercept := f.intercept.Load(); intercept != nil {
			(*intercept)(rw, r, fake)
			return
		}
		fake.ServeHTTP(rw, r)
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Start()
	w.Cleanup(f.Close)
	return f
}

// modelHandler is the world's model as something to put a front before.
func (w *world) modelHandler() http.Handler {
	target, err := url.Parse(strings.TrimSuffix(w.model.URL, "/v1"))
	if err != nil {
		w.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	return proxy
}

// publish puts items on the first topic, each under an ID of its own.
func (w *world) publish(items ...*news.Item) {
	w.Helper()
	for len(items) > 0 {
		n := min(len(items), 200)
		var batch []*message.Message
		for _, item := range items[:n] {
			payload, err := news.Encode(item)
			if err != nil {
				w.Fatal(err)
			}
			batch = append(batch, message.NewMessage(uuid.NewString(), payload))
		}
		if err := w.broker.Publisher().Publish(w.plan.Topic, batch...); err != nil {
			w.Fatal(err)
		}
		items = items[n:]
	}
}

// binary returns the program, built without the race detector by the first test
// that asks.
func binary(tb testing.TB) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

var buildDir string

var build = sync.OnceValues(func() (path string, err error) {
	if buildDir, err = os.MkdirTemp("", "pipeline-e2e-"); err != nil {
		return "", err
	}
	path = filepath.Join(buildDir, "pipeline")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// tidy removes the program after the last test.
type tidy struct{ *testing.M }

func (t tidy) Run() int {
	defer func() { os.RemoveAll(buildDir) }()
	return t.M.Run()
}

// A child is a process that runs the world's pipeline.
type child struct {
	w      *world
	cmd    *exec.Cmd
	log    string // file of its standard error
	killed atomic.Bool
	ended  chan struct{}
}

// start starts a process; env is added to the world's, as NAME=value.
func (w *world) start(env ...string) *child {
	w.Helper()
	w.starts++
	c := &child{w: w, log: filepath.Join(w.dir, fmt.Sprintf("run-%d.log", w.starts)), ended: make(chan struct{})}
	c.cmd = exec.Command(binary(w), "run", "-f", w.file, "--log-format", "json")
	c.cmd.Dir = w.dir // no .env here
	for _, kept := range []string{"PATH", "HOME", "TMPDIR", "TEMP", "SystemRoot", "GORACE"} {
		c.cmd.Env = append(c.cmd.Env, kept+"="+os.Getenv(kept))
	}
	for name, value := range w.env {
		c.cmd.Env = append(c.cmd.Env, name+"="+value)
	}
	c.cmd.Env = append(c.cmd.Env, env...)
	stderr, err := os.Create(c.log)
	if err != nil {
		w.Fatal(err)
	}
	defer stderr.Close()
	c.cmd.Stderr = stderr
	if err := c.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	go func() {
		c.cmd.Wait()
		close(c.ended)
	}()
	number := w.starts
	w.Cleanup(func() {
		c.kill()
		if w.Failed() && number > w.starts-2 {
			w.Logf("the end of %s:\n%s", filepath.Base(c.log), c.tail(8))
		}
	})
	return c
}

// kill ends the process as kill -9 does, and returns when it is gone.
func (c *child) kill() {
	c.killed.Store(true)
	c.cmd.Process.Kill()
	<-c.ended
}

// terminate asks the process to end.
func (c *child) terminate() {
	c.w.Helper()
	if runtime.GOOS == "windows" {
		c.w.Skip("there is no SIGTERM on Windows")
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.w.Fatal(err)
	}
}

// exit waits for the end of the process and returns its code.
func (c *child) exit(within time.Duration) int {
	c.w.Helper()
	select {
	case <-c.ended:
	case <-time.After(within):
		c.w.Fatalf("the process has not ended within %v:\n%s", within, c.tail(10))
	}
	return c.cmd.ProcessState.ExitCode()
}

// stop ends the process in order.
func (c *child) stop() {
	c.w.Helper()
	c.terminate()
	if code := c.exit(30 * time.Second); code != 0 {
		c.w.Errorf("exit code %d after a termination, want 0:\n%s", code, c.tail(10))
	}
}

func (c *child) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

func (c *child) tail(lines int) string {
	text, _ := os.ReadFile(c.log)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// logged returns the events of a name in the process's log.
func (c *child) logged(event string) (found []map[string]any) {
	text, _ := os.ReadFile(c.log)
	for line := range bytes.Lines(text) {
		var entry map[string]any
		if json.Unmarshal(line, &entry) == nil && entry["msg"] == event {
			found = append(found, entry)
		}
	}
	return found
}

// until polls for what must come true in time.
func until(tb testing.TB, within time.Duration, what string, holds func() bool) {
	tb.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			tb.Fatalf("after %v still not: %s", within, what)
		}
	}
}

// lag sums up what the pipeline has still to do.
func (w *world) lag() (l broker.Lag) {
	w.Helper()
	for _, s := range w.plan.Segments {
		one, err := w.broker.Lag(context.Background(), s.Topic, w.plan.Name)
		if err != nil {
			w.Fatal(err)
		}
		l.Waiting += one.Waiting
		l.Pending += one.Pending
	}
	return l
}

func (w *world) idle() bool { l := w.lag(); return l.Waiting+l.Pending == 0 }

// poison returns what lies in the poison topic.
func (w *world) poison() []broker.Stored {
	w.Helper()
	var all []broker.Stored
	for after := ""; ; {
		page, err := w.broker.Browse(context.Background(), w.plan.Poison, after, 1000)
		if err != nil {
			w.Fatal(err)
		}
		if all = append(all, page...); len(page) < 1000 {
			return all
		}
		after = page[len(page)-1].Position
	}
}

// judged reports whether a message shows a verdict.
func judged(m discordtest.Message) bool {
	e := m.Last().Embeds
	return len(e) == 1 && strings.Contains(e[0].Field("Verdict"), "confidence")
}

// allJudged reports whether Discord has n messages, all with a verdict.
func (w *world) allJudged(n int) bool {
	messages := w.discord.Messages()
	for _, m := range messages {
		if !judged(m) {
			return false
		}
	}
	return len(messages) == n
}

// check requires that Discord shows each title once, with a verdict, and nothing else;
// that nothing was poisoned and nothing is left to do.
func (w *world) check(titles []string) {
	w.Helper()
	seen := map[string]int{}
	for _, m := range w.discord.Messages() {
		title := m.Last().Embeds[0].Title
		if ours := newsworthyTitle.FindString(title); ours != "" {
			title = ours // whatever follows
		}
		seen[title]++
		if !judged(m) {
			w.Errorf("%q ends as %q, without a verdict", title, m.Last().Embeds[0].Field("Verdict"))
		}
	}
	for _, title := range titles {
		if seen[title] != 1 {
			w.Errorf("%q was posted %d times", title, seen[title])
		}
		delete(seen, title)
	}
	for title := range seen {
		w.Errorf("%q was posted, which is not worth an alert", title)
	}
	if bad := w.poison(); len(bad) > 0 {
		w.Errorf("%d in poison, the first because of %q", len(bad), bad[0].Message.Metadata.Get(flows.MetaPoisonReason))
	}
	if l := w.lag(); l.Waiting+l.Pending > 0 {
		w.Errorf("lag %+v at the end", l)
	}
}

// newsworthy returns n items that each deserve an alert, and their titles as Discord
// shows them.
func newsworthy(n int) (items []*news.Item, titles []string) {
	for i := range n {
		title := fmt.Sprintf("Company %04d receives FDA approval for its product %d", i, i)
		items = append(items, &news.Item{
			Source: "wire", GUID: fmt.Sprint("good-", i), Title: title, Published: time.Now().UTC(),
			Summary: fmt.Sprintf("The approval of product %d came after a record trial.", i),
		})
		titles = append(titles, title)
	}
	return items, titles
}

var newsworthyTitle = regexp.MustCompile(`^Company \d+ receives FDA approval for its product \d+`)

// noise returns n items that deserve none.
func noise(n int) (items []*news.Item) {
	for i := range n {
		items = append(items, &news.Item{
			Source: "wire", GUID: fmt.Sprint("noise-", i), Published: time.Now().UTC(),
			Title: fmt.Sprintf("Company %04d to present at the winter conference", i),
		})
	}
	return items
}
