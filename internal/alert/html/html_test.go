package html

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/alert"
	"catalyst/internal/alert/gallery"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC)

func written(t *testing.T, messages ...Message) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, now, messages...); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestGallery(t *testing.T) {
	var messages []Message
	for _, s := range gallery.Samples(now) {
		messages = append(messages, Message(s))
	}
	got := written(t, messages...)
	if *update {
		if err := os.WriteFile("testdata/gallery.html", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/gallery.html")
	if err != nil {
		t.Fatalf("%v (run go test -update)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("testdata/gallery.html (-want +got):\n%s", diff)
	}
	for _, forbidden := range []string{"<script", " src=", "url(", "@import", "<iframe", "<img", "javascript:", " on"} {
		if strings.Contains(tags(got), forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// tags is what of a page is not text.
func tags(page string) string { return strings.Join(tag.FindAllString(page, -1), "\n") }

// A card that nobody cleaned stays text.
func TestNothingBreaksOut(t *testing.T) {
	page := func(text string) string {
		return tags(written(t, Message{text, []alert.Card{{
			Title: text, URL: "https://x.example/", Badge: text, Banner: text, Description: text, Footer: text,
			Fields: []alert.Field{{Name: text, Value: text}},
		}}}))
	}
	evil := `"></div></style><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}&amp;`
	if diff := cmp.Diff(page("x"), page(evil)); diff != "" {
		t.Errorf("the text makes a difference to the page (-harmless +hostile):\n%s", diff)
	}
	for _, link := range []string{"javascript:alert(1)", `https://x.example/"onmouseover="x`, "data:text/html,x"} {
		shown := tags(written(t, Message{"", []alert.Card{{Title: "x", URL: link}}}))
		if strings.Contains(shown, "javascript") || strings.Contains(shown, "data:") || strings.Contains(shown, `"onmouse`) {
			t.Errorf("%s is a link: %s", link, shown)
		}
	}
}

// As Discord puts them: inline fields stand in rows of up to three.
func TestRows(t *testing.T) {
	inline, full := alert.Field{Name: "i", Value: "x", Inline: true}, alert.Field{Name: "f", Value: "x"}
	for _, c := range []struct {
		fields []alert.Field
		want   []int
	}{
		{nil, nil},
		{[]alert.Field{inline, inline, inline, inline}, []int{3, 1}},
		{[]alert.Field{inline, full, inline, inline, full}, []int{1, 1, 2, 1}},
	} {
		var got []int
		for _, row := range view(alert.Card{Fields: c.fields}, now).Rows {
			got = append(got, len(row))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	}
}
