package discordtest

import (
	"testing"
	"testing/synctest"
	"time"
)

var hook = Webhook{ID: "900", Token: "hush", Channel: "42"}

func TestWebhook(t *testing.T) {
	s := New(Config{Webhooks: []Webhook{hook}})
	body := with(`"content":"c","username":"News"`)
	if r := ask(t, s, "POST", hook.Path(), body); r.status != 204 || r.body != nil {
		t.Errorf("HTTP %d %v without wait, want 204 and nothing", r.status, r.body)
	}
	r := ask(t, s, "POST", hook.Path()+"?wait=true", body)
	if r.status != 200 || r.body["webhook_id"] != hook.ID || r.body["channel_id"] != "42" {
		t.Errorf("HTTP %d %v with wait, want a message of the webhook", r.status, r.body)
	}
	edit := hook.Path() + "/messages/" + r.id()
	want(t, "edit", ask(t, s, "PATCH", edit, post(`{"title":"t"}`)), 200, 0)
	want(t, "edit by a bot", ask(t, s, "PATCH", path+"/"+r.id(), post(`{"title":"t"}`)), 403, 50005)
	want(t, "edit of a bot's", ask(t, s, "PATCH", hook.Path()+"/messages/"+created(t, s), post(`{"title":"t"}`)), 404, 10008)
	want(t, "versioned", ask(t, s, "POST", "/api/v10/webhooks/900/hush", body), 204, 0)
	want(t, "a nonce", ask(t, s, "POST", hook.Path(), with(`"content":"c","nonce":"n"`)), 400, 50035)
	want(t, "a name", ask(t, s, "POST", hook.Path(), with(`"content":"c","username":"Discord News"`)), 400, 50035)
	want(t, "a wrong token", ask(t, s, "POST", "/api/webhooks/900/loud", body), 401, 50027)
	want(t, "an unknown one", ask(t, s, "POST", "/api/webhooks/901/hush", body), 404, 10015)
	want(t, "an unknown thread", ask(t, s, "POST", hook.Path()+"?thread_id=7", body), 404, 10003)
	want(t, "the webhook", ask(t, s, "GET", hook.Path(), ""), 200, 0)
	link := with(`"content":"c","components":[{"type":1,"components":[{"type":2,"style":5,"label":"l","url":"https://example.com/"}]}]`)
	for query, n := range map[string]int{"?wait=true": 0, "?wait=true&with_components=true": 1} {
		if r := ask(t, s, "POST", hook.Path()+query, link); len(r.body["components"].([]any)) != n {
			t.Errorf("%s: %v, want %d rows", query, r.body["components"], n)
		}
	}
	want(t, "delete", ask(t, s, "DELETE", edit, ""), 204, 0)
	want(t, "a deleted one", ask(t, s, "PATCH", edit, post(`{"title":"t"}`)), 404, 10008)
}

func TestWebhookLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Realistic()
		c.Webhooks = []Webhook{hook, {ID: "901", Token: "x", Channel: "42"}}
		c.Writes = Limit{12, time.Minute}
		s := New(c)
		send := func(w Webhook) reply { return ask(t, s, "POST", w.Path(), with(`"content":"c"`)) }
		for range 5 {
			want(t, "five", send(hook), 204, 0)
		}
		if r := send(hook); r.status != 429 || r.header.Get("X-RateLimit-Scope") != "user" || r.body["retry_after"] != 2.0 {
			t.Errorf("the sixth: HTTP %d %v, want 429 for 2 s", r.status, r.body)
		}
		want(t, "another webhook", send(c.Webhooks[1]), 204, 0)
		time.Sleep(2 * time.Second)
		for range 5 {
			want(t, "after 2 s", send(hook), 204, 0)
		}
		send(c.Webhooks[1])
		r := send(c.Webhooks[1])
		if r.status != 429 || r.header.Get("X-RateLimit-Scope") != "shared" || r.header.Get("X-RateLimit-Remaining") != "3" || r.body["retry_after"] != 58.0 {
			t.Errorf("the 13th in the channel: HTTP %d %v %v, want a shared 429 for 58 s", r.status, r.header, r.body)
		}
		if n := s.Invalid(); n != 1 {
			t.Errorf("%d invalid requests, want 1: shared ones do not count", n)
		}
	})
}

func TestWebhookThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Webhooks: []Webhook{hook}})
		s.DeleteWebhook(hook.ID)
		for range 2 {
			want(t, "gone", ask(t, s, "POST", hook.Path(), with(`"content":"c"`)), 404, 10015)
			time.Sleep(time.Second)
		}
		if v := s.Violations(); len(v) != 1 || v[0].Rule != RuleGone || v[0].Request.N != 2 {
			t.Errorf("violations %+v, want the second request", v)
		}
	})
}
