package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"catalyst"
	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/operator"
)

// The schema that editors get takes the repository's pipeline and every example, and
// refuses what validate refuses for its form.
func TestSchema(t *testing.T) {
	text, err := schemaOf(everything())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("pipeline.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("pipeline.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) error {
		var document any
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		return schema.Validate(document)
	}
	if err := check(string(catalyst.Pipeline)); err != nil {
		t.Errorf("pipeline.yaml: %v", err)
	}
	parts := partsOf(everything())
	for _, p := range parts {
		if err := check(pipelineWith(parts, p)); err != nil {
			t.Errorf("the example of %s in %s: %v", p.Name, p.Section, err)
		}
	}
	for _, wrong := range []string{
		"nmae: x",
		"name: x\nsinks: [consol]",
		"name: x\nstages: [{dedupe: {windw: 1h}}]",
		"name: x\nstages: [{batch: {size: five}}]",
		"name: x\nstages: [{batch: {wait: often}}]",
		"name: x\nsources: [dedupe]",
		"name: x\nengine: {retry: {attempts: many}}",
		"name: x\nhttp: {lisen: here}",
	} {
		if check(wrong) == nil {
			t.Errorf("the schema takes\n%s", wrong)
		}
	}
}

// The reference is what the components say of themselves; `make generate` writes it.
func TestConfigurationReference(t *testing.T) {
	current(t, "../../docs/configuration.md", func(old string) string {
		var b strings.Builder
		reference(&b)
		return between(t, old, "components", b.String())
	})
}

// So is the list of metrics, which is read out of the source code.
func TestMetricsReference(t *testing.T) {
	current(t, "../../docs/operations.md", func(old string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "| metric | labels | meaning |\n|---|---|---|\n")
		declared := declaredMetrics(t)
		for _, name := range slices.Sorted(maps.Keys(declared)) {
			m := declared[name]
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, code(m.labels), cell(m.help))
		}
		return between(t, old, "metrics", b.String())
	})
}

// Alerting rules ask only for metrics that exist.
func TestAlertingRulesKnowTheirMetrics(t *testing.T) {
	text, err := os.ReadFile("../../deploy/prometheus-rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	declared := declaredMetrics(t)
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			for _, word := range strings.FieldsFunc(r.Expr, func(c rune) bool { return c != '_' && (c < 'a' || c > 'z') }) {
				if !strings.HasSuffix(word, "_total") && !strings.HasSuffix(word, "_seconds") && !strings.HasPrefix(word, "pipeline_") {
					continue
				}
				if n++; declared[word].help == "" {
					t.Errorf("%s asks for %s, which does not exist", r.Alert, word)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no rule was looked at")
	}
}

// Links within the repository lead somewhere.
func TestLinks(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	n := 0
	for _, file := range append(files, "../../README.md", "../../ARCHITECTURE.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			n++
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), string(m[1]))); err != nil {
				t.Errorf("%s: %s leads nowhere", filepath.Base(file), m[1])
			}
		}
	}
	if n == 0 {
		t.Error("no links were found")
	}
}

// current compares a file with what it should be, or writes it with -update.
func current(t *testing.T, path string, render func(old string) string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := render(string(old))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(old)); diff != "" {
		t.Errorf("%s is not current; run `make generate`:\n%s", filepath.Base(path), diff)
	}
}

// between returns text with what stands between two marks replaced.
func between(t *testing.T, text, mark, by string) string {
	t.Helper()
	begin, end := "<!-- "+mark+": generated -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("no %q … %q", begin, end)
	}
	return before + begin + "\n" + by + "\n" + end + after
}

