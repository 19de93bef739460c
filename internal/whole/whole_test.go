package whole

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "file")
	for _, content := range []string{"first", "", "the second"} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("read %q, error %v; want %q", got, err, content)
		}
	}
	wantAlone(t, path)
}

// Of many that write at once one wins, and its file is not mixed with another's.
func TestWriteAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var writers sync.WaitGroup
	for i := range byte(8) {
		writers.Go(func() {
			if err := Write(path, bytes.Repeat([]byte{i}, 100_000)); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	got, err := os.ReadFile(path)
	if err != nil || len(got) != 100_000 || len(bytes.Trim(got, string(got[:1]))) != 0 {
		t.Errorf("%d bytes, error %v; want 100000 of one writer", len(got), err)
	}
	wantAlone(t, path)
}

// What cannot be put in its place leaves nothing behind.
func TestWriteFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "taken")
	if err := os.MkdirAll(filepath.Join(path, "inhabited"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	wantAlone(t, path)
	if err := Write(filepath.Join(path, "inhabited", "\x00"), nil); err == nil {
		t.Error("a name that cannot be: no error")
	}
}

func wantAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the file: %v, error %v", entries, err)
	}
}
