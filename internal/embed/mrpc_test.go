package embed

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"catalyst/internal/testenv"
)

// A threshold of 0.95 is only as good as the embedder. On labelled pairs of
// news sentences, where the unequal ones share most of their words, it must let
// hardly a false one through; it finds few true ones, too, and the README says so.
func TestLexicalOnParaphrases(t *testing.T) {
	root := testenv.SharedData(t, "../../../shared/data/eval")
	file, err := os.Open(filepath.Join(root, "mrpc_pairs.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	type pair struct {
		same       bool
		similarity float64
	}
	var pairs []pair
	lines := bufio.NewScanner(file)
	lines.Scan() // the heading
	for lines.Scan() {
		if f := strings.Split(lines.Text(), "\t"); len(f) == 5 {
			pairs = append(pairs, pair{f[0] == "1", similarity(t, f[3], f[4])})
		}
	}
	if len(pairs) < 4000 {
		t.Fatalf("read %d pairs, want about 4,076", len(pairs))
	}
	for _, threshold := range []float64{0.70, 0.80, 0.85, 0.90, 0.95} {
		var hits, right, same int
		for _, p := range pairs {
			if p.same {
				same++
			}
			if p.similarity >= threshold {
				hits++
				if p.same {
					right++
				}
			}
		}
		precision, recall := float64(right)/float64(max(hits, 1)), float64(right)/float64(same)
		t.Logf("threshold %.2f: %4d hits, precision %.3f, recall %.3f", threshold, hits, precision, recall)
		if threshold == 0.95 && precision < 0.97 {
			t.Errorf("precision at 0.95 is %.3f, want at least 0.97", precision)
		}
	}
}
