package llm

import (
	"encoding/binary"
	"strings"
)

// A kindOfWords is a set of lists of phrases.
type kindOfWords uint8

const (
	ofDilution kindOfWords = 1 << iota
	ofEarnings
	ofClinical
	ofTrials
	ofPhases
	ofPartnership
)

// A phrasebook finds phrases of at least four bytes in one pass over a text: each of its
// places is looked up by its first four bytes, and most are those of no phrase.
type phrasebook struct {
	first [1 << 12]uint16 // by hash: the place in all of the last phrase that begins so; 0 is none
	all   []phrase
}

type phrase struct {
	text string
	kind kindOfWords
	next uint16 // with the same hash
}

func newPhrasebook(lists map[kindOfWords][]string) *phrasebook {
	b := &phrasebook{all: make([]phrase, 1)}
	for kind, texts := range lists {
		for _, text := range texts {
			h := beginning([]byte(text))
			b.all = append(b.all, phrase{text, kind, b.first[h]})
			b.first[h] = uint16(len(b.all) - 1)
		}
	}
	return b
}

// beginning is a hash of the first four bytes of text, of 12 bits.
func beginning(text []byte) uint32 { return binary.LittleEndian.Uint32(text) * 0x9e3779b1 >> 20 }

// find returns the kinds of the phrases that text has.
func (b *phrasebook) find(text []byte) (found kindOfWords) {
	for ; len(text) >= 4; text = text[1:] {
		for i := b.first[beginning(text)]; i != 0; {
			p := &b.all[i]
			if len(text) >= len(p.text) && string(text[:len(p.text)]) == p.text {
				found |= p.kind
			}
			i = p.next
		}
	}
	return found
}

// appendLower appends s in lower case.
func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 {
			return append(b, strings.ToLower(s[i:])...)
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		b = append(b, c)
	}
	return b
}
