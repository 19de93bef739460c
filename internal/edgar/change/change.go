// Package change compares a section of a filing with the same section a year
// before, as a reader would: which paragraphs are new, which have been rewritten
// and where, which are gone, and which have only moved or been given this year's
// dates.
//
// Paragraphs are aligned first, the same ones by their hash and the rewritten ones
// by the pairs of words they share; then the words of each rewritten paragraph. The
// work is near-linear in the length of the text, also where somebody wrote it to
// be slow to compare.
package change

// What the similarity of a section says of it.
const (
	// Different is the similarity below which a section has changed.
	Different = 0.90
	// VeryDifferent is the similarity below which it has changed a lot.
	VeryDifferent = 0.70
)

// A Report is what became of a section. Paragraphs without a word, and the page
// numbers and running heads between them, are in none of its parts.
type Report struct {
	// New, Removed are the paragraphs that have no counterpart: New in the order of the
	// current text, Removed in that of the prior one.
	New, Removed []Paragraph
	// Rewritten are the paragraphs that say something else in part, in the order of the
	// current text.
	Rewritten []Pair
	// Moved are the paragraphs that stand elsewhere and say the same.
	Moved []Move
	// Unchanged counts the paragraphs that stand where they stood and say the same.
	Unchanged int
	// Rolled counts those of Unchanged and Moved in which only dates moved on by a year.
	Rolled int
	// Similarity is the share of words that both texts have, 0 … 1: twice the words kept
	// by all words. It is 1 if both are empty.
	Similarity float64
}

// A Paragraph is one paragraph and its index in the text it was found in. Where the
// end of a page cut it in two it is whole again, and the index is that of its first
// part. Each row of a table that is one paragraph is a paragraph here.
type Paragraph struct {
	Index int
	Text  string
}

// A Move is the index of a paragraph in the prior and in the current text.
type Move struct{ Prior, Current int }

// A Pair is a paragraph that was rewritten.
type Pair struct {
	Prior, Current Paragraph
	// Edits are where they differ, from the first to the last.
	Edits []Edit
	// Similarity is as for the whole text.
	Similarity float64
	// Moved tells that it stands elsewhere, too.
	Moved bool

	words int // inserted and deleted
}

// An Edit is a stretch of the prior text that became a stretch of the current one.
// One of them may be empty: it is then where the other would stand. Both begin and
// end at words.
type Edit struct{ Prior, Current Span }

// A Span is text[Start:End] of a paragraph.
type Span struct{ Start, End int }

// Changed reports whether the section says something else than before.
func (r Report) Changed() bool { return r.Similarity < Different }

// High reports whether it says much else.
func (r Report) High() bool { return r.Similarity < VeryDifferent }

// Empty reports whether nothing is new, rewritten or removed.
func (r Report) Empty() bool { return len(r.New)+len(r.Rewritten)+len(r.Removed) == 0 }

// Compare reports how current differs from prior. Case, quotes, dashes, spaces and
// punctuation do not count, nor do dates and years that have moved on by one year.
// It may be called concurrently.
func Compare(prior, current []string) Report {
	dictionary := newDictionary()
	c := &comparison{prior: dictionary.read(prior), current: dictionary.read(current)}
	c.equal((*paragraph).exact)
	c.equal((*paragraph).rolled)
	c.similar()
	return c.report()
}

// A comparison holds both texts and which paragraph of one is which of the other.
type comparison struct {
	prior, current []paragraph
}

// report sums up. All that is matched is in both texts' match.
func (c *comparison) report() Report {
	var r Report
	stays := c.inOrder()
	words, kept := 0, 0
	for i := range c.prior {
		p := &c.prior[i]
		words += len(p.words)
		if p.match < 0 {
			r.Removed = append(r.Removed, Paragraph{p.index, p.text})
		}
	}
	for i := range c.current {
		p := &c.current[i]
		words += len(p.words)
		if p.match < 0 {
			r.New = append(r.New, Paragraph{p.index, p.text})
			continue
		}
		from := &c.prior[p.match]
		if p.pair != nil {
			p.pair.Moved = !stays[i]
			r.Rewritten = append(r.Rewritten, *p.pair)
			kept += (len(p.words) + len(from.words) - p.pair.words) / 2
			continue
		}
		kept += len(p.words)
		if p.exact() != from.exact() {
			r.Rolled++
		}
		if stays[i] {
			r.Unchanged++
		} else {
			r.Moved = append(r.Moved, Move{Prior: from.index, Current: p.index})
		}
	}
	r.Similarity = similarity(kept, words)
	return r
}

func similarity(kept, words int) float64 {
	if words == 0 {
		return 1
	}
	return 2 * float64(kept) / float64(words)
}
