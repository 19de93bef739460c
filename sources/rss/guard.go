package rss

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"

	"github.com/mmcdole/gofeed"
	"golang.org/x/net/html/charset"
)

// What a feed may have. Real ones stay far below: the largest known, EDGAR's list of
// a hundred XBRL filings, has 12,000 elements nine deep.
const (
	maxElements   = 200_000
	maxDepth      = 100
	maxNamespaces = 500 // in scope at once
	maxAttributes = 500 // of one element
)

// guard refuses documents that would cost the parser its stack (it descends
// into extensions by recursion, and Go ends the process when a stack is full),
// gigabytes of memory, or minutes. It reads XML with the decoder that the parser
// uses, set up in the same way, so that both see the same elements.
func guard(doc []byte) error {
	switch gofeed.DetectFeedType(bytes.NewReader(doc[:min(len(doc), 4096)])) {
	case gofeed.FeedTypeUnknown:
		return errNoFeed
	case gofeed.FeedTypeJSON:
		// encoding/json bounds the depth.
		if n := bytes.Count(doc, []byte("{")); n > maxElements {
			return fmt.Errorf("the feed has %d objects: want at most %d", n, maxElements)
		}
		return nil
	}
	d := xml.NewDecoder(bytes.NewReader(doc))
	d.Strict = false
	d.CharsetReader = charset.NewReaderLabel
	scopes := []int{0} // for each open element: namespaces in scope
	for elements := 0; ; {
		token, err := d.Token()
		if err != nil {
			return nil // the end, or a mistake that the parser meets at the same place
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements++
			scope := scopes[len(scopes)-1]
			for _, a := range token.Attr {
				if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
					scope++
				}
			}
			scopes = append(scopes, scope)
			if elements > maxElements || len(scopes) > maxDepth || scope > maxNamespaces || len(token.Attr) > maxAttributes {
				return fmt.Errorf("the feed is no news feed: it has more than %d elements, %d levels, %d namespaces or %d attributes",
					maxElements, maxDepth, maxNamespaces, maxAttributes)
			}
		case xml.EndElement:
			scopes = scopes[:max(1, len(scopes)-1)]
		}
	}
}

var errNoFeed = errors.New("the document is no RSS, Atom or JSON feed")
