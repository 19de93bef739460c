package change

// rewritten compares two paragraphs word by word.
func rewritten(prior, current *paragraph) *Pair {
	pair := &Pair{Prior: Paragraph{prior.index, prior.text}, Current: Paragraph{current.index, current.text}}
	for _, h := range joined(prior.words, differences(prior.words, current.words)) {
		pair.words += h.a1 - h.a0 + h.b1 - h.b0
		pair.Edits = append(pair.Edits, Edit{Prior: span(prior, h.a0, h.a1), Current: span(current, h.b0, h.b1)})
	}
	words := len(prior.words) + len(current.words)
	pair.Similarity = similarity((words-pair.words)/2, words)
	return pair
}

// span is where the words stand. No words are an empty span before the next one.
func span(p *paragraph, from, to int) Span {
	switch {
	case from < to:
		return Span{p.words[from].start, p.words[to-1].end}
	case from < len(p.words):
		return Span{p.words[from].start, p.words[from].start}
	}
	return Span{len(p.text), len(p.text)}
}

// A hunk says that words a0…a1 became b0…b1.
type hunk struct{ a0, a1, b0, b1 int }

// joined makes one hunk of two that have but one short word of a between them, an
// "of" or an "and" that is in both by chance.
func joined(a []word, hunks []hunk) []hunk {
	var list []hunk
	for _, h := range hunks {
		if n := len(list); n > 0 {
			last := &list[n-1]
			if kept := h.a0 - last.a1; kept == 0 || kept == 1 && a[last.a1].end-a[last.a1].start <= 3 {
				last.a1, last.b1 = h.a1, h.b1
				continue
			}
		}
		list = append(list, h)
	}
	return list
}

// maxEdits bounds the search between two anchors. What differs in more words than
// that is replaced as a whole: it would not be read word by word either.
const maxEdits = 200

// differences are the hunks that make b of a. The texts are first cut where three
// words stand together that do so once in each; what lies between is searched with
// the algorithm of Myers.
func differences(a, b []word) []hunk {
	var hunks []hunk
	i, j := 0, 0
	for _, at := range append(anchors(a, b), [2]int{len(a), len(b)}) {
		hunks = append(hunks, between(a, b, i, at[0], j, at[1])...)
		i, j = at[0], at[1]
	}
	return hunks
}

// anchors are places in both that are the same, in order.
func anchors(a, b []word) [][2]int {
	if len(a)+len(b) < 64 {
		return nil
	}
	const once, more = 1, 2
	places := make(map[uint64]int, len(a))
	counts := make(map[uint64]uint8, len(a))
	count := func(words []word, unit uint8, place bool) {
		for i := 0; i+2 < len(words); i++ {
			h := hash(words[i:i+3], false)
			if c := counts[h]; c&(unit*(once|more)) == 0 {
				counts[h] = c | unit*once
			} else {
				counts[h] = c | unit*more
			}
			if place {
				places[h] = i
			}
		}
	}
	count(a, 1, true)
	count(b, 4, false)
	var list [][2]int
	for j := 0; j+2 < len(b); j++ {
		h := hash(b[j:j+3], false)
		if counts[h] != 1|4 {
			continue
		}
		if i := places[h]; a[i].id == b[j].id {
			list = append(list, [2]int{i, j})
		}
	}
	var ordered [][2]int
	for _, k := range longestRun(len(list), func(k int) int { return list[k][0] }) {
		ordered = append(ordered, list[k])
	}
	return ordered
}

// between compares a[i0:i1] with b[j0:j1].
func between(a, b []word, i0, i1, j0, j1 int) []hunk {
	for i0 < i1 && j0 < j1 && same(a[i0], b[j0]) {
		i0, j0 = i0+1, j0+1
	}
	for i0 < i1 && j0 < j1 && same(a[i1-1], b[j1-1]) {
		i1, j1 = i1-1, j1-1
	}
	switch {
	case i0 == i1 && j0 == j1:
		return nil
	case i0 == i1 || j0 == j1:
		return []hunk{{i0, i1, j0, j1}}
	}
	hunks, ok := myers(a[i0:i1], b[j0:j1])
	if !ok {
		return []hunk{{i0, i1, j0, j1}}
	}
	for k := range hunks {
		hunks[k].a0, hunks[k].a1 = hunks[k].a0+i0, hunks[k].a1+i0
		hunks[k].b0, hunks[k].b1 = hunks[k].b0+j0, hunks[k].b1+j0
	}
	return hunks
}

// myers is the greedy algorithm of "An O(ND) Difference Algorithm and Its
// Variations" (1986). It gives up after maxEdits words.
func myers(a, b []word) ([]hunk, bool) {
	n, m := len(a), len(b)
	limit := min(n+m, maxEdits)
	if n-m > limit || m-n > limit {
		return nil, false
	}
	reach := make([]int, 2*limit+3)
	at := func(k int) *int { return &reach[k+limit+1] }
	var trace [][]int
	for d := 0; d <= limit; d++ {
		trace = append(trace, append([]int(nil), reach[limit+1-d:limit+2+d]...))
		for k := -d; k <= d; k += 2 {
			x := *at(k - 1) + 1
			if k == -d || k != d && *at(k - 1) < *at(k + 1) {
				x = *at(k + 1)
			}
			y := x - k
			for x < n && y < m && y >= 0 && same(a[x], b[y]) {
				x, y = x+1, y+1
			}
			*at(k) = x
			if x >= n && y >= m {
				return walkBack(trace, n, m, d), true
			}
		}
	}
	return nil, false
}

// walkBack reads the hunks off the trace, from the end. trace[d] holds how far each
// diagonal -d … d reached before step d.
func walkBack(trace [][]int, n, m, d int) []hunk {
	var reversed []hunk
	x, y := n, m
	for ; d > 0; d-- {
		k := x - y
		row := func(k int) int { return trace[d][k+d] }
		down := k == -d || k != d && row(k-1) < row(k+1)
		if down {
			k++
		} else {
			k--
		}
		px := row(k)
		py := px - k
		// The step from (px, py), then equal words up to (x, y).
		h := hunk{px, px + 1, py, py}
		if down {
			h = hunk{px, px, py, py + 1}
		}
		if len(reversed) > 0 {
			if last := &reversed[len(reversed)-1]; last.a0 == h.a1 && last.b0 == h.b1 {
				last.a0, last.b0 = h.a0, h.b0
				x, y = px, py
				continue
			}
		}
		reversed = append(reversed, h)
		x, y = px, py
	}
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return reversed
}
