package quota

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/llm"
)

// cents is a call to a paid model that may cost so many.
func cents(n float64) Ask {
	return Ask{Provider: "gemini", Model: "m", Source: "rss", Tickers: []string{"ACME"}, NanoDollars: int64(n * 1e7)}
}

// spend makes a call that costs what it may.
func spend(t *testing.T, q *Quota, a Ask) {
	t.Helper()
	must(t, q, a).Settle(Used{NanoDollars: a.NanoDollars})
}

func dollarADay() Config {
	c := Defaults
	c.Day = dollar
	c.Warning, c.Critical = Step{At: 0.6, MaxCall: dollar / 100}, Step{At: 0.85, MaxCall: dollar / 500}
	return c
}

// TestSteps goes through a day: dear calls end at the warning level, the less dear
// at the critical one, all at the limit, and the next day begins anew.
func TestSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10 * time.Hour)
		log, text := logged()
		q := New(dollarADay(), &server{}, log)
		defer q.Close()
		var changes []Change
		q.OnLevel(func(c Change) { changes = append(changes, c) })
		wantLevel := func(want Level) {
			t.Helper()
			synctest.Wait()
			if got := q.Level(); got != want {
				t.Errorf("level %v, want %v", got, want)
			}
		}
		wantLevel(OK)
		spend(t, q, cents(59))
		wantLevel(OK)
		spend(t, q, cents(2)) // crosses the line, which none may do afterwards
		wantLevel(Warning)
		if got := refused(t, q, cents(1.1), llm.Budget); got.RetryAfter != 14*time.Hour || !strings.Contains(got.Error(), "from 0.6 on a call may cost 0.01 at most, and this may cost 0.011") {
			t.Errorf("%v, retry after %v", got, got.RetryAfter)
		}
		for range 24 {
			spend(t, q, cents(1))
		}
		wantLevel(Critical)
		if got := refused(t, q, cents(1), llm.Budget); !strings.Contains(got.Error(), "from 0.85 on a call may cost 0.002 at most") {
			t.Error(got)
		}
		for range 75 {
			spend(t, q, cents(0.2))
		}
		wantLevel(Over)
		if got := refused(t, q, cents(0.0000001), llm.Budget); !strings.Contains(got.Error(), "budget of the day: 1 of 1 dollars") {
			t.Error(got)
		}
		free := cents(500)
		free.Limits.Free = true
		spend(t, q, free)
		spend(t, q, cents(0))

		time.Sleep(14*time.Hour - time.Nanosecond)
		refused(t, q, cents(0.1), llm.Budget)
		time.Sleep(time.Nanosecond)
		if got := q.Level(); got != OK {
			t.Errorf("level %v on the next day", got)
		}
		spend(t, q, cents(50))
		wantLevel(OK)
		want := []Change{
			{OK, Warning, 61e7, 1e9}, {Warning, Critical, 85e7, 1e9}, {Critical, Over, 1e9, 1e9}, {Over, OK, 0, 1e9},
		}
		if changes[3].Spent == 5e8 { // who is first after midnight decides
			want[3].Spent = 5e8
		}
		if diff := cmp.Diff(want, changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		for _, event := range []string{"level=warning was=ok spent=0.61 limit=1", "level=over", "level=ok"} {
			if n := strings.Count(text(), "msg=llm_budget "+event); n != 1 {
				t.Errorf("%d events %q in\n%s", n, event, text())
			}
		}
	})
}

// TestWorstIsSetAside has calls under way that together may cost all there is.
func TestWorstIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dollarADay()
		c.Warning, c.Critical = Step{1, None}, Step{1, None}
		q := open(t, c, &server{})
		var under []*Reservation
		for range 4 {
			under = append(under, must(t, q, cents(25)))
		}
		refused(t, q, cents(0.1), llm.Budget)
		if q.Level() != OK {
			t.Error("what is only set aside has changed the level")
		}
		under[0].Settle(Used{}) // a failed call costs nothing
		under[1].Settle(Used{NanoDollars: 5e7})
		refused(t, q, cents(46), llm.Budget)
		under = append(under, must(t, q, cents(45)))
		for _, r := range under {
			r.Settle(Used{NanoDollars: 1e7})
		}
		synctest.Wait()
		spend(t, q, cents(92))
		if got := q.Level(); got != Over && got != OK {
			t.Error(got)
		}
		refused(t, q, cents(0.1), llm.Budget)
	})
}

// TestOverBeforeTheLimit refuses a call for good although some money is left.
func TestOverBeforeTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, dollarADay(), &server{})
		spend(t, q, cents(59.9))
		spend(t, q, cents(40)) // whose step was not reached yet
		if got := q.Level(); got != Critical {
			t.Errorf("level %v", got)
		}
		refused(t, q, cents(0.15), llm.Budget)
		if got := q.Level(); got != Over {
			t.Errorf("level %v, want over: the call was as cheap as one may be", got)
		}
	})
}

// TestWorseThanWorst spends more than was set aside: it counts.
func TestWorseThanWorst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, dollarADay(), &server{})
		must(t, q, cents(1)).Settle(Used{NanoDollars: 3e9})
		if got := q.Level(); got != Over {
			t.Errorf("level %v", got)
		}
		refused(t, q, cents(0.1), llm.Budget)
		spend(t, q, cents(0))
	})
}

