package client

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"catalyst/internal/edgar/edgartest"
)

func TestCompanies(t *testing.T) {
	s := edgartest.NewServer(t)
	s.List(
		edgartest.Company{CIK: 1652044, Ticker: "GOOGL", Name: "Alphabet Inc."},
		edgartest.Company{CIK: 1067983, Ticker: "BRK-B", Name: "Berkshire"},
		edgartest.Company{CIK: 1652044, Ticker: "GOOG", Name: "Alphabet Inc."},
	)
	c := asking(t, s, newMemory().limits())
	k := c.Companies()
	if k.Known() || k.Ticker("0001652044") != "" || k.CIK("GOOG") != "" {
		t.Error("something is known before the list was read")
	}
	for range 3 {
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Requests("/files")); n != 1 {
		t.Errorf("%d requests, want one a day", n)
	}
	check := func(k *Companies) {
		t.Helper()
		for cik, want := range map[string]string{"0001652044": "GOOGL", "1067983": "BRK-B", "7": "", "": "", "x": ""} {
			if got := k.Ticker(cik); got != want {
				t.Errorf("ticker of %q is %q, want %q", cik, got, want)
			}
		}
		for ticker, want := range map[string]string{"goog": "0001652044", "GOOGL": "0001652044", "BRK.B": "0001067983", "ZZZ": "", "": ""} {
			if got := k.CIK(ticker); got != want {
				t.Errorf("CIK of %q is %q, want %q", ticker, got, want)
			}
		}
	}
	check(k)

	// After a restart the copy is good for a day, and without EDGAR for as long as it takes.
	again := c.Companies()
	if err := again.Refresh(t.Context()); err != nil || len(s.Requests("/files")) != 1 {
		t.Errorf("after a restart: %v, %d requests; want none more", err, len(s.Requests("/files"))-1)
	}
	check(again)
	path := filepath.Join(c.config.Dir, "company_tickers.json")
	old := time.Now().AddDate(0, -2, 0)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	for name, fault := range map[string]string{"a web page": "<html></html>", "nobody": "{}", "half of it": `{"0":{"cik_str":1,`} {
		s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
			w.Write([]byte(fault))
			return true
		})
		offline := c.Companies()
		if err := offline.Refresh(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		asked := len(s.Requests("/files"))
		if err := offline.Refresh(t.Context()); err != nil || len(s.Requests("/files")) != asked {
			t.Errorf("%s: asked again at once: %v", name, err)
		}
		check(offline)
	}
	s.Fault(nil)
	late := c.Companies()
	if err := late.Refresh(t.Context()); err != nil {
		t.Errorf("with an old copy: %v", err)
	}
	if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("the copy was not renewed: %v", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func FuzzCompanies(f *testing.F) {
	f.Add([]byte(`{"0":{"cik_str":320193,"ticker":"AAPL","title":"Apple Inc."}}`))
	f.Add([]byte(`{"fields":["cik"],"data":[[1]]}`))
	f.Fuzz(func(t *testing.T, list []byte) {
		tickers, ciks, err := parseCompanies(list)
		if err == nil && (len(tickers) == 0 || len(ciks) == 0) {
			t.Error("no error and no company")
		}
	})
}
