package embed

import (
	"context"
	"iter"
	"math"
	"math/bits"
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
	f.add(&sum, f.words, wordWeight)
	f.add(&sum, f.pairs, pairWeight)
	f.add(&sum, f.runs, runWeight)

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
func (f *features) add(sum *[Dimensions]float64, hashes []uint64, weight float64) {
	for hashes := range f.sorted(hashes) {
		for i := 0; i < len(hashes); {
			h, first := hashes[i], i
			for i < len(hashes) && hashes[i] == h {
				i++
			}
			w := weight
			if n := i - first; n > 1 {
				w = float64(weight * math.Sqrt(float64(n)))
			}
			if h>>63 == 1 {
				w = -w
			}
			sum[h%Dimensions] += w
		}
	}
}

// sorted yields hashes in order, as far as those of one dimension go: sorting many is most
// of the work, and a few together are done sooner.
func (f *features) sorted(hashes []uint64) iter.Seq[[]uint64] {
	return func(yield func([]uint64) bool) {
		var ends [Dimensions]int32
		groups := min(uint64(1)<<bits.Len(uint(len(hashes)/4)), Dimensions) // of about four; a divisor of Dimensions
		for _, h := range hashes {
			ends[h&(groups-1)]++
		}
		var total int32
		for g := range ends[:groups] {
			ends[g], total = total, total+ends[g]
		}
		f.grouped = slices.Grow(f.grouped[:0], len(hashes))[:len(hashes)]
		for _, h := range hashes {
			end := &ends[h&(groups-1)]
			f.grouped[*end] = h
			*end++
		}
		var start int32
		for _, end := range ends[:groups] {
			group := f.grouped[start:end]
			if len(group) > 1 {
				slices.Sort(group)
			}
			if !yield(group) {
				return
			}
			start = end
		}
	}
}

// features are the hashes of a text's features, by family.
type features struct {
	text               []rune // normalised: " acme beats estimates "
	words, pairs, runs []uint64
	grouped            []uint64 // those of a family, by dimension
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
		word := mix(hash('w', f.text[start:i]))
		f.words = append(f.words, word)
		if before != 0 {
			f.pairs = append(f.pairs, mix(before*31+word))
		}
		before, start = word, i+1
	}
	for i := 0; i+3 <= len(f.text); i++ {
		three := hash('r', f.text[i:i+3])
		f.runs = append(f.runs, mix(three))
		if i+4 <= len(f.text) {
			f.runs = append(f.runs, mix(extend(three, f.text[i+3])))
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
		if r < 0x80 && lowerASCII[r] != 0 { // as most are
			if gap {
				f.text = append(f.text, ' ')
			}
			f.text = append(f.text, lowerASCII[r])
			gap, last = false, r
			continue
		}
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

// lowerASCII has letters in lower case and digits; all else is 0.
var lowerASCII = func() (lower [0x80]rune) {
	for r := range rune(0x80) {
		if wordRune(r) {
			lower[r] = unicode.ToLower(r)
		}
	}
	return lower
}()

func wordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

func decimalMark(r rune) bool { return r == '.' || r == ',' }
func digit(r rune) bool       { return '0' <= r && r <= '9' }

// hash is FNV-1a over runes, to be mixed so that all bits count. family keeps the
// word "acme" and the run "acme" apart.
func hash(family uint64, runes []rune) uint64 {
	h := (uint64(14695981039346656037) ^ family) * 1099511628211
	for _, r := range runes {
		h = extend(h, r)
	}
	return h
}

func extend(h uint64, r rune) uint64 { return (h ^ uint64(r)) * 1099511628211 }

// mix is the finaliser of SplitMix64. FNV alone leaves the upper bits of short
// inputs poor.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
