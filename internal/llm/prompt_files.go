package llm

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A prompt file begins with a line "name version"; the rest is the task. The
// version of a built-in one grows with every change of what the model is told,
// because cached verdicts are told apart by it; a test holds the two together.
//
//go:embed prompts/*.txt
var promptFiles embed.FS

const maxPrompt = 64 << 10 // bytes of a file

// promptHead is the first line of a prompt file.
var promptHead = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*) ([0-9A-Za-z][0-9A-Za-z.-]*)$`)

func builtinPrompts() (map[string]Prompt, error) {
	sub, err := fs.Sub(promptFiles, "prompts")
	if err != nil {
		return nil, err
	}
	return readPrompts(sub)
}

// addPrompts puts the prompts of a folder among all. One that says just what a
// built-in one says keeps its ID, and with it the verdicts that are cached.
func addPrompts(all map[string]Prompt, dir string) error {
	own, err := readPrompts(os.DirFS(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s: create it, or leave dir out", dir)
	}
	if err != nil {
		return err
	}
	for name, p := range own {
		if p != all[name] {
			hash := sha256.Sum256([]byte(p.System))
			p.ID += "+" + hex.EncodeToString(hash[:4])
		}
		all[name] = p
	}
	return nil
}

// readPrompts reads every NAME.txt of a folder, and leaves other files alone. Names
// are in lower case, as not every file system knows two.
func readPrompts(dir fs.FS) (map[string]Prompt, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	all := make(map[string]Prompt)
	var faults []error
	for _, e := range entries {
		name, isPrompt := strings.CutSuffix(strings.ToLower(e.Name()), ".txt")
		if !isPrompt || e.IsDir() || strings.HasPrefix(name, ".") {
			continue
		}
		p, err := readPrompt(dir, e.Name(), name)
		if _, twice := all[name]; twice && err == nil {
			err = errors.New("is there twice, in capitals and small letters: keep one")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", e.Name(), err))
			continue
		}
		all[name] = p
	}
	return all, errors.Join(faults...)
}

func readPrompt(dir fs.FS, file, name string) (Prompt, error) {
	f, err := dir.Open(file)
	if err != nil {
		return Prompt{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPrompt+1))
	switch {
	case err != nil:
		return Prompt{}, err
	case len(data) > maxPrompt:
		return Prompt{}, fmt.Errorf("is longer than %d KiB: no model needs that much to be told", maxPrompt>>10)
	case !utf8.Valid(data):
		return Prompt{}, errors.New("is not UTF-8 text: save it as that")
	}
	text := strings.TrimPrefix(string(data), "\ufeff") // as some editors begin a file
	head, task, _ := strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	found := promptHead.FindStringSubmatch(strings.TrimSpace(head))
	if found == nil || found[1] != name {
		return Prompt{}, fmt.Errorf("begins with %.60q: its first line must be its name and a version, %q", head, name+" 1")
	}
	task = strings.TrimSpace(task)
	if task == "" {
		return Prompt{}, fmt.Errorf("says nothing but its name: write below it what the model is to do, or delete the file")
	}
	return Prompt{ID: found[1] + "/" + found[2], System: task}, nil
}
