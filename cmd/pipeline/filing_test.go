package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"catalyst/internal/edgar/edgartest"
)

// filingOutput runs `pipeline filing` and returns what it prints, its exit code and its error.
func filingOutput(t *testing.T, env map[string]string, args ...string) (out string, code int, said string) {
	t.Helper()
	var printed bytes.Buffer
	a := &app{stdio: stdio{strings.NewReader(""), &printed, io.Discard}, env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	root := a.command()
	root.SetArgs(append([]string{"filing"}, args...))
	err := root.ExecuteContext(t.Context())
	var wrong usageError
	switch {
	case err == nil:
		return printed.String(), 0, ""
	case errors.As(err, &wrong):
		return printed.String(), exitUsage, err.Error()
	}
	return printed.String(), exitFailed, err.Error()
}

func TestFilingByItsAddress(t *testing.T) {
	t.Chdir(t.TempDir())
	sec := edgartest.NewServer(t)
	sec.Add(edgartest.Filing{
		Accession: "0001234567-26-000002", Form: "8-K", Filers: []edgartest.Filer{{Name: "Halvorsen Robotics Inc", CIK: "0001234567", Role: "Filer"}},
		Accepted: time.Now(), Submission: reported(results, "2.02. Results of Operations and Financial Condition"),
	})
	address := sec.URL + "/Archives/edgar/data/1234567/000123456726000002/0001234567-26-000002-index.htm"
	env := map[string]string{"EDGAR_CONTACT": "Example Ltd news@example.com", "EDGAR_URL": sec.URL}

	out, code, said := filingOutput(t, env, address, "--part", "EX-99.1", "--show", "numbers")
	if code != 0 || !strings.Contains(out, `Revenue $57.0 million (Q3 2026), was $35.1 million  ("$57.0 million"`) || !strings.Contains(out, "EPS (diluted) $1.30") {
		t.Errorf("exit code %d, %s\n%s", code, said, out)
	}
	var view filingView
	if out, code, said = filingOutput(t, env, address, "--format", "json"); code != 0 || json.Unmarshal([]byte(out), &view) != nil || len(view.Sections) != 1 || len(view.Documents) != 2 {
		t.Errorf("exit code %d, %s\n%s", code, said, out)
	}
	if left, _ := filepath.Glob("*"); len(left) != 0 {
		t.Errorf("it leaves %q behind", left)
	}
	asked := len(sec.Requests("/"))
	for want, test := range map[string]struct{ contact, address string }{
		"EDGAR_CONTACT is not set":     {"", address},
		"names an address that nobody": {"Example Ltd noreply@example.com", address},
		"is not on EDGAR":              {env["EDGAR_CONTACT"], "https://example.com/Archives/edgar/data/1/x.htm"},
		"is no document of a filing":   {env["EDGAR_CONTACT"], sec.URL + "/cgi-bin/browse-edgar"},
	} {
		if _, code, said := filingOutput(t, map[string]string{"EDGAR_CONTACT": test.contact, "EDGAR_URL": sec.URL}, test.address); code != 2 || !strings.Contains(said, want) {
			t.Errorf("exit code %d, %q; want 2 and %q", code, said, want)
		}
	}
	if n := len(sec.Requests("/")); n != asked || len(sec.Violations()) != 0 {
		t.Errorf("%d requests for what must not be asked, violations %q", n-asked, sec.Violations())
	}
}

// Beside a pipeline the limit is the pipeline's: what its store says of a refusal holds here.
func TestFilingKeepsToThePipelinesLimit(t *testing.T) {
	t.Chdir(t.TempDir())
	sec := edgartest.NewServer(t)
	env := map[string]string{"EDGAR_CONTACT": "Example Ltd news@example.com", "EDGAR_URL": sec.URL}
	if err := os.WriteFile("pipeline.yaml", []byte("name: x\nbroker: sqlite://x.db\nstore: sqlite://x.db\nsources: [jsonl: x.jsonl]\nsinks: [console]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sec.Limit = -1 // it refuses everything
	address := sec.URL + "/Archives/edgar/data/1234567/000123456726000002/x.htm"
	for range 3 {
		if _, code, said := filingOutput(t, env, address); code != 1 || !strings.Contains(said, "refuse") {
			t.Errorf("exit code %d, %q; want that EDGAR refuses", code, said)
		}
	}
	if n := len(sec.Requests("/")); n != 1 {
		t.Errorf("%d requests, want one: each start must know of the refusal", n)
	}
}

func TestFilingAgainstThatOfTheYearBefore(t *testing.T) {
	t.Chdir(t.TempDir())
	const grew, fell = "Sales of robots grew since two large mines were opened in the course of the year.", "Net losses widened because our largest customer went bankrupt, and will order nothing more."
	for name, text := range map[string]string{"2024.txt": annually("2024-12-31", grew), "2025.txt": annually("2025-12-31", fell), "8-k.txt": reported(results, "2.02. Results")} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, code, said := filingOutput(t, nil, "2025.txt", "--against", "2024.txt")
	for _, want := range []string{
		"filing    10-K · 2025-12-31\nagainst   10-K · 2024-12-31\n", "── Part II, Item 7. Management's Discussion and Analysis\nhigh, similarity 0.", "New:\n- " + fell + "\nRemoved:\n- " + grew,
		"── Part I, Item 1A. Risk Factors\nnone, similarity 1.00: 0 new, 0 rewritten, 0 removed, 0 moved, 1 unchanged\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %s; no %q in\n%s", code, said, want, out)
		}
	}
	var view changeView
	if out, _, _ = filingOutput(t, nil, "2025.txt", "--against", "2024.txt", "--format", "json"); json.Unmarshal([]byte(out), &view) != nil || len(view.Sections) != 3 ||
		view.Sections[0].Change != "high" || view.Sections[0].New[0] != fell || view.Sections[0].Removed[0] != grew || view.Sections[2].Change != "none" {
		t.Errorf("as JSON:\n%s", out)
	}
	for want, args := range map[string][]string{
		"cannot be compared":        {"8-k.txt", "--against", "2024.txt"},
		"takes none of --show":      {"2025.txt", "--against", "2024.txt", "--show", "items"},
		"read filing":               {"2025.txt", "--against", "missing.txt"},
		"name a file for the other": {"-", "--against", "-"},
	} {
		if _, code, said := filingOutput(t, nil, args...); code != 2 || !strings.Contains(said, want) {
			t.Errorf("%q: exit code %d, %q; want 2 and %q", args, code, said, want)
		}
	}
}
