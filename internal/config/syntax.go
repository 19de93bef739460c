package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// explainSyntax makes issues of what the YAML parser said. It names the line where
// the surrounding list or mapping began, or the one before, or none; so the
// line is found again here.
func explainSyntax(file string, text []byte, err error) Issues {
	said, named := splitYAMLError(err)
	lines := strings.Split(string(text), "\n")
	at := func(line int) string { return strings.TrimRight(lines[line-1], "\r") }

	var line int
	switch {
	case strings.HasPrefix(said, "did not find expected ','"):
		line = lineReached(text)
		if issues := flowVariables(file, lines, line); issues != nil {
			return issues
		}
	case said == "found unexpected end of stream":
		line = min(max(named, 1), len(lines)) // where the quoted text began
	default:
		line = firstFailing(text, lines, err)
	}
	issue := Issue{File: file, Line: line, Col: indent(at(line)) + 1}
	issue.Message, issue.Hint = plainSyntax(said, named, line)
	if tab := strings.IndexByte(at(line), '\t'); tab >= 0 && strings.TrimSpace(at(line)[:tab]) == "" {
		issue.Col = tab + 1
		issue.Message, issue.Hint = "a tab is no indentation in YAML", "use spaces"
	}
	return Issues{issue}
}

// plainSyntax says in other words what the parser said. named is the line it named.
func plainSyntax(said string, named, line int) (message, hint string) {
	switch {
	case strings.HasPrefix(said, "did not find expected ','"):
		opened := named + 1 // it counts from 0
		if opened < line {
			return fmt.Sprintf("the list or mapping opened on line %d is not closed before this", opened), "check its brackets and commas"
		}
		return "expected a comma or a closing bracket", "quote a value that holds brackets, braces or commas"
	case said == "mapping values are not allowed in this context":
		return `a ": " is not allowed here`, `quote the value if it holds ": ", or check the indentation`
	case said == "found unexpected end of stream":
		return "the quoted text that begins here has no closing quote", ""
	case said == "found character that cannot start any token":
		return "a value cannot begin with this character", "quote it"
	case said == "could not find expected ':'":
		return `expected "key: value"`, `a key needs a ":" and a space after it`
	case said == "did not find expected node content":
		return "a value is missing here", "quote it if it begins with a comma, a colon or a bracket"
	case strings.HasPrefix(said, "did not find expected"):
		return "this does not line up with what is above", "check the indentation: keys of one mapping, and the dashes of one list, begin in the same column"
	case strings.HasPrefix(said, "unknown anchor"):
		return strings.Replace(said, " referenced", "", 1), "an &anchor must stand before the *alias; quote a value that begins with *"
	}
	return "not valid YAML: " + said, ""
}

var yamlErrorLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// splitYAMLError takes "yaml: line 3: did not find …" apart.
func splitYAMLError(err error) (said string, line int) {
	text := err.Error()
	m := yamlErrorLine.FindStringSubmatch(text)
	line, _ = strconv.Atoi(m[1])
	return text[len(m[0]):], line
}

// syntaxError returns what the parser says of the file, which is at most two documents.
func syntaxError(r io.Reader) error {
	decoder := yaml.NewDecoder(r)
	for range 2 {
		if _, err := nextDocument(decoder); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
	return nil
}

// firstFailing finds the line that holds the fault: from it on, parsing fails
// with the same words, however much of the file follows.
func firstFailing(text []byte, lines []string, err error) int {
	ends := make([]int, len(lines))
	end := 0
	for i, l := range lines {
		end = min(end+len(l)+1, len(text))
		ends[i] = end
	}
	i := sort.Search(len(lines), func(i int) bool {
		got := syntaxError(bytes.NewReader(text[:ends[i]]))
		return got != nil && got.Error() == err.Error()
	})
	return min(i, len(lines)-1) + 1
}

// lineReached returns the line up to which the parser had to read to see the
// fault. That is nearer than [firstFailing] within brackets, where the end of
// the text is a fault as well.
func lineReached(text []byte) int {
	r := &byteReader{text: text}
	_ = syntaxError(r)
	reached := text[:max(r.read-2, 0)] // it looks ahead
	return bytes.Count(reached, []byte("\n")) + 1
}

type byteReader struct {
	text []byte
	read int
}

func (r *byteReader) Read(p []byte) (int, error) {
	if r.read == len(r.text) {
		return 0, io.EOF
	}
	p[0] = r.text[r.read]
	r.read++
	return 1, nil
}

// flowVariables reports each line with an unquoted ${…} within brackets, which
// is a trap: its brace is one of YAML's own there. It returns nothing if the
// line of the fault is none of these.
func flowVariables(file string, lines []string, fault int) (issues Issues) {
	found := false
	for i, line := range lines {
		depth := 0
		if i+1 == fault {
			depth = 1 // where the fault is, brackets are open
		}
		col := flowVariable(line, depth)
		if col == 0 {
			continue
		}
		found = found || i+1 == fault
		issues = append(issues, Issue{
			File: file, Line: i + 1, Col: col,
			Message: "within {…} or […], YAML takes the brace of ${…} for its own",
			Hint:    `quote it: "${NAME}", or write one key a line`,
		})
	}
	if !found {
		return nil
	}
	return issues
}

// flowVariable returns the column of the first ${ in the line that stands within
// brackets and outside quotes; 0 if there is none. depth is how many brackets are
// open before it.
func flowVariable(line string, depth int) (col int) {
	quoted := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted != 0:
			if c == '\\' && quoted == '"' {
				i++
			} else if c == quoted {
				quoted = 0
			}
		case strings.HasPrefix(line[i:], "${"):
			if depth > 0 {
				return utf8.RuneCountInString(line[:i]) + 1
			}
			if inner, _, ok := cutBrace(line[i+2:]); ok {
				i += 2 + len(inner)
			}
		case (c == '"' || c == '\'') && depth > 0:
			quoted = c
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth > 0:
			depth--
		case c == '#' && i > 0 && line[i-1] == ' ':
			return 0
		}
	}
	return 0
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
