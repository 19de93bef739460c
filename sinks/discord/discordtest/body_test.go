package discordtest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBodies(t *testing.T) {
	title := func(n int) string { return post(fmt.Sprintf(`{"title":%q}`, strings.Repeat("x", n))) }
	field := func(name, value string) string {
		return post(fmt.Sprintf(`{"title":"t","fields":[{"name":%q,"value":%q}]}`, name, value))
	}
	embed := func(field string) string { return post(`{"title":"t",` + field + `}`) }
	buttons := func(list string) string {
		return with(`"content":"c","components":[{"type":1,"components":[` + list + `]}]`)
	}
	many := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	long := func(n int) string { return strings.Repeat("y", n) }
	link := `{"type":2,"style":5,"label":"Read","url":"https://example.com/"}`
	for _, row := range []struct {
		name, body string
		want       int // Discord's code; 0 if it is taken
		at         string
	}{
		{"a title", title(256), 0, ""},
		{"a longer title", title(257), 50035, "embeds.0.title BASE_TYPE_MAX_LENGTH"},
		{"trimmed before counting", post(fmt.Sprintf(`{"title":"%s  "}`, strings.Repeat("x", 256))), 0, ""},
		{"counted in UTF-16", post(fmt.Sprintf(`{"title":"%s"}`, strings.Repeat("😀", 129))), 50035, "embeds.0.title BASE_TYPE_MAX_LENGTH"},
		{"a description", embed(`"description":"` + long(4096) + `"`), 0, ""},
		{"a long description", embed(`"description":"` + long(4097) + `"`), 50035, "embeds.0.description BASE_TYPE_MAX_LENGTH"},
		{"a footer", embed(`"footer":{"text":"` + long(2049) + `"}`), 50035, "embeds.0.footer.text BASE_TYPE_MAX_LENGTH"},
		{"an author", embed(`"author":{"name":"` + long(257) + `"}`), 50035, "embeds.0.author.name BASE_TYPE_MAX_LENGTH"},
		{"an author without a name", embed(`"author":{"name":""}`), 50035, "embeds.0.author.name BASE_TYPE_REQUIRED"},
		{"a field", field("n", "v"), 0, ""},
		{"a field without a value", field("n", " "), 50035, "embeds.0.fields.0.value BASE_TYPE_REQUIRED"},
		{"a field whose name is long", field(long(257), "v"), 50035, "embeds.0.fields.0.name BASE_TYPE_MAX_LENGTH"},
		{"a field that is long", field("n", long(1025)), 50035, "embeds.0.fields.0.value BASE_TYPE_MAX_LENGTH"},
		{"25 fields", embed(`"fields":[` + many(25, `{"name":"n","value":"v"}`) + `]`), 0, ""},
		{"26 fields", embed(`"fields":[` + many(26, `{"name":"n","value":"v"}`) + `]`), 50035, "embeds.0.fields BASE_TYPE_MAX_LENGTH"},
		{"6,000 in all", post(`{"description":"` + long(4096) + `"},{"description":"` + long(1904) + `"}`), 0, ""},
		{"6,001 in all", post(`{"description":"` + long(4096) + `"},{"description":"` + long(1904) + `","author":{"name":"a"}}`), 50035, "embeds MAX_EMBED_SIZE_EXCEEDED"},
		{"10 embeds", post(many(10, `{"title":"t"}`)), 0, ""},
		{"11 embeds", post(many(11, `{"title":"t"}`)), 50035, "embeds BASE_TYPE_MAX_LENGTH"},
		{"long content", with(`"content":"` + long(2001) + `"`), 50035, "content BASE_TYPE_MAX_LENGTH"},
		{"no text", post(`{"color":1}`), 50006, ""},
		{"an image alone", post(`{"image":{"url":"https://example.com/i.png"}}`), 0, ""},
		{"nothing", with(`"content":"  "`), 50006, ""},
		{"a script", embed(`"url":"javascript:x"`), 50035, "embeds.0.url URL_TYPE_INVALID_SCHEME"},
		{"not a URL", embed(`"url":"news"`), 50035, "embeds.0.url URL_TYPE_INVALID_URL"},
		{"a data image", embed(`"image":{"url":"data:image/png;base64,AA"}`), 50035, "embeds.0.image.url URL_TYPE_INVALID_SCHEME"},
		{"a bad time", embed(`"timestamp":"yesterday"`), 50035, "embeds.0.timestamp DATE_TIME_TYPE_PARSE"},
		{"a bad color", embed(`"color":16777216`), 50035, "embeds.0.color NUMBER_TYPE_MAX"},
		{"unknown field", with(`"ID":"1","content":"c"`), 50035, "_misc DICT_TYPE_CONVERT"},
		{"unknown field of an embed", embed(`"colour":1`), 50035, "_misc DICT_TYPE_CONVERT"},
		{"another type", with(`"content":1`), 50035, "_misc DICT_TYPE_CONVERT"},
		{"null for nothing", with(`"content":null,"embeds":[{"title":"t"}]`), 50035, "content BASE_TYPE_REQUIRED"},
		{"null", `{"content":"c","allowed_mentions":{"parse":null}}`, 50035, "allowed_mentions.parse BASE_TYPE_REQUIRED"},
		{"no allowed_mentions", `{"content":"c"}`, 50035, "allowed_mentions BASE_TYPE_REQUIRED"},
		{"a kind of mention", `{"content":"c","allowed_mentions":{"parse":["here"]}}`, 50035, "allowed_mentions.parse BASE_TYPE_CHOICES"},
		{"mentions twice", `{"content":"c","allowed_mentions":{"parse":["users"],"users":["1"]}}`, 50035, "allowed_mentions MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"},
		{"a nonce", with(`"content":"c","nonce":"` + long(25) + `"`), 0, ""},
		{"a long nonce", with(`"content":"c","nonce":"` + long(26) + `"`), 50035, "nonce BASE_TYPE_MAX_LENGTH"},
		{"silent", with(`"content":"c","flags":4096`), 0, ""},
		{"another flag", with(`"content":"c","flags":32768`), 50035, "flags BASE_TYPE_CHOICES"},
		{"a link", buttons(link), 0, ""},
		{"5 links", buttons(many(5, link)), 0, ""},
		{"6 links", buttons(many(6, link)), 50035, "components.0.components BASE_TYPE_BAD_LENGTH"},
		{"6 rows", with(`"components":[` + many(6, `{"type":1,"components":[`+link+`]}`) + `]`), 50035, "components BASE_TYPE_MAX_LENGTH"},
		{"a button without a row", with(`"components":[` + link + `]`), 50035, "components.0.type BASE_TYPE_CHOICES"},
		{"a link with an id", buttons(`{"type":2,"style":5,"label":"l","url":"https://example.com/","custom_id":"c"}`), 50035, "components.0.components.0 BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE"},
		{"a link to nowhere", buttons(`{"type":2,"style":5,"label":"l"}`), 50035, "components.0.components.0.url BASE_TYPE_REQUIRED"},
		{"a long link", buttons(`{"type":2,"style":5,"label":"l","url":"https://example.com/` + long(500) + `"}`), 50035, "components.0.components.0.url BASE_TYPE_MAX_LENGTH"},
		{"a long label", buttons(`{"type":2,"style":5,"label":"` + long(81) + `","url":"https://example.com/"}`), 50035, "components.0.components.0.label BASE_TYPE_BAD_LENGTH"},
		{"a button without an id", buttons(`{"type":2,"style":1,"label":"l"}`), 50035, "components.0.components.0.custom_id BASE_TYPE_BAD_LENGTH"},
		{"not JSON", `{"embeds":`, 50109, ""},
		{"two values", post(`{"title":"t"}`) + "{}", 50109, ""},
		{"a reply to nothing", with(`"content":"c","message_reference":{"message_id":"1"}`), 50035, "message_reference REPLIES_UNKNOWN_MESSAGE"},
		{"a reply if possible", with(`"content":"c","message_reference":{"message_id":"1","fail_if_not_exists":false}`), 0, ""},
		{"moderated", with(`"content":"buy GOLD now"`), 200000, ""},
		{"harmful", embed(`"description":"see evil.example"`), 240000, ""},
	} {
		s := New(Config{Automod: regexp.MustCompile("GOLD"), Harmful: regexp.MustCompile(`evil\.example`)})
		r := ask(t, s, "POST", path, row.body)
		if r.code() != row.want || (r.status == 200) != (row.want == 0) || firstFault(r) != row.at {
			t.Errorf("%s: HTTP %d %v, want code %d at %q", row.name, r.status, r.body, row.want, row.at)
		}
		if n := len(s.Messages()); (n == 1) != (row.want == 0) {
			t.Errorf("%s: %d messages", row.name, n)
		}
	}
}

