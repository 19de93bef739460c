package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"github.com/joho/godotenv"
)

// maxDotEnv bounds a .env file.
const maxDotEnv = 64 << 10

// LoadDotEnv reads a file of NAME=value lines. A file that does not exist has no
// variables. An error is an [Issue], and never holds a value. The caller asks the
// process's environment first: it wins. Nothing is put into it, so that child processes
// and libraries do not see what is meant for the pipeline.
//
// ${OTHER} and ${OTHER:-default} in a value are replaced, by what the environment
// or the file has; any other dollar sign stands for itself, as passwords have them.
func LoadDotEnv(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, Issue{File: path, Message: "cannot be read: " + reason(err)}
	}
	vars, issue := parseDotEnv(path, text)
	if issue != nil {
		return nil, *issue
	}
	return vars, nil
}

// reason is err without the path, which an Issue names already.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

// dollar stands for "$" while godotenv has the text: it would replace every $NAME,
// and cut passwords short.
const dollar = "\uF8E4"

func parseDotEnv(path string, text []byte) (map[string]string, *Issue) {
	if len(text) > maxDotEnv {
		return nil, &Issue{File: path, Message: fmt.Sprintf("has %d bytes; at most %d are read", len(text), maxDotEnv)}
	}
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return nil, &Issue{File: path, Line: 1, Col: 1, Message: "the file is UTF-16", Hint: "save it as UTF-8"}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("$"), []byte(dollar))
	vars, ok := readVariables(text)
	if !ok {
		return nil, &Issue{File: path, Line: unreadableLine(text), Col: 1, Message: "not of the form NAME=value", Hint: "a value with quotes needs both of them"}
	}
	raw := make(map[string]string, len(vars))
	for name, value := range vars {
		raw[name] = strings.ReplaceAll(value, dollar, "$")
	}
	resolved := make(map[string]string, len(raw))
	for name, value := range raw {
		e := expand(value, func(other string) (string, bool) {
			if v, ok := os.LookupEnv(other); ok {
				return v, true
			}
			v, ok := raw[other]
			return v, ok && other != name
		})
		if e.fault == "" {
			value = e.text
		}
		resolved[name] = value
	}
	return resolved, nil
}

// unreadableLine returns the first line that cannot be read: the one after the
// longest beginning of the text that can.
func unreadableLine(text []byte) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	for n := len(lines) - 1; n > 0; n-- {
		if _, ok := readVariables(bytes.Join(lines[:n], nil)); ok {
			return n + 1
		}
	}
	return 1
}

// readVariables leaves the library's error out, as it repeats the text, and refuses
// what the library takes for a name: nothing, or two words.
func readVariables(text []byte) (vars map[string]string, ok bool) {
	vars, err := godotenv.UnmarshalBytes(text)
	for name := range vars {
		if name == "" || strings.ContainsFunc(name, unicode.IsSpace) {
			return nil, false
		}
	}
	return vars, err == nil
}
