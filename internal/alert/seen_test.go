package alert

import (
	"testing"

	"catalyst/internal/news"
)

func TestAlsoAt(t *testing.T) {
	saw := func(sources ...string) (all []news.Sighting) {
		for _, s := range sources {
			all = append(all, news.Sighting{Source: s})
		}
		return all
	}
	for _, c := range []struct {
		seen []news.Sighting
		want string
	}{
		{nil, ""},
		{saw("agency"), "agency"},
		{saw("a", "b", "c", "d", "e"), "a, b, c and 2 more"},
		{saw(""), ""},
		{saw("🟢 bull\nish"), short("🟢 bull\nish", 40)},
	} {
		got := ""
		for _, f := range Pending(&news.Item{Title: "Acme", Source: "wire", Seen: c.seen}).Fields {
			if f.Name == "Also at" {
				got = f.Value
			}
		}
		if got != c.want {
			t.Errorf("also at %q, want %q", got, c.want)
		}
	}
}
