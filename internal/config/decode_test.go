package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everything has a field of each type a configuration may have.
type everything struct {
	Text     string             `yaml:"text" doc:"some text"`
	Word     string             `yaml:"word" doc:"one of a few words" enum:"auto|never|always"`
	Flag     bool               `yaml:"flag" doc:"on or off"`
	Maybe    *bool              `yaml:"maybe" doc:"on, off or neither"`
	Count    int                `yaml:"count" doc:"how many"`
	Small    int8               `yaml:"small" doc:"a small number"`
	Positive uint16             `yaml:"positive" doc:"a number from 0"`
	Ratio    float64            `yaml:"ratio" doc:"a ratio"`
	Wait     time.Duration      `yaml:"wait" doc:"how long"`
	Size     Size               `yaml:"size" doc:"how large"`
	Token    Secret             `yaml:"token" doc:"a secret"`
	Upper    upper              `yaml:"upper" doc:"text that reads itself"`
	Words    []string           `yaml:"words" doc:"some words"`
	Forms    []string           `yaml:"forms" doc:"some of a few words" enum:"8-K|10-Q"`
	Waits    []time.Duration    `yaml:"waits" doc:"how long, each time"`
	Weights  map[string]float64 `yaml:"weights" doc:"a weight per name"`
	Tokens   map[string]Secret  `yaml:"tokens" doc:"a secret per name"`
	Retry    retry              `yaml:"retry" doc:"when to try again"`
	Other    *retry             `yaml:"other" doc:"when to try again, otherwise"`
	Tiers    []tier             `yaml:"tiers" doc:"what to ask, in order"`
	common   `yaml:",inline"`
}

type retry struct {
	Attempts int           `yaml:"attempts" doc:"how often"`
	Wait     time.Duration `yaml:"wait" doc:"how long between"`
}

func (r retry) Validate() error {
	if r.Attempts < 0 {
		return At("attempts", "must be at least 0, not %d", r.Attempts)
	}
	return nil
}

type tier struct {
	Name  string `yaml:"name,short" doc:"its name" required:"true"`
	Model string `yaml:"model" doc:"its model"`
}

type common struct {
	Shared string `yaml:"shared" doc:"of an embedded struct"`
}

type upper string

func (u *upper) UnmarshalText(text []byte) error {
	if strings.ToUpper(string(text)) != string(text) {
		return fmt.Errorf("%q is not in capitals", text)
	}
	*u = upper(text)
	return nil
}

// decode reads text into a struct of defaults.
func decode[T any](t *testing.T, defaults T, text string, env ...string) (T, Issues) {
	t.Helper()
	doc, issues := Load("p.yaml", []byte(text), environment(env...))
	if doc == nil {
		t.Fatalf("%v", issues)
	}
	issues = append(issues, Decode(doc, doc.Root, &defaults)...)
	return defaults, issues.Sorted()
}