// firstFault is a path and a code in a 50035 body; empty without one.
func firstFault(r reply) string {
	var walk func(at string, node map[string]any) string
	walk = func(at string, node map[string]any) string {
		if list, ok := node["_errors"].([]any); ok {
			return strings.TrimPrefix(at, ".") + " " + list[0].(map[string]any)["code"].(string)
		}
		for name, next := range node {
			return walk(at+"."+name, next.(map[string]any))
		}
		return ""
	}
	tree, _ := r.body["errors"].(map[string]any)
	return walk("", tree)
}

// The body of an error is Discord's, with every fault in it.
func TestFormError(t *testing.T) {
	s := New(Config{})
	r := ask(t, s, "POST", path, with(`"content":"`+strings.Repeat("c", 2001)+`","embeds":[{"title":"t"},{"title":"`+strings.Repeat("x", 257)+`","footer":{"text":""}}]`))
	var got, expected any
	text, _ := json.Marshal(r.body)
	json.Unmarshal(text, &got)
	json.Unmarshal([]byte(`{"code": 50035, "message": "Invalid Form Body", "errors": {
		"content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}]},
		"embeds": {"1": {
			"title": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length."}]},
			"footer": {"text": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]}}}}}}`), &expected)
	if diff := cmp.Diff(expected, got); diff != "" || r.status != 400 {
		t.Errorf("HTTP %d (-want +got):\n%s", r.status, diff)
	}
}

