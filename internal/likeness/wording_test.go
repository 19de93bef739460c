package likeness

import "testing"

func TestExchanged(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Acme to build campus in Iowa", "Acme to build campus in Texas", true},
		{"Acme pilots approve contract", "Acme attendants approve contract", true},
		{"Acme CEO steps down", "Acme CFO steps down", true},
		{"Acme names new chief executive", "Acme appoints new CEO", false},
		{"Acme to purchase Beta", "Acme acquires Beta", false},
		{"Acme shipments to Chile", "Acme's Chilean shipment", false},
		{"Acme halts output at plant", "Acme suspends production at factory", false},
		{"Acme recalls trucks", "Acme recalls trucks over brakes, shares fall", false}, // it only adds
		{"Acme wins case against Beta", "Beta wins case against Acme", true},
		{"After review, Acme wins contract", "Acme wins contract after review", false}, // a part has moved
		{"", "", false},
		{"Acme", "", false},
	} {
		a, b := WordingOf(c.a), WordingOf(c.b)
		if got := a.Exchanged(b); got != c.want || got != b.Exchanged(a) {
			t.Errorf("%q and %q: exchanged %v, want %v: %v and %v", c.a, c.b, got, c.want, a.content, b.content)
		}
	}
}

func FuzzWordingOf(f *testing.F) {
	f.Add("Acme chief executive lays off staff", "non - compliance")
	f.Add("\xff - - '", "a a a a a a")
	f.Fuzz(func(t *testing.T, x, y string) {
		a, b := WordingOf(x), WordingOf(y)
		if a.Exchanged(a) {
			t.Errorf("%q is exchanged for itself", x)
		}
		if a.Exchanged(b) != b.Exchanged(a) {
			t.Errorf("%q and %q: not symmetric", x, y)
		}
		if len(a.content) > maxFacts || len(a.order) > maxTokens {
			t.Errorf("%d and %d words, want bounds", len(a.content), len(a.order))
		}
	})
}
