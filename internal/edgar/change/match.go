package change

import "sort"

// equal matches the paragraphs whose hashes are equal, the first with the first.
func (c *comparison) equal(hash func(*paragraph) uint64) {
	waiting := map[uint64][]int{}
	for i := range c.prior {
		if p := &c.prior[i]; p.match < 0 {
			waiting[hash(p)] = append(waiting[hash(p)], i)
		}
	}
	for i := range c.current {
		p := &c.current[i]
		if p.match >= 0 {
			continue
		}
		h := hash(p)
		// Of one hash all have the same words but for dates, which are looked at for the
		// first only: a text of a thousand lines that differ in dates is not to be slow.
		if list := waiting[h]; len(list) > 0 && sameWords(c.prior[list[0]].words, p.words) {
			p.match, c.prior[list[0]].match = list[0], i
			waiting[h] = list[1:]
		}
	}
}

const (
	// maxPostings bounds how many paragraphs a pair of words may point to: what stands
	// in more of them tells none from another.
	maxPostings = 12
	// maxCandidates is how many paragraphs are kept for one to be matched with.
	maxCandidates = 6
	// minShared is the share of pairs of words that two paragraphs must have in common
	// to be compared word by word, and minKept the share of words to be called one
	// paragraph that was rewritten.
	minShared = 0.25
	minKept   = 0.45
)

// A candidate is a paragraph that another one may have come from.
type candidate struct {
	prior, current int
	score          float64
}

// similar matches paragraphs that were rewritten: those that share most pairs of
// words first.
func (c *comparison) similar() {
	postings := map[uint64][]int32{}
	for i := range c.prior {
		if c.prior[i].match >= 0 {
			continue
		}
		for _, shingle := range shingles(c.prior[i].words) {
			if list := postings[shingle]; len(list) <= maxPostings && (len(list) == 0 || list[len(list)-1] != int32(i)) {
				postings[shingle] = append(list, int32(i))
			}
		}
	}
	var candidates []candidate
	for i := range c.current {
		if c.current[i].match < 0 {
			candidates = append(candidates, c.candidates(i, postings)...)
		}
	}
	sort.SliceStable(candidates, func(a, b int) bool {
		x, y := candidates[a], candidates[b]
		if x.score != y.score {
			return x.score > y.score
		}
		return distance(x) < distance(y)
	})
	for _, m := range candidates {
		prior, current := &c.prior[m.prior], &c.current[m.current]
		if prior.match >= 0 || current.match >= 0 {
			continue
		}
		pair := rewritten(prior, current)
		if pair.Similarity < minKept {
			continue
		}
		prior.match, current.match, current.pair = m.current, m.prior, pair
	}
}

func distance(c candidate) int {
	if c.prior > c.current {
		return c.prior - c.current
	}
	return c.current - c.prior
}

// candidates are the paragraphs that share most with the one at i.
func (c *comparison) candidates(i int, postings map[uint64][]int32) []candidate {
	list := shingles(c.current[i].words)
	shared := map[int32]int{}
	for _, shingle := range list {
		if found := postings[shingle]; len(found) <= maxPostings {
			for _, prior := range found {
				shared[prior]++
			}
		}
	}
	var best []candidate
	for prior, n := range shared {
		score := 2 * float64(n) / float64(len(list)+len(c.prior[prior].words))
		if score >= minShared {
			best = append(best, candidate{prior: int(prior), current: i, score: score})
		}
	}
	sort.Slice(best, func(a, b int) bool {
		if best[a].score != best[b].score {
			return best[a].score > best[b].score
		}
		return best[a].prior < best[b].prior
	})
	return best[:min(len(best), maxCandidates)]
}

// shingles are the pairs of neighbouring words; the first word counts as one.
func shingles(words []word) []uint64 {
	list := make([]uint64, len(words))
	last := uint64(0)
	for i, w := range words {
		list[i] = mix(last, uint64(w.class))
		last = uint64(w.class)
	}
	return list
}

// inOrder tells for each paragraph of the current text whether it stands where it
// stood: it belongs to a longest run of matches that are in the same order in both.
func (c *comparison) inOrder() []bool {
	var places []int // in current
	for i := range c.current {
		if c.current[i].match >= 0 {
			places = append(places, i)
		}
	}
	stays := make([]bool, len(c.current))
	for _, k := range longestRun(len(places), func(k int) int { return c.current[places[k]].match }) {
		stays[places[k]] = true
	}
	return stays
}

// longestRun is the longest increasing run of n values, by their indexes.
func longestRun(n int, value func(int) int) []int {
	var tails []int // index of the smallest last value of a run of each length
	before := make([]int, n)
	for k := range n {
		at := sort.Search(len(tails), func(j int) bool { return value(tails[j]) >= value(k) })
		before[k] = -1
		if at > 0 {
			before[k] = tails[at-1]
		}
		if at == len(tails) {
			tails = append(tails, k)
		} else {
			tails[at] = k
		}
	}
	if len(tails) == 0 {
		return nil
	}
	run := make([]int, len(tails))
	for k, at := tails[len(tails)-1], len(tails)-1; k >= 0; k, at = before[k], at-1 {
		run[at] = k
	}
	return run
}
