package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of a file. They are far above any configuration, and keep one made to do
// harm from taking the process with it.
const (
	maxBytes = 256 << 10
	maxNodes = 50_000 // with aliases written out
)

// Load parses a file and replaces variables. env looks up a variable; nil means that
// none is set. The document is nil only where text is no YAML at all, so that
// whoever reads on can report the rest of the mistakes in the same pass. Variables
// that are not set are reported by [Decode], where they are needed: what is left
// out of the pipeline needs none.
func Load(file string, text []byte, env func(string) (string, bool)) (*Document, Issues) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	doc := &Document{File: file, origins: make(map[*yaml.Node]*origin), secrets: make(map[string]bool)}
	r := NewReader(doc)
	root, issues := parse(file, text)
	if issues != nil {
		return nil, issues
	}
	doc.Root = root
	if !r.bounded(root) {
		return nil, r.Issues()
	}
	p := preparation{reader: r, env: env, done: make(map[*yaml.Node]*yaml.Node)}
	doc.Root = p.prepare(root)
	return doc, r.Issues()
}

// parse reads the one YAML document of text.
func parse(file string, text []byte) (root *yaml.Node, issues Issues) {
	refuse := func(line, col int, message, hint string) (*yaml.Node, Issues) {
		return nil, Issues{{File: file, Line: line, Col: col, Message: message, Hint: hint}}
	}
	if len(text) > maxBytes {
		return refuse(0, 0, fmt.Sprintf("the file has %d bytes; at most %d are read", len(text), maxBytes), "")
	}
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return refuse(1, 1, "the file is UTF-16", "save it as UTF-8")
	}
	if i := firstInvalidUTF8(text); i >= 0 {
		line, col := lineCol(text, i)
		return refuse(line, col, "the text is not UTF-8", "save the file as UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	first, err := nextDocument(decoder)
	if errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1, Column: 1}, nil
	}
	if err == nil {
		var second *yaml.Node
		second, err = nextDocument(decoder)
		if err == nil {
			return refuse(second.Line, second.Column, "a second document begins here", `a file holds one pipeline; remove the "---"`)
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, explainSyntax(file, text, err)
	}
	return first.Content[0], nil
}

// nextDocument guards against what the parser itself calls internal errors,
// which are panics.
func nextDocument(d *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if v := recover(); v != nil {
			doc, err = nil, fmt.Errorf("yaml: %v", v)
		}
	}()
	doc = new(yaml.Node)
	if err := d.Decode(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

func firstInvalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func lineCol(text []byte, offset int) (line, col int) {
	before := text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}
