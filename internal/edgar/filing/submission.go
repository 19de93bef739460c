package filing

import (
	"bytes"
	"errors"
)

// A Part is one document of a full submission.
type Part struct {
	Type        string `json:"type"` // "8-K", "EX-99.1"; empty where the submission does not say
	Filename    string `json:"filename,omitempty"`
	Description string `json:"description,omitempty"`
	// Body is the document as it was sent; a slice of the submission. Pictures and
	// archives are uuencoded.
	Body []byte `json:"-"`
}

var (
	documentOpen  = []byte("<DOCUMENT>")
	documentClose = []byte("</DOCUMENT>")
	textOpen      = []byte("<TEXT>")
	textClose     = []byte("</TEXT>")
)

// ErrNoDocuments is returned for a submission whose header is not followed by any document.
var ErrNoDocuments = errors.New("the submission has no documents")

// Split takes a full submission, EDGAR's .txt with everything that was filed, apart into
// its documents in the order sent, the filing itself first. A file that is no submission
// is its only part, without a type. A document that a cut-off file does not end goes to
// the end of the file.
func Split(submission []byte) ([]Part, error) {
	var parts []Part
	rest := submission
	for {
		_, after, ok := bytes.Cut(rest, documentOpen)
		if !ok {
			break
		}
		var document []byte
		document, rest, _ = bytes.Cut(after, documentClose)
		parts = append(parts, part(document))
	}
	if len(parts) > 0 {
		return parts, nil
	}
	if bytes.Contains(submission, []byte("<SEC-HEADER>")) || len(bytes.TrimSpace(submission)) == 0 {
		return nil, ErrNoDocuments
	}
	return []Part{{Body: submission}}, nil
}

// part reads the lines before a document's <TEXT>.
func part(document []byte) Part {
	head, body, ok := bytes.Cut(document, textOpen)
	if !ok {
		return Part{Body: document}
	}
	if end := bytes.LastIndex(body, textClose); end >= 0 {
		body = body[:end]
	}
	return Part{
		Type:        sgml(head, "<TYPE>"),
		Filename:    sgml(head, "<FILENAME>"),
		Description: sgml(head, "<DESCRIPTION>"),
		Body:        body,
	}
}

// sgml returns what follows a tag on its line.
func sgml(head []byte, tag string) string {
	_, after, _ := bytes.Cut(head, []byte(tag))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	return printable(string(decode(bytes.TrimSpace(line))))
}

// first is the first document of what may be a submission.
func first(document []byte) Part {
	_, after, ok := bytes.Cut(document, documentOpen)
	if !ok {
		return Part{Body: document}
	}
	body, _, _ := bytes.Cut(after, documentClose)
	return part(body)
}
