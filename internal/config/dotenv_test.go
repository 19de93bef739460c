package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadDotEnv(t *testing.T) {
	t.Setenv("FROM_PROCESS", "process")
	path := writeFile(t, "\ufeff# what today's bot reads\r\n"+
		"MISTRAL_BATCH_SIZE=5\r\n"+
		"MISTRAL_BATCH_DELAY = 2.0 # seconds\r\n"+
		"export GEMINI_API_KEY='a$b$C${D}'\r\n"+
		"\r\n"+
		"PASSWORD=pa$$word$1x#y\r\n"+
		`QUOTED="two\nlines, a # and \"quotes\" "`+"\r\n"+
		"EMPTY=\r\n"+
		"HOST=localhost\r\n"+
		"URL=http://${HOST}:${PORT:-6379}/${FROM_PROCESS}${NOWHERE}\r\n"+
		"SELF=${SELF:-x}\r\n"+
		"LAST=end")
	got, err := LoadDotEnv(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"MISTRAL_BATCH_SIZE": "5", "MISTRAL_BATCH_DELAY": "2.0", "GEMINI_API_KEY": "a$b$C", "PASSWORD": "pa$$word$1x#y",
		"QUOTED": "two\nlines, a # and \"quotes\" ", "EMPTY": "", "HOST": "localhost",
		"URL": "http://localhost:6379/process", "SELF": "x", "LAST": "end",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadDotEnvMissing(t *testing.T) {
	vars, err := LoadDotEnv(filepath.Join(t.TempDir(), ".env"))
	if len(vars) != 0 || err != nil {
		t.Errorf("a file that is not there has %v, %v", vars, err)
	}
	if _, err := LoadDotEnv(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

// TestLoadDotEnvRefuses shows the line, and nothing of what the file holds.
func TestLoadDotEnvRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
	}{
		{"A=1\nB C=t0ps3cret\nD=2\n", 2},
		{"A=1\n\n# x\nTOKEN='t0ps3cret\nD=2\n", 4},
		{"t0ps3cret", 1},
		{"A=1\nt0ps3cret\nB=2\n", 2},
		{"A=1\n=t0ps3cret\n", 2},
		{"\xff\xfeA\x00=\x00", 1},
		{strings.Repeat("A=t0ps3cret\n", maxDotEnv/12+1), 0},
	} {
		_, err := LoadDotEnv(writeFile(t, c.text))
		var issue Issue
		if !errors.As(err, &issue) {
			t.Errorf("%.40q gives %v", c.text, err)
			continue
		}
		if issue.Line != c.line {
			t.Errorf("%.40q: line %d, want %d", c.text, issue.Line, c.line)
		}
		if strings.Contains(err.Error(), "t0ps3cret") {
			t.Errorf("a value is shown: %v", err)
		}
	}
}
