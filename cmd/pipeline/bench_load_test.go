package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"catalyst"
	"catalyst/internal/load"
	"catalyst/internal/testenv"
)

// benched runs `pipeline bench` in a folder of its own.
func benched(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	a := &app{stdio: stdio{strings.NewReader(""), &out, &log}, env: func(string) (string, bool) { return "", false }}
	root := a.command()
	root.SetArgs(append([]string{"bench", "--env-file", "none"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func benchReports(t *testing.T, args ...string) []*load.Report {
	t.Helper()
	out, err := benched(t, append(args, "--format", "json")...)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := load.ReadJSON(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

// The default pipeline, on each broker: every item meets its fate, models answer each
// that gets there, whatever their limits, and nothing is left behind.
func TestBenchTouchesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filepath.ToSlash(filepath.Join(dir, "production.db"))
	inFile := write(t, dir, "file.yaml", strings.NewReplacer(
		"${REDIS_URL:-sqlite://data/catalyst.db}", "sqlite://"+db,
		"${DATABASE_URL:-sqlite://data/catalyst.db}", "sqlite://"+db).Replace(string(catalyst.Pipeline)))
	onServers := write(t, dir, "servers.yaml", strings.NewReplacer(
		"${REDIS_URL:-sqlite://data/catalyst.db}", testenv.Redis(t),
		"${DATABASE_URL:-sqlite://data/catalyst.db}", testenv.Postgres(t)).Replace(string(catalyst.Pipeline)))
	for _, test := range []struct{ file, broker string }{{inFile, "memory"}, {inFile, "embedded"}, {onServers, "redis"}} {
		reports := benchReports(t, "-f", test.file, "--broker", test.broker, "--items", "300,150")
		if len(reports) != 2 || reports[0].Items != 300 || reports[1].Items != 150 {
			t.Fatalf("%s: %d reports, want one of 300 and one of 150 items", test.broker, len(reports))
		}
		for _, r := range reports {
			if r.Broker != test.broker || r.Done != r.Items || r.Lost() != 0 || r.Poisoned != 0 || r.Alert.N == 0 || r.Alert.N == r.End.N {
				t.Errorf("%s: %+v; want all done, some shown", test.broker, r)
			}
			if h := r.Hops[1]; h.Topic != "news.analyse" || h.Delivered != r.Alert.N || h.Parked != 0 {
				t.Errorf("%s: hop %+v; want %d delivered, and none parked", test.broker, h, r.Alert.N)
			}
		}
	}
	if _, err := os.Stat(db); err == nil {
		t.Error("the pipeline's own file was made")
	}
}

// What is made on servers is removed, and what is not its own stays.
func TestBenchApartLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	file := write(t, t.TempDir(), "pipeline.yaml", fmt.Sprintf("broker: %s\nstore: %s\n", testenv.Redis(t), testenv.Postgres(t))+fmt.Sprintf(replayed, 0))
	a := &app{stdio: stdio{strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer)}, env: func(string) (string, bool) { return "", false }, logLevel: "error", logFormat: "json"}
	a.file, a.dotenv = file, "none"
	plan, r, err := a.load()
	if err != nil {
		t.Fatal(err)
	}
	kind, leave, err := r.apart(ctx, plan, "")
	if err != nil || kind != "redis" || !strings.HasPrefix(plan.Topic, plan.Name+":") {
		t.Fatalf("apart on %q, topic %q of pipeline %q, %v", kind, plan.Topic, plan.Name, err)
	}
	b, err := r.Broker()
	if err != nil {
		t.Fatal(err)
	}
	run := load.New(load.Options{Items: 50, Item: load.DefaultMix.Item})
	if _, err := run.Do(ctx, plan, b, r.log); err != nil {
		t.Fatal(err)
	}
	options, _ := redis.ParseURL(testenv.Redis(t))
	client := redis.NewClient(options)
	defer client.Close()
	count := func() (keys, schemas int) {
		found, err := client.Keys(ctx, "*"+plan.Name+"*").Result()
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(ctx, testenv.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", plan.Name).Scan(&schemas); err != nil {
			t.Fatal(err)
		}
		return len(found), schemas
	}
	if keys, schemas := count(); keys == 0 || schemas != 1 {
		t.Errorf("before: %d keys, %d schemas; the test shows nothing", keys, schemas)
	}
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	if keys, schemas := count(); keys != 0 || schemas != 0 {
		t.Errorf("left are %d keys, %d schemas", keys, schemas)
	}
}

// A file is replayed as often as it takes, fresh as news; text has a growth table and a
// comparison.
func TestBenchOfAFile(t *testing.T) {
	t.Parallel()
	pipeline, sample := replayedFile(t, 0), write(t, t.TempDir(), "sample.jsonl", string(catalyst.Sample))
	before := filepath.Join(t.TempDir(), "before.json")
	out, err := benched(t, "-f", pipeline, "--broker", "memory", "--format", "json", sample)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := load.ReadJSON(strings.NewReader(out))
	if err != nil || len(reports) != 1 || reports[0].Items != 408 || reports[0].Done != 408 {
		t.Fatalf("%v, %s; want the 408 items of the file", err, out)
	}
	if err := os.WriteFile(before, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = benched(t, "-f", pipeline, "--broker", "memory", "--baseline", before, sample)
	if err != nil || !strings.Contains(out, "before") || !strings.Contains(out, "CPU µs per item") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err = benched(t, "-f", pipeline, "--broker", "memory", "--items", "5", "--baseline", before, sample); err == nil {
		t.Error("a baseline of another size was compared with")
	}
	profile := filepath.Join(t.TempDir(), "cpu.prof")
	out, err = benched(t, "-f", pipeline, "--broker", "memory", "--items", "10,20", "--runs", "3", "--cpuprofile", profile)
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("the profile: %v", err)
	}
	if err != nil || !strings.Contains(out, "of the first") || strings.Count(out, "1.00×") < 1 {
		t.Errorf("%v\n%s", err, out)
	}
}

// Items that come for a time are watched over it, and the page shows that and asks nobody.
// What went before is not counted, and nothing of it comes again.
func TestBenchForATime(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "soak.html")
	reports := benchReports(t, "-f", replayedFile(t, 0), "--broker", "memory", "--warm", "30", "--duplicates", "0", "--rate", "40", "--for", "1500ms", "--html", name)
	r := reports[0]
	if r.Items != 60 || r.Done != 60 || r.Warm != 30 || r.Hops[0].In != 60 {
		t.Errorf("%+v; want 60 items, and none of the 30 before", r)
	}
	if len(r.OverTime) < 2 {
		t.Fatalf("noted over time: %+v", r.OverTime)
	}
	latest := r.OverTime[len(r.OverTime)-1]
	if latest.Queue != 0 || latest.Resident <= 0 || latest.Heap <= 0 || latest.Goroutines < 1 {
		t.Errorf("at the end %+v", latest)
	}
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(page), "<svg "); got != 5 || strings.Contains(string(page), "://") {
		t.Errorf("the page has %d plots, or it asks somebody:\n%s", got, page)
	}
}

func TestBenchRefuses(t *testing.T) {
	t.Parallel()
	pipeline := replayedFile(t, 0)
	broken := write(t, t.TempDir(), "broken.json", `{"reports":`)
	for _, test := range []struct{ args, want string }{
		{"--rate -1 --runs 0 --broker kafka --format xml --items 0 --noise 2", "--rate"},
		{"--rate -1 --runs 0 --broker kafka --format xml --items 0 --noise 2", "--runs"},
		{"--rate -1 --runs 0 --broker kafka --format xml --items 0 --noise 2", "--broker"},
		{"--rate -1 --runs 0 --broker kafka --format xml --items 0 --noise 2", "--format"},
		{"--rate -1 --runs 0 --broker kafka --format xml --items 0 --noise 2", "--items"},
		{"--rate -1 --runs 0 --broker kafka --format xml --items 0 --noise 2", "--noise"},
		{"--for 1m --warm -1", "--for"},
		{"--for 1m --warm -1", "--warm"},
		{"--for 1m --rate 10 --items 5", "--for"},
		{"nowhere.jsonl", "nowhere.jsonl"},
		{"--baseline " + broken, "no report"},
		{"--broker redis", "REDIS_URL"},
		{write(t, t.TempDir(), "empty.jsonl", "nothing\n"), "no items"},
	} {
		_, err := benched(t, append([]string{"-f", pipeline}, strings.Fields(test.args)...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("bench %s: %v, want %q", test.args, err, test.want)
		}
	}
}