func TestContentType(t *testing.T) {
	s := New(Config{})
	req := request(t, "http://discord.test", "token", "POST", path, post(`{"title":"t"}`))
	req.Header.Set("Content-Type", "text/plain")
	want(t, "text", do(t, s.Transport(), req), 400, 50035)
	want(t, "26 MiB", ask(t, s, "POST", path, with(`"content":"`+strings.Repeat("c", 26<<20)+`"`)), 413, 40005)
}

func TestOneURLIsShownOnce(t *testing.T) {
	s := New(Config{})
	ask(t, s, "POST", path, post(`{"title":"a","url":"https://example.com/1"},{"title":"b","url":"https://example.com/1"},{"title":"c"},{"title":"d"}`))
	var shown []string
	for _, e := range s.Messages()[0].Last().Shown() {
		shown = append(shown, e.Title)
	}
	if fmt.Sprint(shown) != "[a c d]" {
		t.Errorf("shows %v, want a, c, d", shown)
	}
}

func TestWhoMayBePinged(t *testing.T) {
	s := New(Config{AnyMentions: true, Webhooks: []Webhook{hook}})
	for body, kinds := range map[string]string{
		`{"content":"c"}`: "[users roles everyone]",
		`{"content":"c","allowed_mentions":{"parse":["roles"],"users":["7"]}}`: "[roles 7]",
		`{"content":"c","allowed_mentions":{"replied_user":true}}`:             "[replied_user]",
		with(`"content":"@everyone"`):                                          "[]",
	} {
		want(t, body, ask(t, s, "POST", path, body), 200, 0)
		all := s.Messages()
		if got := fmt.Sprint(all[len(all)-1].Last().Pings); got != kinds {
			t.Errorf("%s may ping %s, want %s", body, got, kinds)
		}
	}
	id := created(t, s)
	want(t, "edit", ask(t, s, "PATCH", path+"/"+id, `{"content":"c"}`), 200, 0)
	want(t, "webhook", ask(t, s, "POST", hook.Path(), `{"content":"c"}`), 204, 0)
	all := s.Messages()
	if got := fmt.Sprint(all[len(all)-1].Last().Pings); got != "[users]" {
		t.Errorf("a webhook may ping %s, want users", got)
	}
	if v := s.Violations(); len(v) != 5 || v[0].Rule != RulePing {
		t.Errorf("violations %+v, want five of messages that may ping", v)
	}
}

func FuzzBodies(f *testing.F) {
	f.Add(post(`{"title":"t","fields":[{"name":"n","value":"v"}]}`))
	f.Add(`{"components":[{"type":1,"components":[{"type":2}]}],"nonce":"a","enforce_nonce":true}`)
	f.Add(`{"allowed_mentions":{"parse":[null]},"embeds":[[]]}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, body string) {
		s := New(Config{})
		r := ask(t, s, "POST", path, body)
		if r.status != 200 && r.status != 400 {
			t.Errorf("HTTP %d %v", r.status, r.body)
		}
		for _, m := range s.Messages() {
			total := 0
			for _, e := range m.Last().Embeds {
				total += e.characters()
			}
			if len(m.Last().Embeds) > 10 || total > 6000 || size(m.Last().Content) > 2000 {
				t.Errorf("accepted %q", body)
			}
		}
	})
}
