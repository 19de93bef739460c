package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

type goPackage struct {
	ImportPath string
	Imports    []string
	Standard   bool
	CgoFiles   []string
	Module     *struct{ Path string }
}

// goList returns packages as `go list` knows them.
func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	list := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Standard,CgoFiles,Module"}, args...)...)
	// With cgo, packages show whether they would use it.
	list.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS=linux")
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// place returns the layer that a package of ours is in, and within stages, sources and
// sinks whose folder it is: "stages", "dedupe". Other packages are in no layer.
func place(path string) (layer, component string) {
	path, ours := strings.CutPrefix(path, "catalyst/")
	if !ours {
		return "", ""
	}
	layer, rest, _ := strings.Cut(path, "/")
	component, _, _ = strings.Cut(rest, "/")
	return layer, component
}

// mayImport tells whether a package of ours may import another one of ours.
func mayImport(from, to string) bool {
	layer, component := place(from)
	target, sibling := place(to)
	components := []string{"stages", "sources", "sinks"}
	switch {
	case layer == "cmd", layer == "bench": // what is measured is a component, too
		return target != "cmd" && (layer == "bench" || target != "bench")
	case target == "cmd":
		return false
	case slices.Contains(components, layer):
		return !slices.Contains(components, target) || layer == target && component == sibling
	case layer == "flows":
		return target == "flows" || slices.Contains(knownToFlows, to)
	case from == "catalyst/internal/news":
		return false // the words of the domain lean on nothing
	}
	return !slices.Contains(components, target)
}

// knownToFlows is all that the engine needs of us.
var knownToFlows = []string{"catalyst/internal/broker", "catalyst/internal/config", "catalyst/internal/news"}

func TestImportsPointInwards(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range goList(t, "catalyst/...") {
		layer, _ := place(p.ImportPath)
		seen[layer] = true
		for _, to := range p.Imports {
			if (to == "catalyst" || strings.HasPrefix(to, "catalyst/")) && !mayImport(p.ImportPath, to) {
				t.Errorf("%s imports %s", p.ImportPath, to)
			}
		}
	}
	for _, layer := range []string{"cmd", "flows", "internal", "stages", "sources", "sinks"} {
		if !seen[layer] {
			t.Errorf("no package of %s was looked at", layer)
		}
	}
}

// clients says which of our packages may import each module that is not ours. A
// client that moves must not be felt in more than these.
var clients = map[string][]string{
	"github.com/redis/go-redis/v9":                   {"internal/broker/redis", "internal/store/redis"},
	"github.com/ThreeDotsLabs/watermill-redisstream": {"internal/broker/redis"},
	"github.com/jackc/pgx/v5":                        {"internal/store/postgres"},
	"github.com/pgvector/pgvector-go":                {"internal/store/postgres"},
	"modernc.org/sqlite":                             {"internal/sqlite"},
	"github.com/pressly/goose/v3":                    {"internal/sqlite", "internal/store/postgres"},

	"github.com/anthropics/anthropic-sdk-go":   {"internal/llm/anthropic"},
	"github.com/openai/openai-go/v3":           {"internal/llm/openai"},
	"google.golang.org/genai":                  {"internal/llm/gemini"},
	"github.com/santhosh-tekuri/jsonschema/v6": {"internal/llm"},

	"github.com/bwmarrin/discordgo": {"sinks/discord"},
	"github.com/mmcdole/gofeed":     {"sources/rss"},
	"github.com/coder/websocket":    {"sources/alpaca"},

	"github.com/reugn/go-streams":         {"flows"},
	"github.com/expr-lang/expr":           {"flows"},
	"go.yaml.in/yaml/v3":                  {"internal/config", "flows", "cmd/pipeline"}, // nodes: Section.Read
	"github.com/joho/godotenv":            {"internal/config"},
	"github.com/spf13/cobra":              {"cmd/pipeline"},
	"github.com/mattn/go-isatty":          {"internal/logging", "internal/alert/terminal"},
	"github.com/rivo/uniseg":              {"internal/alert"},
	"github.com/prometheus/client_golang": {"internal/metrics", "cmd/pipeline"},

	// The form of a message between segments: whoever handles the broker's messages.
	"github.com/ThreeDotsLabs/watermill": {
		"flows", "internal/broker", "internal/broker/embedded", "internal/broker/memory", "internal/broker/redis", "internal/replay",
		"sources/stream", "sinks/topic", "cmd/pipeline",
	},
	"github.com/google/uuid": {"flows", "internal/llm/costs", "internal/broker/embedded", "internal/broker/redis"},
}

// extended are modules that are as good as the standard library.
var extended = []string{"golang.org/x/net", "golang.org/x/sync", "golang.org/x/sys", "golang.org/x/text", "golang.org/x/time"}

func TestClientsAreConfined(t *testing.T) {
	packages := goList(t, "-deps", "catalyst/cmd/pipeline")
	modules := map[string]string{} // by package
	for _, p := range packages {
		if p.Module != nil {
			modules[p.ImportPath] = p.Module.Path
		}
	}
	used := map[string]bool{}
	for _, p := range packages {
		here, ours := strings.CutPrefix(p.ImportPath, "catalyst/")
		if !ours {
			continue
		}
		for _, to := range p.Imports {
			module := modules[to]
			if module == "" || module == "catalyst" || slices.Contains(extended, module) {
				continue
			}
			used[module] = true
			if !slices.Contains(clients[module], here) {
				t.Errorf("%s imports %s; its place is %v", p.ImportPath, to, clients[module])
			}
		}
	}
	for module := range clients {
		if !used[module] {
			t.Errorf("nothing imports %s any more: delete its line", module)
		}
	}
}

func TestBinaryNeedsNoCgo(t *testing.T) {
	for _, p := range goList(t, "-deps", "catalyst/cmd/pipeline") {
		if len(p.CgoFiles) > 0 && !p.Standard {
			t.Errorf("%s uses cgo: %v", p.ImportPath, p.CgoFiles)
		}
	}
}

// Google's SDK brings test support along; we add none of our own.
func TestBinaryHasNoTestSupport(t *testing.T) {
	for _, p := range goList(t, "-deps", "catalyst/cmd/pipeline") {
		if layer, _ := place(p.ImportPath); layer == "" {
			continue
		}
		for _, to := range p.Imports {
			if to == "testing" || to == "net/http/httptest" {
				t.Errorf("%s imports %s", p.ImportPath, to)
			}
		}
	}
}
