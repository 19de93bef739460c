package config

import (
	"strings"
	"unicode/utf8"
)

// Suggest returns the word of from that was probably meant by word, or nothing
// where none is near: at most a third of the letters differ, or one is the
// beginning of the other.
func Suggest(word string, from []string) string {
	const longest = 64 // nobody mistypes more than that; it bounds the work
	word = plainWord(word)
	if n := utf8.RuneCountInString(word); n == 0 || n > longest {
		return ""
	}
	best, bestDistance := "", longest
	for _, candidate := range from {
		plain := plainWord(candidate)
		n := utf8.RuneCountInString(plain)
		if n == 0 || n > longest {
			continue
		}
		distance := editDistance([]rune(word), []rune(plain))
		near := distance <= max(1, max(n, utf8.RuneCountInString(word))/3)
		if !near && min(len(word), len(plain)) >= 3 && (strings.HasPrefix(plain, word) || strings.HasPrefix(word, plain)) {
			near, distance = true, longest-1 // a beginning is a guess: any near word is better
		}
		if near && distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// didYouMean is a hint: the word that was probably meant, or else all that may
// be written, if that is little enough to read.
func didYouMean(word string, from []string) string {
	if s := Suggest(word, from); s != "" {
		return "did you mean " + quote(s) + "?"
	}
	if len(from) == 0 || len(from) > 12 {
		return ""
	}
	return "one of " + strings.Join(from, ", ")
}

// plainWord makes batch-size, BatchSize and batch_size the same.
func plainWord(word string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(word))
}

// editDistance counts the letters to insert, drop, replace or swap with their
// neighbour to get from a to b.
func editDistance(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
