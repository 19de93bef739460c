package embed

import (
	"context"
	"math"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Dimensions is the length of [Lexical]'s vectors.
const Dimensions = 512

// maxLexicalText is how many bytes of a text count, so that one text costs at
// most a few milliseconds.
const maxLexicalText = 16 << 10

// Lexical compares spelling, not meaning: words, pairs of words, and runs of
// three and four characters, hashed into 512 signed dimensions. It finds
// reworded copies of one text. It knows no synonyms, and numbers and "not" are
// to it as light as any other word.
//
// It needs no model and no service, and gives the same vectors, bit by bit, on
// every platform.
type Lexical struct{}

// ID is "lexical-v1/512". Any change to a vector changes it.
func (Lexical) ID() string { return "lexical-v1/512" }

// Embed never fails, except when ctx has ended.
func (Lexical) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		vectors[i] = lexicalVector(text)
	}
	return vectors, nil
}

// What a feature of each family weighs. There are about ten times as many runs of
// characters as words.
const (
	wordWeight = 1.0
	pairWeight = 0.7
	runWeight  = 0.4
)

func lexicalVector(text string) []float32 {
	f := featurePool.Get().(*features)
	defer featurePool.Put(f)
	f.reset()
	f.read(text)

	var sum [Dimensions]float64
	add(&sum, f.words, wordWeight)
	add(&sum, f.pairs, pairWeight)
	add(&sum, f.runs, runWeight)

	v := make([]float32, Dimensions)
	for i, x := range sum {
		v[i] = float32(x)
	}
	normalise(v)
	return v
}

// add counts equal hashes; a feature seen n times weighs √n, as the second
// mention of a word says less than the first. (A square root, unlike a logarithm,
// has the same last bit everywhere.) The order of additions is that of the
// hashes, so it does not depend on the text.
func add(sum *[Dimensions]float64, hashes []uint64, weight float64) {
	slices.Sort(hashes)
	for i := 0; i < len(hashes); {
		h, first := hashes[i], i
		for i < len(hashes) && hashes[i] == h {
			i++
		}
		w := float64(weight * math.Sqrt(float64(i-first)))
		if h>>63 == 1 {
			w = -w
		}
		sum[h%Dimensions] += w
	}
}

// features are the hashes of a text's features, by family.
type features struct {
	text               []rune // normalised: " acme beats estimates "
	words, pairs, runs []uint64
}

var featurePool = sync.Pool{New: func() any { return new(features) }}

func (f *features) reset() {
	f.text, f.words, f.pairs, f.runs = f.text[:0], f.words[:0], f.pairs[:0], f.runs[:0]
}

func (f *features) read(text string) {
	f.normalise(text)
	start := 1
	var before uint64
	for i := 1; i < len(f.text); i++ {
		if f.text[i] != ' ' {
			continue
		}
		word := hashRunes('w', f.text[start:i])
		f.words = append(f.words, word)
		if before != 0 {
			f.pairs = append(f.pairs, mix(before*31+word))
		}
		before, start = word, i+1
	}
	for n := 3; n <= 4; n++ {
		for i := 0; i+n <= len(f.text); i++ {
			f.runs = append(f.runs, hashRunes('r', f.text[i:i+n]))
		}
	}
}

// normalise keeps letters in lower case and digits; whatever lies between words
// becomes one space, and so do both ends. A point or comma between digits stays,
// because 2.10 is not 2 and 10.
func (f *features) normalise(text string) {
	if len(text) > maxLexicalText {
		text = text[:maxLexicalText]
	}
	gap, last := true, ' '
	for i, r := range text {
		if !wordRune(r) && !(decimalMark(r) && digit(last) && i+1 < len(text) && digit(rune(text[i+1]))) {
			gap, last = true, r
			continue
		}
		if gap {
			f.text = append(f.text, ' ')
		}
		f.text = append(f.text, unicode.ToLower(r))
		gap, last = false, r
	}
	if len(f.text) > 0 {
		f.text = append(f.text, ' ')
	}
}

func wordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

func decimalMark(r rune) bool { return r == '.' || r == ',' }
func digit(r rune) bool       { return '0' <= r && r <= '9' }

// hashRunes is FNV-1a over runes, mixed so that all bits count. family keeps the
// word "acme" and the run "acme" apart.
func hashRunes(family uint64, runes []rune) uint64 {
	h := (uint64(14695981039346656037) ^ family) * 1099511628211
	for _, r := range runes {
		h = (h ^ uint64(r)) * 1099511628211
	}
	return mix(h)
}

// mix is the finaliser of SplitMix64. FNV alone leaves the upper bits of short
// inputs poor.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