var (
	yes = true
	no  = false
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		text string
		want everything
	}{
		{"", everything{}},
		{"{}", everything{}},
		{"text: hello", everything{Text: "hello"}},
		{"text: 0000320193", everything{Text: "0000320193"}},
		{"text: 1.10", everything{Text: "1.10"}},
		{"text: 1e3", everything{Text: "1e3"}},
		{"text: 2024-01-31", everything{Text: "2024-01-31"}},
		{"text: no", everything{Text: "no"}},
		{"text: true", everything{Text: "true"}},
		{"text: 123456789012345678901234567890", everything{Text: "123456789012345678901234567890"}},
		{"text: |\n  a\n  b\n", everything{Text: "a\nb\n"}},
		{"word: never", everything{Word: "never"}},
		{"flag: true", everything{Flag: true}},
		{"flag: 1", everything{Flag: true}},
		{"flag: yes", everything{Flag: true}},
		{"flag: On", everything{Flag: true}},
		{"flag: ${F:-1}", everything{Flag: true}},
		{"maybe: 0", everything{Maybe: &no}},
		{"maybe: ${F:-yes}", everything{Maybe: &yes}},
		{"count: 5", everything{Count: 5}},
		{"count: -5", everything{Count: -5}},
		{"count: 1_000", everything{Count: 1000}},
		{"count: 0x10", everything{Count: 16}},
		{"count: 5.0", everything{Count: 5}},
		{"count: 1e3", everything{Count: 1000}},
		{"count: ${N:-7}", everything{Count: 7}},
		{`{count: "${N:-7}"}`, everything{Count: 7}},
		{"small: -128", everything{Small: -128}},
		{"positive: 65535", everything{Positive: 65535}},
		{"ratio: 0.2", everything{Ratio: 0.2}},
		{"ratio: 1", everything{Ratio: 1}},
		{"ratio: .5", everything{Ratio: .5}},
		{`{ratio: "${R:-.5}"}`, everything{Ratio: .5}},
		{"wait: 2s", everything{Wait: 2 * time.Second}},
		{"wait: 2", everything{Wait: 2 * time.Second}},
		{"wait: 2.0", everything{Wait: 2 * time.Second}},
		{"wait: 0.5", everything{Wait: 500 * time.Millisecond}},
		{`wait: "90"`, everything{Wait: 90 * time.Second}},
		{"wait: 7d", everything{Wait: 168 * time.Hour}},
		{"wait: 1.5d", everything{Wait: 36 * time.Hour}},
		{"wait: 1w1d1h30m", everything{Wait: (8*24+1)*time.Hour + 30*time.Minute}},
		{"wait: 0", everything{}},
		{"wait: ${W:-86400}", everything{Wait: 24 * time.Hour}},
		{"size: 512", everything{Size: 512}},
		{"size: 1MiB", everything{Size: 1 << 20}},
		{"token: abc", everything{Token: "abc"}},
		{"token: 12345", everything{Token: "12345"}},
		{"upper: ABC", everything{Upper: "ABC"}},
		{"words: [a, 1, true]", everything{Words: []string{"a", "1", "true"}}},
		{"words: a", everything{Words: []string{"a"}}},
		{"words: []", everything{Words: []string{}}},
		{`words: [a, "${NONE:-}", b]`, everything{Words: []string{"a", "b"}}},
		{"forms: 8-K", everything{Forms: []string{"8-K"}}},
		{"waits: [1, 2m]", everything{Waits: []time.Duration{time.Second, 2 * time.Minute}}},
		{"weights: {a: 1, b: -0.5}", everything{Weights: map[string]float64{"a": 1, "b": -0.5}}},
		{"tokens: {a: x}", everything{Tokens: map[string]Secret{"a": "x"}}},
		{"retry: {attempts: 3}", everything{Retry: retry{Attempts: 3}}},
		{"retry:", everything{}},
		{"other: {wait: 1s}", everything{Other: &retry{Wait: time.Second}}},
		{"tiers: [ollama, {name: gemini, model: flash}]", everything{Tiers: []tier{{Name: "ollama"}, {"gemini", "flash"}}}},
		{"tiers: {name: gemini}", everything{Tiers: []tier{{Name: "gemini"}}}},
		{"tiers: ollama", everything{Tiers: []tier{{Name: "ollama"}}}},
		{"shared: x", everything{common: common{"x"}}},
		{"other: &a {attempts: 2}\nretry: *a", everything{Retry: retry{Attempts: 2}, Other: &retry{Attempts: 2}}},
	} {
		got, issues := decode(t, everything{}, c.text)
		if issues != nil {
			t.Errorf("%s: %v", c.text, issues)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(everything{})); diff != "" {
			t.Errorf("%s: %s", c.text, diff)
		}
	}
}

