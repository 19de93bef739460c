package config

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestIssue(t *testing.T) {
	for _, c := range []struct {
		issue Issue
		want  string
	}{
		{Issue{"pipeline.yaml", 14, 7, "batch", `unknown key "sise"`, `did you mean "size"?`}, `pipeline.yaml:14:7: batch: unknown key "sise" (did you mean "size"?)`},
		{Issue{File: "p.yaml", Line: 3, Message: "m"}, "p.yaml:3:1: m"},
		{Issue{File: ".env", Message: "m"}, ".env: m"},
	} {
		if got := c.issue.Error(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestIssues(t *testing.T) {
	issues := Issues{
		{File: "p.yaml", Line: 9, Col: 1, Message: "last"},
		{File: "p.yaml", Line: 2, Col: 5, Path: "a", Message: "second, 100%:\nof two lines"},
		{File: "p.yaml", Line: 2, Col: 3, Message: "first"},
		{File: "p.yaml", Line: 9, Col: 1, Message: "last"},
	}.Sorted()
	wantText := "p.yaml:2:3: first\np.yaml:2:5: a: second, 100%:\nof two lines\np.yaml:9:1: last"
	if got := issues.Error(); got != wantText {
		t.Errorf("got\n%s\nwant\n%s", got, wantText)
	}
	wantGitHub := "::error file=p.yaml,line=2,col=3::first\n" +
		"::error file=p.yaml,line=2,col=5::a: second, 100%25:%0Aof two lines\n" +
		"::error file=p.yaml,line=9,col=1::last\n"
	if diff := cmp.Diff(wantGitHub, issues.GitHub()); diff != "" {
		t.Error(diff)
	}
	if got := (Issues{{File: "a,b:c.yaml", Message: "m"}}).GitHub(); got != "::error file=a%2Cb%3Ac.yaml::m\n" {
		t.Errorf("a strange file name gives %q", got)
	}
	encoded, err := Issues{{File: "p.yaml", Line: 2, Col: 3, Message: "first"}}.JSON()
	wantJSON := "[\n  {\n    \"file\": \"p.yaml\",\n    \"line\": 2,\n    \"col\": 3,\n    \"message\": \"first\"\n  }\n]"
	if err != nil || string(encoded) != wantJSON {
		t.Errorf("got %s, %v", encoded, err)
	}
	if empty, _ := Issues(nil).JSON(); string(empty) != "[]" {
		t.Errorf("no issues are %s, want []", empty)
	}
	if err := Issues(nil).Err(); err != nil {
		t.Errorf("no issues are the error %v", err)
	}
	var first Issue
	if err := issues.Err(); !errors.As(err, &first) || first.Message != "first" {
		t.Errorf("errors.As finds %v", first)
	}
}

// TestMistakes reads a file with many mistakes, as the commands would, and holds
// what people see to the golden file. `go test -update` writes it anew.
func TestMistakes(t *testing.T) {
	text, err := os.ReadFile("testdata/mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, issues := Load("mistakes.yaml", text, environment("WORD", "t0ps3cret", "DATABASE_URL", "postgres://me:t0ps3cret@[::1:5432/db"))
	r := NewReader(doc)
	r.Add(issues...)
	for key, value := range Pairs(doc.Root) {
		switch key.Value {
		case "everything":
			var into everything
			r.Decode(key.Value, key, value, &into)
		case "feed":
			var into required
			r.Decode(key.Value, key, value, &into, "every")
		case "judged":
			into := judged{verdict: func(j *judged) error {
				return errors.Join(
					At("low", "%d is above high, which is %d", j.Low, j.High),
					At("url", "parse %q: missing ']' in host", j.URL),
					At("tiers[1].model", "is not one that %s has", j.Tiers[1].Name),
				)
			}}
			r.Decode(key.Value, key, value, &into)
		default:
			r.ReportUnknown(key, "", "key", key.Value, []string{"everything", "feed", "judged"})
		}
	}
	got := r.Issues().Error() + "\n"
	if *update {
		if err := os.WriteFile("testdata/mistakes.golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/mistakes.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(got, "t0ps3cret") {
		t.Error("a secret is shown")
	}
}
