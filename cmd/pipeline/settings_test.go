package main

import (
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst"
	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
	"catalyst/internal/llm/anthropic"
	"catalyst/internal/llm/gemini"
	"catalyst/internal/llm/ollama"
	"catalyst/internal/llm/openai"
	"catalyst/sinks/discord"
	"catalyst/sources/alpaca"
	"catalyst/sources/edgar"
	"catalyst/sources/finnhub"
	"catalyst/sources/newsapi"
	"catalyst/stages/batch"
	"catalyst/stages/freshness"
	llmrouter "catalyst/stages/llm_router"
	"catalyst/stages/prescale"
	semanticcache "catalyst/stages/semantic_cache"
)

// parsedWith reads the repository's pipeline.yaml with these variables and no others.
func parsedWith(t *testing.T, env map[string]string) (*flows.Plan, *resources) {
	t.Helper()
	a := &app{stdio: stdio{strings.NewReader(""), io.Discard, io.Discard}}
	plan, r, err := a.parse("pipeline.yaml", catalyst.Pipeline, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	return plan, r
}

// stageConfig is the configuration of the only stage of its type.
func stageConfig[C any](p *flows.Plan) (c C) {
	for _, segment := range p.Segments {
		for _, s := range segment.Stages {
			if found, ok := s.Config.(C); ok {
				return found
			}
		}
	}
	return c
}

// sourceConfig is the configuration of the only source of its type.
func sourceConfig[C any](p *flows.Plan) (c C) {
	for _, s := range p.Sources {
		if found, ok := s.Config.(C); ok {
			return found
		}
	}
	return c
}

func providerConfig[C any](r *resources) (c C) {
	for _, p := range r.providers {
		if found, ok := p.Config.(C); ok {
			return found
		}
	}
	return c
}

// names lists the stages, sources, sinks and providers that are there.
func names(p *flows.Plan, r *resources) []string {
	var all []string
	for _, s := range p.Sources {
		all = append(all, s.Name)
	}
	for _, segment := range p.Segments {
		for _, s := range segment.Stages {
			all = append(all, s.Name)
		}
	}
	for _, s := range p.Sinks {
		all = append(all, s.Name)
	}
	for _, s := range r.providers {
		if s.Enabled() {
			all = append(all, s.Name)
		}
	}
	return all
}

// The variables of today's .env, and what each of them sets. Each is set to
// something else than its default.
func TestEachVariableHasItsEffect(t *testing.T) {
	type see func(*flows.Plan, *resources) any
	router := func(get func(llmrouter.Config) any) see {
		return func(p *flows.Plan, _ *resources) any { return get(stageConfig[llmrouter.Config](p)) }
	}
	batching := func(get func(batch.Config) any) see {
		return func(p *flows.Plan, _ *resources) any { return get(stageConfig[batch.Config](p)) }
	}
	caching := func(get func(semanticcache.Config) any) see {
		return func(p *flows.Plan, _ *resources) any { return get(stageConfig[semanticcache.Config](p)) }
	}
	local := func(get func(ollama.Config) any) see {
		return func(_ *flows.Plan, r *resources) any { return get(providerConfig[ollama.Config](r)) }
	}
	google := func(get func(gemini.Config) any) see {
		return func(_ *flows.Plan, r *resources) any { return get(providerConfig[gemini.Config](r)) }
	}
	claude := func(get func(anthropic.Config) any) see {
		return func(_ *flows.Plan, r *resources) any { return get(providerConfig[anthropic.Config](r)) }
	}
	compatible := func(get func(openai.Config) any) see {
		return func(_ *flows.Plan, r *resources) any { return get(providerConfig[openai.Config](r)) }
	}
	bot := func(get func(discord.Config) any) see {
		return func(p *flows.Plan, _ *resources) any { return get(p.Sinks[0].Config.(discord.Config)) }
	}
	filed := func(get func(edgar.Config) any) see {
		return func(p *flows.Plan, _ *resources) any {
			return get(p.Sources[len(p.Sources)-1].Config.(edgar.Config))
		}
	}
	there := func(name string) see {
		return func(p *flows.Plan, r *resources) any { return slices.Contains(names(p, r), name) }
	}
	count := func(wanted ...string) see {
		return func(p *flows.Plan, r *resources) any {
			n := 0
			for _, name := range wanted {
				if slices.Contains(names(p, r), name) {
					n++
				}
			}
			return n
		}
	}
	filings := map[string]string{"FEATURE_EDGAR": "1", "EDGAR_CONTACT": "Example news@example.com"}
	token := map[string]string{"DISCORD_TOKEN": "any.token.there", "DISCORD_CHANNEL": "42"}

	covered := map[string]bool{}
	for _, test := range []struct {
		variable, value string
		with            map[string]string
		see             see
		default_, want  any
	}{
		{"REDIS_URL", "redis://host:6379/1", nil, func(p *flows.Plan, _ *resources) any { return p.Broker }, "sqlite://data/catalyst.db", "redis://host:6379/1"},
		{"DATABASE_URL", "postgres://host/db", nil, func(p *flows.Plan, _ *resources) any { return p.Store }, "sqlite://data/catalyst.db", "postgres://host/db"},

		{"MISTRAL_MIN_PRESCALE", "0.35", nil, func(p *flows.Plan, _ *resources) any { return stageConfig[prescale.Config](p).Min }, 0.20, 0.35},
		{"MISTRAL_BATCH_SIZE", "9", nil, batching(func(c batch.Config) any { return c.Size }), 5, 9},
		{"MISTRAL_BATCH_DELAY", "0.5", nil, batching(func(c batch.Config) any { return c.Wait }), 2 * time.Second, 500 * time.Millisecond},
		{"LLM_MAX_CONCURRENT", "2", nil, router(func(c llmrouter.Config) any { return c.Concurrency }), 5, 2},
		{"LLM_MAX_RETRIES", "7", nil, router(func(c llmrouter.Config) any { return c.Retries }), 3, 7},
		{"LLM_RETRY_DELAY", "1.5", nil, router(func(c llmrouter.Config) any { return c.RetryDelay }), 2 * time.Second, 1500 * time.Millisecond},
		{"LLM_CACHE_SIMILARITY", "0.9", nil, caching(func(c semanticcache.Config) any { return c.Similarity }), 0.6, 0.9},
		{"LLM_CACHE_TTL", "3600", nil, caching(func(c semanticcache.Config) any { return c.TTL }), 24 * time.Hour, time.Hour},

		{"LLM_LOCAL_ENABLED", "0", nil, there("ollama"), true, false},
		{"LLM_LOCAL_MAX_LENGTH", "500", nil, router(func(c llmrouter.Config) any {
			length, _, _ := strings.Cut(c.Rules[1].When.String(), " and ") // the rule for ollama
			return length
		}), "chars < 1000", "chars < 500"},
		{"LLM_BUDGET_DAY", "2.50", nil, func(_ *flows.Plan, r *resources) any { return r.models.config.Budget.Day.String() }, "50", "2.5"},
		{"GEMINI_REQUESTS_PER_DAY", "500", nil, google(func(c gemini.Config) any { return c.RequestsPerDay }), 0, 500},
		{"LLM_MODEL_NAME", "llama3.2", nil, local(func(c ollama.Config) any { return c.Model }), "mistral", "llama3.2"},
		{"GPU_CLEANUP_INTERVAL_SEC", "60", nil, local(func(c ollama.Config) any { return c.KeepAlive }), "300", "60"},
		{"OLLAMA_URL", "http://gpu:11434", nil, local(func(c ollama.Config) any { return c.BaseURL }), "", "http://gpu:11434"},
		{"GEMINI_API_KEY", "key-for-gemini", nil, google(func(c gemini.Config) any { return c.Key.Reveal() }), "", "key-for-gemini"},
		{"GEMINI_MODEL", "other", nil, google(func(c gemini.Config) any { return c.Model }), "gemini-3.1-flash-lite", "other"},
		{"GEMINI_API_URL", "http://proxy", nil, google(func(c gemini.Config) any { return c.BaseURL }), "https://generativelanguage.googleapis.com", "http://proxy"},
		{"ANTHROPIC_API_KEY", "key-for-claude", nil, claude(func(c anthropic.Config) any { return c.Key.Reveal() }), "", "key-for-claude"},
		{"ANTHROPIC_MODEL", "other", nil, claude(func(c anthropic.Config) any { return c.Model }), "claude-haiku-4-5", "other"},
		{"ANTHROPIC_API_URL", "http://proxy", nil, claude(func(c anthropic.Config) any { return c.BaseURL }), "https://api.anthropic.com", "http://proxy"},
		{"OPENAI_API_KEY", "key-for-openai", nil, compatible(func(c openai.Config) any { return c.Key.Reveal() }), "", "key-for-openai"},
		{"OPENAI_MODEL", "other", nil, compatible(func(c openai.Config) any { return c.Model }), "default", "other"},
		{"OPENAI_API_URL", "http://llama:8080/v1", nil, compatible(func(c openai.Config) any { return c.BaseURL }), "", "http://llama:8080/v1"},

		{"DISCORD_TOKEN", "any.token.there", map[string]string{"DISCORD_CHANNEL": "42"}, bot(func(c discord.Config) any { return c.Token.Reveal() }), "", "any.token.there"},
		{"DISCORD_CHANNEL", "42", nil, bot(func(c discord.Config) any { return c.Channel }), "", "42"},
		{"DISCORD_API_URL", "http://proxy", token, bot(func(c discord.Config) any { return c.BaseURL }), "https://discord.com", "http://proxy"},
		{"OPERATOR_CHANNEL", "43", token, func(_ *flows.Plan, r *resources) any { return r.told.Channel }, "", "43"},
		{"EDGAR_URL", "http://proxy", filings, filed(func(c edgar.Config) any { return c.BaseURL }), "https://www.sec.gov", "http://proxy"},
		{"EDGAR_CONTACT", "Other other@example.com", filings, filed(func(c edgar.Config) any { return c.Contact }), "Example news@example.com", "Other other@example.com"},
		{"HTTP_LISTEN", "off", nil, func(_ *flows.Plan, r *resources) any { return r.http.Listen }, "127.0.0.1:8080", "off"},

		{"FEATURE_RSS", "0", nil, count("globenewswire", "prnewswire"), 2, 0},
		{"FEATURE_EDGAR", "1", map[string]string{"EDGAR_CONTACT": "Example news@example.com"}, there("edgar-8k"), false, true},
		{"ALPACA_KEY", "id", map[string]string{"ALPACA_SECRET": "s"}, func(p *flows.Plan, _ *resources) any { return sourceConfig[alpaca.Config](p).Key.Reveal() }, "", "id"},
		{"ALPACA_SECRET", "s", map[string]string{"ALPACA_KEY": "id"}, func(p *flows.Plan, _ *resources) any { return sourceConfig[alpaca.Config](p).Secret.Reveal() }, "", "s"},
		{"FINNHUB_KEY", "k", nil, func(p *flows.Plan, _ *resources) any { return sourceConfig[finnhub.Config](p).Key.Reveal() }, "", "k"},
		{"NEWSAPI_KEY", "k", nil, func(p *flows.Plan, _ *resources) any { return sourceConfig[newsapi.Config](p).Key.Reveal() }, "", "k"},
		{"FEATURE_HALTS", "1", nil, there("nasdaq_halts"), false, true},
		{"FEATURE_FRESHNESS", "0", nil, there("freshness"), true, false},
		{"NEWS_MAX_AGE_MINUTES", "30", nil, func(p *flows.Plan, _ *resources) any { return stageConfig[freshness.Config](p).News }, 10 * time.Minute, 30 * time.Minute},
		{"SEC_MAX_AGE_MINUTES", "60", nil, func(p *flows.Plan, _ *resources) any { return stageConfig[freshness.Config](p).Filings }, 8 * time.Hour, time.Hour},
		{"FEATURE_TICKERS", "0", nil, there("tickers"), true, false},
		{"FEATURE_DEDUPE", "0", nil, count("dedupe", "stories", "also_seen"), 3, 0},
		{"FEATURE_PRESCALE", "0", nil, there("prescale"), true, false},
		{"FEATURE_PROGRESSIVE_ALERTS", "0", nil, there("announce"), true, false},
		{"FEATURE_LLM_BATCH", "0", nil, there("batch"), true, false},
		{"FEATURE_LLM_CACHE", "0", nil, count("semantic_cache", "remember"), 2, 0},
		{"FEATURE_LLM", "0", nil, there("llm_router"), true, false},
	} {
		t.Run(test.variable, func(t *testing.T) {
			covered[test.variable] = true
			if got := test.see(parsedWith(t, test.with)); !cmp.Equal(got, test.default_) {
				t.Errorf("without it %v, want %v", got, test.default_)
			}
			env := maps.Clone(test.with)
			if env == nil {
				env = map[string]string{}
			}
			env[test.variable] = test.value
			if got := test.see(parsedWith(t, env)); !cmp.Equal(got, test.want) {
				t.Errorf("with %s=%s %v, want %v", test.variable, test.value, got, test.want)
			}
		})
	}
	for name := range variables() {
		if !covered[name] {
			t.Errorf("pipeline.yaml reads %s, and nobody checks what for", name)
		}
	}
}

// Everything can be switched off from the environment, and what is left still runs.
func TestAllSwitchedOff(t *testing.T) {
	env := map[string]string{"LLM_LOCAL_ENABLED": "no"}
	for name := range variables() {
		if strings.HasPrefix(name, "FEATURE_") {
			env[name] = "off"
		}
	}
	plan, r := parsedWith(t, env)
	if got, want := names(plan, r), []string{"alpaca", "finnhub", "newsapi", "discord", "gemini", "anthropic", "openai"}; !cmp.Equal(got, want) {
		t.Errorf("%v are left, want %v", got, want)
	}
	for _, p := range r.providers {
		if _, err := r.Provider(p.Name); err == nil {
			t.Errorf("%s can be asked without key and address", p.Name)
		} else if _, ok := err.(*llm.NotConfiguredError); !ok {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

var variable = regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}`)

// variables are those that pipeline.yaml reads, with their defaults.
func variables() map[string]string {
	found := map[string]string{}
	for _, m := range variable.FindAllStringSubmatch(string(catalyst.Pipeline), -1) {
		found[m[1]] = m[2]
	}
	return found
}

// .env.example has the variables of pipeline.yaml, each with its default and a line
// of explanation above it, or above its group.
func TestEnvExample(t *testing.T) {
	example, err := config.LoadDotEnv("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	want := variables()
	for name, value := range want {
		if strings.HasPrefix(value, "sqlite://") {
			want[name] = "" // said in words: it is not a value to copy
		}
	}
	if diff := cmp.Diff(want, example); diff != "" {
		t.Errorf("pipeline.yaml (-) and .env.example (+) differ:\n%s", diff)
	}
	plan, r := parsedWith(t, example)
	byDefault, rDefault := parsedWith(t, nil)
	if diff := cmp.Diff(names(byDefault, rDefault), names(plan, r)); diff != "" {
		t.Errorf("a copy of .env.example changes the pipeline:\n%s", diff)
	}
}