// TestDecodeKeepsDefaults: what is not given, null, or empty by a variable.
func TestDecodeKeepsDefaults(t *testing.T) {
	defaults := everything{
		Text: "t", Flag: true, Maybe: &yes, Count: 1, Ratio: 2, Wait: 3, Size: 4, Token: "s", Upper: "U",
		Words: []string{"w"}, Weights: map[string]float64{"a": 1}, Retry: retry{Attempts: 5, Wait: 6}, Other: &retry{Attempts: 7, Wait: 8},
	}
	for _, text := range []string{
		"",
		"text:\nflag:\nmaybe:\ncount:\nratio:\nwait:\nsize:\ntoken:\nupper:\nwords:\nweights:\nretry:\nother:",
		"text: ~\ncount: null",
		"text: ${V:-}\nflag: ${V:-}\ncount: ${V:-}\nratio: ${V:-}\nwait: ${V:-}\nsize: ${V:-}\ntoken: ${V:-}\nupper: ${V:-}\nwords: ${V:-}\nretry: ${V:-}",
		`{text: "${EMPTY}", count: "${V:-}", wait: "${EMPTY:-}", token: "${V:-}"}`,
		"retry: {}\nother: {attempts: 7}",
	} {
		got, issues := decode(t, defaults, text, "EMPTY", "")
		if issues != nil {
			t.Errorf("%s: %v", text, issues)
		}
		if diff := cmp.Diff(defaults, got, cmp.AllowUnexported(everything{})); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	if got, _ := decode(t, defaults, `text: ""`); got.Text != "" {
		t.Errorf("an empty text in quotes gives %q, want nothing", got.Text)
	}
	if got, _ := decode(t, defaults, "other: {attempts: 1}"); *got.Other != (retry{1, 8}) || defaults.Other.Attempts != 7 {
		t.Errorf("a pointer's default became %+v, the original %+v", *got.Other, *defaults.Other)
	}
}

// TestDecodeRefuses names each mistake and its place.
func TestDecodeRefuses(t *testing.T) {
	const variable = "hunter-two"
	for _, c := range []struct{ text, want string }{
		{"tex: a", `1:1: unknown key "tex" (did you mean "text"?)`},
		{"retry: {atempts: 1}", `1:9: retry: unknown key "atempts" (did you mean "attempts"?)`},
		{"retry: {zzz: 1}", `1:9: retry: unknown key "zzz" (one of attempts, wait)`},
		{"share: a", `1:1: unknown key "share" (did you mean "shared"?)`},
		{"hello", "1:1: expected a mapping, found the text \"hello\" (its keys are text, word, "},
		{"- a", "1:1: expected a mapping, found a list"},
		{"text: [a]", "1:7: text: expected text, found a list"},
		{"text: {a: b}", "1:7: text: expected text, found a mapping"},
		{"word: nevr", `1:7: word: expected one of auto, never, always, found the text "nevr" (did you mean "never"?)`},
		{"word: ${V}", "1:7: word: expected one of auto, never, always, found the value of $V"},
		{"forms: [8-K, 10-K]", `1:14: forms[1]: expected one of 8-K, 10-Q, found the text "10-K" (did you mean "10-Q"?)`},
		{"flag: maybe", `1:7: flag: expected true or false, found the text "maybe"`},
		{"flag: 2", "1:7: flag: expected true or false, found the number 2"},
		{"flag: ${V}", "1:7: flag: expected true or false, found the value of $V"},
		{"count: ten", `1:8: count: expected a whole number, found the text "ten"`},
		{"count: 1.5", "1:8: count: expected a whole number, found the number 1.5"},
		{`count: "5"`, `1:8: count: expected a whole number, found the text "5" (remove the quotes)`},
		{"count: 010", "1:8: count: expected a whole number, found the number 010 (write it without the leading zero)"},
		{"count: true", "1:8: count: expected a whole number, found true"},
		{"count: 99999999999999999999", "1:8: count: is out of range"},
		{"count: .inf", "1:8: count: expected a whole number, found the number .inf"},
		{"count: .nan", "1:8: count: expected a whole number, found the number .nan"},
		{"count: 2024-01-01", `1:8: count: expected a whole number, found the text "2024-01-01"`},
		{"count: ${V}", "1:8: count: expected a whole number, found the value of $V"},
		{"count: [1]", "1:8: count: expected a whole number, found a list"},
		{"small: 128", "1:8: small: is out of range: at most 127"},
		{"small: -1e9", "1:8: small: is out of range"},
		{"positive: -1", "1:11: positive: is out of range"},
		{"positive: 65536", "1:11: positive: is out of range"},
		{"ratio: half", `1:8: ratio: expected a number, found the text "half"`},
		{"ratio: .inf", "1:8: ratio: expected a number, found the number .inf (it must be finite)"},
		{"wait: soon", `1:7: wait: "soon" is no duration; write 30s, 5m, 24h or 7d, or a number of seconds`},
		{"wait: -2s", "1:7: wait: \"-2s\" is no duration"},
		{"wait: -2", "1:7: wait: \"-2\" is no duration"},
		{"wait: 1e30", "1:7: wait: \"1e30\" is no duration"},
		{"wait: .nan", "1:7: wait: \".nan\" is no duration"},
		{"wait: 200000000w", "1:7: wait: \"200000000w\" is no duration"},
		{"wait: ${V}", "1:7: wait: the value of $V is no duration"},
		{"size: big", `1:7: size: "big" is no size`},
		{"token: [a]", "1:8: token: expected text, found a list"},
		{"upper: abc", `1:8: upper: "abc" is not in capitals`},
		{"upper: ${V}", `1:8: upper: the value of $V is not in capitals`},
		{"words: {a: b}", "1:8: words: expected a list of texts, found a mapping"},
		{"words: [a, [b]]", "1:12: words[1]: expected text, found a list"},
		{"words: [a, , b]", "1:1: a value is missing here"},
		{"words:\n  - a\n  -\n", "words[1]: expected text, found nothing"},
		{"waits: [1, x]", `1:12: waits[1]: "x" is no duration`},
		{"weights: [1]", "1:10: weights: expected a mapping of names to numbers, found a list"},
		{"weights: {a: x}", `1:14: weights.a: expected a number, found the text "x"`},
		{"weights: {a: }", "weights.a: expected a number, found nothing"},
		{"retry: 5", "1:8: retry: expected a mapping, found the number 5 (its keys are attempts, wait)"},
		{"retry: {attempts: -1}", "1:19: retry.attempts: must be at least 0, not -1"},
		{"other: {attempts: -1}", "1:19: other.attempts: must be at least 0, not -1"},
		{"tiers: [{model: m}]", `1:9: tiers[0]: the key "name" is required (its name)`},
		{`tiers: [{name: ""}]`, "1:16: tiers[0].name: must not be empty (its name)"},
		{"tiers:\n- name: ${EMPTY}", "2:9: tiers[0].name: must not be empty"},
		{"tiers: [a, [b]]", "1:12: tiers[1].name: expected text, found a list"},
		{"text: ${NONE}", "1:7: text: the variable NONE is not set (set it in the environment or in .env, or give a default: ${NONE:-…})"},
		{"words: [a, \"x${NONE}\"]", "1:12: words[1]: the variable NONE is not set"},
		{"retry: ${NONE}", "1:8: retry: the variable NONE is not set"},
		{"count: ${NONE}", "1:8: count: the variable NONE is not set"},
	} {
		doc, issues := Load("p.yaml", []byte(c.text), environment("V", variable, "EMPTY", ""))
		if doc != nil {
			var into everything
			issues = append(issues, Decode(doc, doc.Root, &into)...).Sorted()
		}
		if len(issues) != 1 || !strings.Contains(issues.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.text, issues, c.want)
		}
		if strings.Contains(issues.Error(), variable) {
			t.Errorf("%s: the value of a variable is shown: %v", c.text, issues)
		}
	}
}

