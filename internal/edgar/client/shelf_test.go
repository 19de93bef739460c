package client

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func kept(t *testing.T, s *Shelf, accession string) string {
	t.Helper()
	text, err := s.Get(accession, 1<<20)
	if err != nil {
		t.Errorf("get %s: %v", accession, err)
	}
	return string(text)
}

func TestShelfKeeps(t *testing.T) {
	s := &Shelf{Dir: filepath.Join(t.TempDir(), "new"), Keep: time.Hour, Size: 1 << 20}
	const accession = "0001234567-26-000001"
	if got := kept(t, s, accession); got != "" {
		t.Errorf("an empty shelf has %q", got)
	}
	for range 2 {
		if err := s.Put(accession, []byte("text")); err != nil {
			t.Fatal(err)
		}
	}
	again := &Shelf{Dir: s.Dir, Keep: time.Hour, Size: 1 << 20} // after a restart
	if got := kept(t, again, accession); got != "text" {
		t.Errorf("kept %q, want text", got)
	}
	if text, err := s.Get(accession, 3); text != nil || err != nil {
		t.Errorf("longer than wanted: %q, %v; want none", text, err)
	}
	for _, hostile := range []string{"", "..", "../../etc/passwd", "0001234567-26-000001/../x"} {
		if err := s.Put(hostile, nil); err == nil {
			t.Errorf("put %q", hostile)
		}
		if _, err := s.Get(hostile, 1); err == nil {
			t.Errorf("got %q", hostile)
		}
	}
}

func TestShelfForgetsDamageAndAge(t *testing.T) {
	s := &Shelf{Dir: t.TempDir(), Keep: time.Hour, Size: 1 << 20}
	const accession = "0001234567-26-000001"
	if err := s.Put(accession, []byte(strings.Repeat("text", 1000))); err != nil {
		t.Fatal(err)
	}
	path, _ := s.path(accession)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{nil, whole[:5], whole[:len(whole)-1], []byte("not gzip")} {
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := kept(t, s, accession); got != "" {
			t.Errorf("%d bytes of %d are taken for %.20q", len(damaged), len(whole), got)
		}
	}
	if err := s.Put(accession, []byte("text")); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, s, accession); got != "" {
		t.Errorf("after its time it is %q", got)
	}
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the sweep left what is too old")
	}
}

func TestShelfIsBounded(t *testing.T) {
	s := &Shelf{Dir: t.TempDir(), Keep: time.Hour, Size: 20_000}
	var wg sync.WaitGroup
	for p := range 4 {
		wg.Go(func() {
			for i := range 200 {
				if err := s.Put(fmt.Sprintf("%010d-26-%06d", p, i), []byte(strings.Repeat(fmt.Sprint(i), 300))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Put("0000000009-26-000001", []byte("the latest")); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	var size int64
	filepath.Walk(s.Dir, func(_ string, info os.FileInfo, _ error) error {
		if !info.IsDir() {
			size += info.Size()
		}
		return nil
	})
	if size > s.Size || size < s.Size/2 {
		t.Errorf("%d bytes are kept, want at most %d and not much less", size, s.Size)
	}
	if got := kept(t, s, "0000000009-26-000001"); got != "the latest" {
		t.Errorf("the latest is %q", got)
	}
	if err := (&Shelf{Dir: filepath.Join(s.Dir, "none")}).Sweep(); err != nil {
		t.Errorf("sweep of no folder: %v", err)
	}
}
