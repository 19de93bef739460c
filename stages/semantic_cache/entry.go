package semanticcache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// maxText is how much of an article is compared. The story is at its start;
// further down, texts of one publisher are all alike.
const maxText = 1000

// An entry is an item as the cache sees it.
type entry struct {
	message *flows.Message
	scope   store.Scope
	hash    string // of all that the item says
	text    string // to embed; empty where only an equal hash will do
	vector  []float32
	subject subject
}

// exactVector stands in where there is no text to compare: the scope of such an
// entry holds nothing but its own hash.
var exactVector = []float32{1}

// entries returns those of batch that can be remembered and that are wanted.
func (s *stage) entries(batch []*flows.Message, wanted func(*flows.Message) bool) []entry {
	var entries []entry
	for _, m := range batch {
		if !wanted(m) {
			continue
		}
		if e, ok := s.entry(m); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

func (s *stage) entry(m *flows.Message) (e entry, ok bool) {
	if s.Mode == Off {
		return entry{}, false
	}
	e, ok = s.entryOf(m.Item)
	e.message = m
	return e, ok
}

func (s *stage) entryOf(item *news.Item) (e entry, ok bool) {
	filing := item.Form != "" || item.Accession != ""
	hash := news.ContentHash(item)
	if hash == "" || filing && item.Accession == "" {
		return entry{}, false
	}
	tickers := slices.Compact(slices.Sorted(slices.Values(item.Tickers)))
	e = entry{hash: hash, text: article(item)}
	kind, space, identity := "news/"+language(e.text), s.embedder.ID(), []string{s.Models(item)}
	if filing || len(tickers) == 0 || e.text == "" {
		e.text, e.vector = "", exactVector
		space = "exact"
		identity = append(identity, item.Accession, hash)
	}
	items := strings.Join(slices.Sorted(slices.Values(item.Items)), ",")
	if filing {
		kind = "filing"
		identity = append(identity, item.Form, items)
	}
	e.scope = store.Scope{
		Namespace: fmt.Sprintf("%s/%s/v%d/%s", kind, space, version, digest(identity)),
		Tickers:   strings.Join(tickers, ","),
	}
	e.subject = subject{
		Tickers: e.scope.Tickers, Form: item.Form, Items: items, Accession: item.Accession,
		Published: item.Published, Text: e.text,
	}
	return e, true
}

// EmbedderOf returns the ID of the embedder whose vectors a namespace of the store has; empty
// where texts must be equal, and for what is no such namespace.
func EmbedderOf(namespace string) string {
	parts := strings.Split(namespace, "/")
	if len(parts) < 5 || parts[0] != "news" { // news/language/embedder/version/digest
		return ""
	}
	if id := strings.Join(parts[2:len(parts)-2], "/"); id != "exact" {
		return id
	}
	return ""
}

// article is the part of an item that tells the story: title and lead.
func article(item *news.Item) string {
	text := item.Summary
	if strings.TrimSpace(text) == "" {
		text = item.Body
	}
	text = strings.TrimSpace(item.Title + "\n" + text)
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}

// key is what the verdict on a message's item is remembered as belonging to.
func key(m *flows.Message) string {
	if m.Item.Key != "" {
		return m.Item.Key
	}
	return m.ID
}

// digest hashes parts so that no other list of parts has the same hash.
func digest(parts []string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// embed makes the vectors that are missing, all at once.
func (s *stage) embed(ctx context.Context, entries []entry) error {
	var texts []string
	for _, e := range entries {
		if e.vector == nil {
			texts = append(texts, e.text)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	vectors, err := s.embedder.Embed(ctx, texts)
	if err != nil {
		return err
	}
	for i := range entries {
		if entries[i].vector == nil {
			entries[i].vector, vectors = vectors[0], vectors[1:]
		}
	}
	return nil
}