type required struct {
	URL   string `yaml:"url" doc:"where to look" required:"true"`
	Topic string `yaml:"topic,short" doc:"where to put it"`
}

func TestDecodeSkipAndTogether(t *testing.T) {
	doc := load(t, "{url: u, workers: x, zzz: 1}")
	var own required
	issues := Decode(doc, doc.Root, &own, "workers")
	if len(issues) != 1 || issues[0].Message != `unknown key "zzz"` || own.URL != "u" {
		t.Errorf("with a key left to others: %v, %+v", issues, own)
	}

	var knobs struct {
		Workers int `yaml:"workers" doc:"at the same time" required:"true"`
	}
	doc = load(t, "{workers: 4, url: u, urll: v}")
	issues = Decode(doc, doc.Root, Together{&own, &knobs})
	if len(issues) != 1 || issues[0].Hint != `did you mean "url"?` || knobs.Workers != 4 {
		t.Errorf("together: %v, %+v", issues, knobs)
	}

	doc = load(t, "news.analyse")
	own = required{}
	issues = Decode(doc, doc.Root, Together{&knobs, &own})
	if own.Topic != "news.analyse" || len(issues) != 1 || issues[0].Message != `the key "url" is required` {
		t.Errorf("a scalar went to %+v with %v", own, issues)
	}
	if got := Keys(required{}); !cmp.Equal(got, []string{"url", "topic"}) {
		t.Errorf("Keys gives %v", got)
	}
}