func reference(b *strings.Builder) {
	fmt.Fprint(b, "## The top of the file\n\n")
	table(b, config.Describe(flows.DefaultHeader))
	fmt.Fprint(b, "\n### http\n\nAddress of health and metrics.\n\n")
	table(b, config.Describe(defaultHTTP))
	fmt.Fprint(b, "\n### operator\n\nWho is told of what only a person can mend; see [operations](operations.md#the-operator).\n\n")
	table(b, config.Describe(operator.Defaults))

	section := ""
	for _, p := range partsOf(everything()) {
		if p.Section != section {
			section = p.Section
			fmt.Fprintf(b, "\n## %s\n", section)
			if section == "stages" || section == "sinks" {
				fmt.Fprint(b, "\nWhat they all take stands [below](#settings-of-every-stage-and-sink).\n")
			}
		}
		fmt.Fprintf(b, "\n### %s\n\nIt %s.\n", p.Name, p.Doc)
		if len(p.After) > 0 {
			fmt.Fprintf(b, "It needs `%s` before it.\n", strings.Join(p.After, "` and `"))
		}
		fmt.Fprintf(b, "\n```yaml\n%s\n```\n", p.Example)
		if len(p.Fields) > 0 && !(p.Section == "stages" && p.Name == "topic") {
			fmt.Fprintln(b)
			table(b, p.Fields)
		}
		if k, ok := p.knobs.(flows.Knobs); ok {
			if special := specialKnobs(k); special != "" {
				fmt.Fprintf(b, "\nIts own defaults: %s.\n", special)
			}
		}
	}
	fmt.Fprint(b, "\n## Settings of every stage and sink\n\n")
	table(b, config.Describe(flows.Knobs{}.OrDefault()))
	fmt.Fprint(b, "\nSources and providers take `name` and `enabled`.\n")
}

// specialKnobs names what a kind has otherwise than others.
func specialKnobs(k flows.Knobs) string {
	var words []string
	usual := config.Describe(flows.Knobs{}.OrDefault())
	for i, f := range config.Describe(k) {
		if f.Default != usual[i].Default {
			words = append(words, fmt.Sprintf("`%s: %s`", f.Key, f.Default))
		}
	}
	return strings.Join(words, ", ")
}

func table(b *strings.Builder, fields []config.Field) {
	fmt.Fprint(b, "| key | type | default | meaning |\n|---|---|---|---|\n")
	var rows func(prefix string, fields []config.Field)
	rows = func(prefix string, fields []config.Field) {
		for _, f := range fields {
			value := "`" + f.Default + "`"
			switch {
			case f.Required:
				value = "required"
			case f.Default == "":
				value = ""
			}
			doc := cell(f.Doc)
			if len(f.Enum) > 0 {
				doc += " (" + code(f.Enum) + ")"
			}
			fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", prefix, f.Key, f.Type, cell(value), doc)
			within := prefix + f.Key + "."
			if strings.HasPrefix(f.Type, "mapping to ") {
				within += "NAME."
			}
			rows(within, f.Fields)
		}
	}
	rows("", fields)
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func code(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

type metric struct {
	help   string
	labels []string
}

// declaredMetrics finds the metrics that the program declares: calls of
// metrics.Counter, Gauge and Histogram, and of desc.
func declaredMetrics(t *testing.T) map[string]metric {
	t.Helper()
	found := map[string]metric{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 {
			return skip(err)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			prefix := ""
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				if x, ok := f.X.(*ast.Ident); !ok || x.Name != "metrics" || !slices.Contains([]string{"Counter", "Gauge", "Histogram"}, f.Sel.Name) {
					return true
				}
			case *ast.Ident:
				if f.Name != "desc" {
					return true
				}
				prefix = "pipeline_"
			default:
				return true
			}
			var words []string
			for _, a := range call.Args {
				if text, ok := literal(a); ok {
					words = append(words, text)
				}
			}
			if len(words) < 2 {
				t.Errorf("%s: a metric whose name or help is no literal", path)
				return true
			}
			found[prefix+words[0]] = metric{words[1], words[2:]}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 20 {
		t.Errorf("only %d metrics found", len(found))
	}
	return found
}

func skip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

// literal returns a string that is written as one, or as a sum of some.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, okA := literal(e.X)
		b, okB := literal(e.Y)
		return a + b, okA && okB
	}
	return "", false
}
