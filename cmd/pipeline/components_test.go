package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/config"
)

// everything is the catalog with nothing behind it: a Kind that opened something
// would find no plan, and panic.
func everything() flows.Catalog {
	return catalog(&resources{app: &app{stdio: stdio{in: strings.NewReader(""), out: io.Discard, err: io.Discard}}})
}

func TestComponentsAreDescribed(t *testing.T) {
	sections := map[string]bool{}
	for _, p := range partsOf(everything()) {
		sections[p.Section] = true
		t.Run(p.Section+"/"+p.Name, func(t *testing.T) {
			if err := config.CheckStruct(p.config); err != nil {
				t.Error(err)
			}
			if p.Doc == "" || strings.HasSuffix(p.Doc, ".") || strings.ToLower(p.Doc[:1]) != p.Doc[:1] {
				t.Errorf("Doc %q is no sentence that goes on after the name", p.Doc)
			}
			if !strings.HasPrefix(p.Example, "- "+p.Name) {
				t.Errorf("Example %q is no element of a list", p.Example)
			}
			if p.knobs == nil {
				return
			}
			own := config.Keys(p.config)
			for _, key := range config.Keys(p.knobs) {
				if slices.Contains(own, key) {
					t.Errorf("the setting %q is one the engine offers to every component", key)
				}
			}
		})
	}
	if want := 4; len(sections) != want {
		t.Errorf("%d sections, want %d", len(sections), want)
	}
}

// What describe shows can be pasted, and defaults are good where nothing is required. An rss
// source requires one of two.
func TestExamplesParse(t *testing.T) {
	parts := partsOf(everything())
	parse := func(t *testing.T, p part) {
		text := pipelineWith(parts, p)
		doc, issues := config.Load("example.yaml", []byte(text), nil)
		if len(issues) == 0 {
			_, issues = everything().Parse(doc)
		}
		if len(issues) > 0 {
			t.Errorf("%v\nin\n%s", issues, text)
		}
	}
	for _, p := range parts {
		t.Run(p.Section+"/"+p.Name, func(t *testing.T) { parse(t, p) })
		if p.Name != "topic" && p.Name != "rss" && !slices.ContainsFunc(p.Fields, func(f config.Field) bool { return f.Required }) {
			p.Example = "- " + p.Name
			t.Run(p.Section+"/"+p.Name+"/defaults", func(t *testing.T) { parse(t, p) })
		}
	}
}

// pipelineWith returns a pipeline with p's example, and with what it needs.
func pipelineWith(parts []part, p part) string {
	sections := map[string][]string{}
	for _, other := range parts {
		switch {
		case other.Section == p.Section && other.Name == p.Name:
			sections[p.Section] = append(sections[p.Section], p.Example)
		case other.Section == "sinks" || other.Section == "providers", other.Section == "stages" && slices.Contains(p.After, other.Name):
			sections[other.Section] = append([]string{other.Example}, sections[other.Section]...)
		}
	}
	var b strings.Builder
	b.WriteString("name: example\n")
	for section, examples := range sections {
		fmt.Fprintf(&b, "%s:\n%s\n", section, indent(strings.Join(examples, "\n"), "  "))
	}
	return b.String()
}

// The folders are the catalog, and the catalog is what `pipeline list` prints.
func TestFoldersAreTheCatalog(t *testing.T) {
	folders := map[string][]string{}
	for _, section := range []string{"sources", "stages", "sinks"} {
		entries, err := os.ReadDir("../../" + section)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() && !strings.HasSuffix(e.Name(), "test") {
				folders[section] = append(folders[section], e.Name())
			}
		}
	}
	folders["stages"] = append(folders["stages"], "topic") // no component: it cuts the list
	slices.Sort(folders["stages"])
	listed := map[string][]string{}
	for _, p := range partsOf(everything()) {
		if p.Section != "providers" {
			listed[p.Section] = append(listed[p.Section], p.Name)
		}
	}
	if diff := cmp.Diff(folders, listed); diff != "" {
		t.Errorf("folders (-) and catalog (+) differ:\n%s", diff)
	}

	var out bytes.Buffer
	if code := run([]string{"list"}, stdio{strings.NewReader(""), &out, io.Discard}); code != 0 {
		t.Fatalf("pipeline list exits with %d", code)
	}
	printed := map[string][]string{}
	section := ""
	for line := range strings.Lines(out.String()) {
		if word, indented := strings.CutPrefix(line, "  "); indented {
			printed[section] = append(printed[section], strings.Fields(word)[0])
		} else {
			section = strings.TrimSpace(line)
		}
	}
	delete(printed, "providers")
	if diff := cmp.Diff(listed, printed); diff != "" {
		t.Errorf("catalog (-) and `pipeline list` (+) differ:\n%s", diff)
	}
}