func TestDecodeWithoutNode(t *testing.T) {
	doc := load(t, "stages: [remember]")
	at := doc.Root.Content[1].Content[0]
	r := NewReader(doc)
	var into required
	if r.Decode("remember", at, nil, &into) {
		t.Error("a required key may be missing")
	}
	want := `p.yaml:1:10: remember: the key "url" is required (where to look)`
	if got := r.Issues().Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// judged answers Validate with what the test wants.
type judged struct {
	Low   int      `yaml:"low" doc:"the least"`
	High  int      `yaml:"high" doc:"the most"`
	URL   string   `yaml:"url" doc:"where"`
	Token Secret   `yaml:"token" doc:"who"`
	Tiers []tier   `yaml:"tiers" doc:"which"`
	Names []string `yaml:"names" doc:"what"`

	verdict func(*judged) error
}

func (j *judged) Validate() error { return j.verdict(j) }

func TestValidate(t *testing.T) {
	const text = "low: 1\nhigh: 2\nurl: u\ntoken: t0ps3cret\ntiers:\n  - a\n  - {name: b, model: m}\nnames: [x, y]\n"
	sentinel := errors.New("sentinel")
	for _, c := range []struct {
		err  error
		want []string
	}{
		{nil, nil},
		{sentinel, []string{"1:1: sentinel"}},
		{At("high", "must be above low"), []string{"2:7: high: must be above low"}},
		{errors.Join(At("low", "a"), At("high", "b"), sentinel), []string{"1:1: sentinel", "1:6: low: a", "2:7: high: b"}},
		{errors.Join(errors.New("x"), errors.New("y")), []string{"1:1: x", "1:1: y"}},
		{fmt.Errorf("both: %w and %w", At("low", "a"), At("high", "b")), []string{"1:6: low: a", "2:7: high: b"}},
		{fmt.Errorf("%w, as %w", sentinel, errors.ErrUnsupported), []string{"1:1: sentinel, as unsupported operation"}},
		{fmt.Errorf("range: %w", At("low", "a")), []string{"1:6: low: range: a"}},
		{At("tiers[1].model", "unknown"), []string{"7:22: tiers[1].model: unknown"}},
		{At("tiers.1.model", "unknown"), []string{"7:22: tiers.1.model: unknown"}},
		{At("tiers[0].model", "unknown"), []string{"6:5: tiers[0].model: unknown"}},
		{At("tiers", "%w", At("[1].model", "unknown")), []string{"7:22: tiers[1].model: unknown"}},
		{At("names[7]", "what"), []string{"8:8: names[7]: what"}},
		{At("nowhere", "what"), []string{"1:1: nowhere: what"}},
		{At("low", "two\nlines"), []string{"1:6: low: two; lines"}},
		{At("token", "%s is too short", "t0ps3cret"), []string{"4:8: token: the secret is too short"}},
	} {
		_, issues := decode(t, judged{verdict: func(*judged) error { return c.err }}, text)
		var got []string
		for _, i := range issues {
			got = append(got, strings.TrimPrefix(i.Error(), "p.yaml:"))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v: %s", c.err, diff)
		}
	}
}

// TestValidateAfterRefusal: what was refused is not judged by its default as well.
func TestValidateAfterRefusal(t *testing.T) {
	verdict := func(*judged) error {
		return errors.Join(At("low", "must be at least 1"), At("high", "must be at least 1"))
	}
	_, issues := decode(t, judged{verdict: verdict}, "low: ten\nhigh: ${NONE}\n")
	want := "p.yaml:1:6: low: expected a whole number, found the text \"ten\"\n" +
		"p.yaml:2:7: high: the variable NONE is not set (set it in the environment or in .env, or give a default: ${NONE:-…})"
	if issues.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", issues, want)
	}
}

// TestValidateShowsNoVariable: not even pieces, as errors of net/url have them.
func TestValidateShowsNoVariable(t *testing.T) {
	for _, c := range []struct{ value, text, want string }{
		{"redis://:pa55#word@host:6379", `parse "redis://:pa55#word@host:6379": bad`, "url: parse the value of $V: bad"},
		{"redis://:pa55#word@host:6379", `invalid port ":pa55" after host`, "url: the value of $V is not valid"},
		{"redis://:pa55#word@host:6379", "no such host: HOST:6379", "url: the value of $V is not valid"},
		{"redis://:pa55#word@host:6379", "must begin with http://", "url: must begin with http://"},
		{"5", "must be at least 5", "url: must be at least 5"},
	} {
		verdict := func(*judged) error { return At("url", "%s", c.text) }
		_, issues := decode(t, judged{verdict: verdict}, "url: ${V}", "V", c.value)
		if want := "p.yaml:1:6: " + c.want; issues.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", c.text, issues, want)
		}
	}
}
