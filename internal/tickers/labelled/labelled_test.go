package labelled

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"catalyst/internal/eval"
	"catalyst/internal/tickers"
)

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	file := `{"fields":["cik","name","ticker","exchange"],"data":[[11,"Anvil Works Inc.","ANVL","Nasdaq"]]}`
	if err := os.WriteFile(filepath.Join(dir, "company_tickers_exchange.json"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	list := tickers.New(nil, dir)
	if err := list.Load(); err != nil {
		t.Fatal(err)
	}
	r, err := Measure(strings.NewReader(`
{"title": "Anvil (NASDAQ: ANVL) and $OTHR", "company": "0000000011"}
{"title": "Anvil Works rises", "company": "11"}
{"title": "Nobody", "company": "99"}
{"title": "NYSE AND NASDAQ RISE", "want": []}
{"title": "Two", "tickers": ["AAA"], "want": ["AAA", "BBB"]}
`), list)
	if err != nil {
		t.Fatal(err)
	}
	if r.Items != 4 || r.Precision != (eval.Share{Hits: 2, Of: 3}) || r.Recall != (eval.Share{Hits: 2, Of: 3}) || len(r.Wrong) != 1 {
		t.Errorf("%+v", r)
	}
	var out strings.Builder
	if r.Print(&out); !strings.Contains(out.String(), "cashtag  0.000 (0 of 1") {
		t.Error(out.String())
	}
	for _, text := range []string{"", "{}", "no JSON", `{"title": 1, "want": []}`} {
		if _, err := Measure(strings.NewReader(text), list); err == nil {
			t.Errorf("%q is measured", text)
		}
	}
}