func TestScopes(t *testing.T) {
	none := Config{Day: None, EachSource: None, EachTicker: None}
	for _, c := range []struct {
		name   string
		change func(*Config)
		fits   []Ask // one after the other
		not    Ask
		says   string
	}{
		{"a day of 0 asks nothing paid", func(c *Config) { *c = Config{} }, nil, cents(0.0000001), "the day: 0 of 0"},
		{"none", func(c *Config) {}, []Ask{cents(1e6), cents(1e6)}, Ask{}, ""},
		{"a provider", func(c *Config) { c.Providers = map[string]Dollars{"gemini": dollar / 10} },
			[]Ask{cents(6), cents(4), {Provider: "anthropic", Model: "m", NanoDollars: 1e10}}, cents(0.1), "provider gemini: 0.1 of 0.1"},
		{"a provider of 0", func(c *Config) { c.Providers = map[string]Dollars{"gemini": 0} }, nil, cents(0.1), "provider gemini"},
		{"a source", func(c *Config) { c.Sources = map[string]Dollars{"rss": dollar / 10} },
			[]Ask{cents(10), {Provider: "gemini", Source: "edgar", NanoDollars: 1e10}, {Provider: "gemini", NanoDollars: 1e10}}, cents(0.1), "source rss"},
		{"each source", func(c *Config) { c.EachSource = dollar / 10; c.Sources = map[string]Dollars{"edgar": None} },
			[]Ask{cents(10), {Provider: "gemini", Source: "other", NanoDollars: 1e8}, {Provider: "gemini", Source: "edgar", NanoDollars: 1e10}},
			Ask{Provider: "gemini", Source: "other", NanoDollars: 1}, "source other"},
		{"a ticker", func(c *Config) { c.Tickers = map[string]Dollars{"ACME": dollar / 10} },
			[]Ask{cents(10), {Provider: "gemini", Tickers: []string{"OTHER"}, NanoDollars: 1e10}}, cents(0.1), "ticker ACME"},
		{"each ticker, by its share", func(c *Config) { c.EachTicker = dollar / 10 },
			[]Ask{{Provider: "gemini", Tickers: []string{"A", "B", "A", "", "C"}, NanoDollars: 3e8}},
			Ask{Provider: "gemini", Tickers: []string{"D", "C"}, NanoDollars: 2}, "ticker C"},
		{"what is left over goes to the first", func(c *Config) { c.EachTicker = 10 },
			[]Ask{{Provider: "gemini", Tickers: []string{"A", "B"}, NanoDollars: 19}, {Provider: "gemini", Tickers: []string{"B"}, NanoDollars: 1}},
			Ask{Provider: "gemini", Tickers: []string{"A"}, NanoDollars: 1}, "ticker A"},
		{"names that look like others", func(c *Config) {
			c.EachSource = 10
			c.EachTicker = 10
			c.Providers = map[string]Dollars{"source:x": 10}
		},
			[]Ask{{Provider: "source:x", Source: "ticker:x", Tickers: []string{"x"}, NanoDollars: 10}, {Provider: "y", Source: "x", NanoDollars: 10}},
			Ask{Provider: "y", Source: "x", NanoDollars: 1}, "source x"},
	} {
		bubble(t, c.name, func(t *testing.T) {
			config := none
			c.change(&config)
			q := open(t, config, &server{})
			for i, a := range c.fits {
				r, refusal := q.Reserve(t.Context(), a)
				if refusal != nil {
					t.Fatalf("call %d: %v", i, refusal)
				}
				r.Settle(Used{NanoDollars: a.NanoDollars})
			}
			if c.says == "" {
				return
			}
			if got := refused(t, q, c.not, llm.Budget); !strings.Contains(got.Error(), c.says) {
				t.Errorf("%v does not name %q", got, c.says)
			}
			free := c.not
			free.Limits.Free = true
			must(t, q, free).Settle(Used{})
			free = c.not
			free.NanoDollars = 0
			must(t, q, free).Settle(Used{})
		})
	}
}

// TestSettledAfterMidnight belongs to the day on which the call began.
func TestSettledAfterMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := open(t, dollarADay(), s)
		time.Sleep(24*time.Hour - time.Second)
		yesterday := date(time.Now().UTC())
		r := must(t, q, cents(90))
		time.Sleep(2 * time.Second)
		r.Settle(Used{NanoDollars: 7e8})
		wantUsed(t, s, map[string]int64{
			"usd:" + yesterday + ":day": 7e8, "usd:" + date(time.Now().UTC()) + ":day": 0,
		})
		if got := q.Level(); got != OK {
			t.Errorf("level %v", got)
		}
		spend(t, q, cents(90))
	})
}

// TestLevelIsShared learns of what another process spends, and of what was spent before.
func TestLevelIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		a, b := open(t, dollarADay(), s), open(t, dollarADay(), s)
		spend(t, a, cents(70))
		time.Sleep(lease / 3)
		synctest.Wait()
		if got := b.Level(); got != Warning {
			t.Errorf("the other process: %v", got)
		}
		if got := open(t, dollarADay(), s).Level(); got != Warning {
			t.Errorf("after a restart: %v", got)
		}
	})
}
