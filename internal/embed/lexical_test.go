package embed

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func cosine(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func similarity(tb testing.TB, a, b string) float64 {
	tb.Helper()
	v, err := Lexical{}.Embed(tb.Context(), []string{a, b})
	if err != nil {
		tb.Fatal(err)
	}
	return cosine(v[0], v[1])
}

func TestLexicalKnowsSpellingOnly(t *testing.T) {
	const story = "Harbor Biotech wins FDA approval for migraine drug"
	for _, c := range []struct {
		name, other string
		from, to    float64
	}{
		{"itself", story, 0.999999, 1.000001},
		{"case, space and punctuation", "HARBOR BIOTECH  wins, FDA-approval: for migraine drug!", 0.999999, 1.000001},
		{"reworded", "FDA approval won by Harbor Biotech for its migraine drug", 0.7, 0.95},
		{"another company", "Juniper Labs wins FDA approval for migraine drug", 0.5, 0.85},
		{"another story", "Copper prices slide as stockpiles grow in Asia", -0.2, 0.2},
	} {
		if got := similarity(t, story, c.other); got < c.from || got > c.to {
			t.Errorf("%s: similarity %.3f, want %.2f to %.2f", c.name, got, c.from, c.to)
		}
	}
}

func TestLexicalVectorsAreUnitOrZero(t *testing.T) {
	for text, want := range map[string]float64{
		"one":                                  1,
		"Ünïcode 株式会社 новости":                 1,
		strings.Repeat("much the same ", 9999): 1,
		"":                                     0,
		" \t\n":                                0,
		"… — !!! 🚀":                            0,
		"\xff\xfe":                             0,
	} {
		v, err := Lexical{}.Embed(t.Context(), []string{text})
		if err != nil {
			t.Fatal(err)
		}
		if len(v[0]) != Dimensions {
			t.Errorf("%.20q: %d dimensions, want %d", text, len(v[0]), Dimensions)
		}
		if got := math.Sqrt(cosine(v[0], v[0])); math.Abs(got-want) > 1e-6 {
			t.Errorf("%.20q: length %v, want %v", text, got, want)
		}
	}
}

// Stored vectors outlive the program that made them: the same text must give
// the same bits for as long as the ID is the same, on every platform.
func TestLexicalVectorsNeverChange(t *testing.T) {
	v, err := Lexical{}.Embed(t.Context(), []string{"Acme raises 2026 outlook; shares up 4.5%, 4.5%"})
	if err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for _, x := range v[0] {
		sum = mix(sum ^ uint64(math.Float32bits(x)))
	}
	if sum != goldenVector {
		t.Errorf("checksum %#x, want %#x: give the embedder another version", sum, uint64(goldenVector))
	}
}

func TestDecimalsStayWhole(t *testing.T) {
	var f features
	f.normalise("EPS of $2.10, up 1,200 (was 2.) x.y")
	if diff := cmp.Diff(" eps of 2.10 up 1,200 was 2 x y ", string(f.text)); diff != "" {
		t.Errorf("normalised (−want +got):\n%s", diff)
	}
}

func FuzzLexical(f *testing.F) {
	f.Add("Acme beats estimates, raises outlook 4.5%")
	f.Add("\xff1.\xff2")
	f.Add(strings.Repeat("Harbor Biotech Inc. said on Monday that revenue rose 12.5% to $41.7 million in the 3rd quarter. ", 30))
	f.Add(strings.Repeat("one day ", 200))
	f.Fuzz(func(t *testing.T, text string) {
		v := lexicalVector(text)
		length := math.Sqrt(cosine(v, v))
		if math.Abs(length) > 1e-5 && math.Abs(length-1) > 1e-5 {
			t.Errorf("length %v, want 0 or 1", length)
		}
		if again := lexicalVector(text); !cmp.Equal(v, again) {
			t.Error("a second call gives another vector")
		}
		if plain := plainVector(text); !cmp.Equal(v, plain) {
			t.Error("the order of the additions is not that of the hashes")
		}
		var n features
		n.normalise(text)
		if !utf8.ValidString(string(n.text)) {
			t.Errorf("normalised text %q is no UTF-8", string(n.text))
		}
	})
}

// plainVector is lexicalVector as its documentation has it.
func plainVector(text string) []float32 {
	var f features
	f.read(text)
	var sum [Dimensions]float64
	for _, family := range []struct {
		hashes []uint64
		weight float64
	}{{f.words, wordWeight}, {f.pairs, pairWeight}, {f.runs, runWeight}} {
		seen := map[uint64]int{}
		for _, h := range family.hashes {
			seen[h]++
		}
		for _, h := range slices.Sorted(maps.Keys(seen)) {
			sum[h%Dimensions] += float64(family.weight*math.Sqrt(float64(seen[h]))) * []float64{1, -1}[h>>63]
		}
	}
	v := make([]float32, Dimensions)
	for i, x := range sum {
		v[i] = float32(x)
	}
	normalise(v)
	return v
}

func BenchmarkLexicalHeadline(b *testing.B) {
	texts := []string{"Harbor Biotech wins FDA approval for migraine drug, raises full-year revenue outlook"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Lexical{}).Embed(b.Context(), texts); err != nil {
			b.Fatal(err)
		}
	}
}

// goldenVector is the checksum of one vector of lexical-v1.
const goldenVector = 0x692931b430cf06

func BenchmarkLexicalArticle(b *testing.B) {
	text := strings.Repeat("Harbor Biotech Inc. said on Monday that revenue rose 12.5% to $41.7 million in the 3rd quarter. ", 10)
	b.ReportAllocs()
	for b.Loop() {
		lexicalVector(text)
	}
}
