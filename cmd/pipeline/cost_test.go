package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
)

// books makes an embedded store of the pipeline lab with these calls in it, and returns
// a command line on it.
func books(t *testing.T, calls ...store.Call) func(args ...string) (code int, out, err string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "lab.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(t.Context(), path, "lab")
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		calls[i].ID = uuid.NewString()
	}
	if err := s.Book(t.Context(), calls); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	plan := filepath.Join(dir, "lab.yaml")
	text := "name: lab\nbroker: sqlite://" + path + "\nstore: sqlite://" + path + "\nsources: [{jsonl: in.jsonl}]\nsinks: [{jsonl: out.jsonl}]\nhttp: off\n"
	if err := os.WriteFile(plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) (int, string, string) {
		var out, err bytes.Buffer
		code := run(append(args, "-f", plan), stdio{strings.NewReader(""), &out, &err})
		return code, out.String(), err.String()
	}
}

func someCalls(now time.Time) []store.Call {
	ok := store.Call{At: now.Add(-time.Minute), Source: "globenewswire", Tickers: []string{"ACME"}, Provider: "anthropic",
		Model: "claude-haiku-5-5", Status: "ok", TokensIn: 500, TokensOut: 300, NanoDollars: 200_000}
	three := ok
	three.Tickers, three.NanoDollars = []string{"ACME", "BOLT", "CORE"}, 100_000_001
	failed := ok
	failed.Source, failed.Provider, failed.Model, failed.Status = "edgar-8k", "gemini", "gemini-3.8-flash", "auth"
	failed.TokensIn, failed.TokensOut, failed.NanoDollars = 0, 0, 0
	unknown := failed
	unknown.Status, unknown.Unpriced, unknown.TokensIn, unknown.Tickers, unknown.Model = "ok", true, 7, nil, "x\x1b[31mevil\nmodel"
	old := ok
	old.At, old.NanoDollars = now.Add(-5*24*time.Hour), 4_800_000_000
	return []store.Call{ok, three, failed, unknown, old}
}

func TestCost(t *testing.T) {
	now := time.Now()
	pipeline := books(t, someCalls(now)...)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--by", "source"}, `
SOURCE         CALLS  FAILED  TOKENS IN  TOKENS OUT     COST
globenewswire      3       0       1500         900  $4.9002
edgar-8k           2       1          7           0  $0.0000
total              5       1       1507         900  $4.9002
`},
		{[]string{"--by", "ticker"}, `
TICKER  CALLS  FAILED  TOKENS IN  TOKENS OUT     COST
ACME        4       1       1500         900  $4.8335
BOLT        1       0        500         300  $0.0333
CORE        1       0        500         300  $0.0333
(none)      1       0          7           0  $0.0000
total       5       1       1507         900  $4.9002
`},
		{[]string{"--by", "provider", "--since", "24h"}, `
PROVIDER   CALLS  FAILED  TOKENS IN  TOKENS OUT     COST
anthropic      2       0       1000         600  $0.1002
gemini         2       1          7           0  $0.0000
total          4       1       1007         600  $0.1002
`},
		{[]string{"--by", "model", "--since", now.UTC().Add(-24 * time.Hour).Format(time.DateOnly)}, `
MODEL             CALLS  FAILED  TOKENS IN  TOKENS OUT     COST
claude-haiku-5-5      2       0       1000         600  $0.1002
gemini-3.8-flash      1       1          0           0  $0.0000
x[31mevil model       1       0          7           0  $0.0000
total                 4       1       1007         600  $0.1002
`},
	} {
		code, out, errs := pipeline(append([]string{"cost"}, c.args...)...)
		table, rest, _ := strings.Cut(out, "\n\n")
		if diff := cmp.Diff(strings.TrimSpace(c.want), strings.TrimSpace(table)); code != 0 || diff != "" {
			t.Errorf("%v exits with %d: %s%s", c.args, code, diff, errs)
		}
		if !strings.HasPrefix(rest, "For 1 calls no price was known") {
			t.Errorf("%v does not say that a price is missing: %q", c.args, rest)
		}
	}
}

// As JSON sums are exact, and days in their order.
func TestCostJSON(t *testing.T) {
	now := time.Now()
	pipeline := books(t, someCalls(now)...)
	code, out, errs := pipeline("cost", "--format", "json")
	var got bill
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exits with %d (%s): %v in %s", code, errs, err, out)
	}
	day := func(ago time.Duration) string { return now.Add(-ago).UTC().Format(time.DateOnly) }
	want := bill{By: store.ByDay, Lines: []spending{
		{Name: day(5 * 24 * time.Hour), Calls: 1, TokensIn: 500, TokensOut: 300, NanoDollars: 4_800_000_000},
		{Name: day(time.Minute), Calls: 4, Failed: 1, Unpriced: 1, TokensIn: 1007, TokensOut: 600, NanoDollars: 100_200_001},
	}, Total: spending{Name: "total", Calls: 5, Failed: 1, Unpriced: 1, TokensIn: 1507, TokensOut: 900, NanoDollars: 4_900_200_001}}
	if took := got.To.Sub(got.From); took != 7*24*time.Hour {
		t.Errorf("it covers %v, want a week", took)
	}
	got.From, got.To = time.Time{}, time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDollars(t *testing.T) {
	for nano, want := range map[int64]string{
		0: "$0.0000", 49_999: "$0.0000", 50_000: "$0.0001", 99_949_999: "$0.0999", 999_950_000: "$1.0000",
		4_800_000_000: "$4.8000", 1<<63 - 1: "$9223372036.8548",
	} {
		if got := dollars(nano); got != want {
			t.Errorf("%d is %s, want %s", nano, got, want)
		}
	}
}
